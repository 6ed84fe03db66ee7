using System.Net.WebSockets;
using System.Text;
using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>Whatever a client sends: the documented answer, an unharmed process, and nothing for the others to notice.</summary>
[Collection(LimitedCollection.Name)]
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class HostileInputTests(LimitedCluster fixture) : IAsyncLifetime
{
    private readonly string _room = $"hostile-{Guid.NewGuid():N}";
    private readonly string _mallory = $"mallory-{Guid.NewGuid():N}";
    private int[] _processes = [];
    private ChatClient? _ana, _bruno;

    private ClusterProcesses Cluster => fixture.Cluster;

    private Uri Gateway => Cluster.GatewayUrl;

    /// <summary>Two who talk while a third one misbehaves.</summary>
    public async Task InitializeAsync()
    {
        _processes = [.. Cluster.All.Select(process => process.Id)];
        _ana = await ChatClient.JoinAsync(Cluster.NodeUrls[0], _room, $"ana-{_room}");
        _bruno = await ChatClient.JoinAsync(Cluster.NodeUrls[1], _room, $"bruno-{_room}");
    }

    /// <summary>After every test: the others talk on over their old connections, and no process has ended.</summary>
    public async Task DisposeAsync()
    {
        await _ana!.SayAsync("still here");
        await _bruno!.WaitForAsync(frame => frame.Type == "message" && frame.Text("content") == "still here", "Ana's message");
        await _ana.DisposeAsync();
        await _bruno.DisposeAsync();
        Assert.Equal(_processes, Cluster.All.Select(process => process.Id));
        Assert.DoesNotContain(Cluster.All, process => process.HasExited);
    }

    [Theory]
    [InlineData("{", 40002, "invalid_json")]
    [InlineData("", 40002, "invalid_json")]
    [InlineData("{\"type\":\"ping\"} trailing", 40002, "invalid_json")]
    [InlineData("{'type':'ping'}", 40002, "invalid_json")]
    [InlineData("{\"content\":\"no type\"}", 40001, "bad_request")]
    [InlineData("{\"type\":7}", 40001, "bad_request")]
    [InlineData("{\"type\":\"message\",\"content\":7}", 40001, "bad_request")]
    [InlineData("{\"type\":\"message\"}", 40001, "bad_request")]
    [InlineData("{\"type\":\"message\",\"content\":\"\"}", 40004, "invalid_message")]
    [InlineData("{\"type\":\"typing\",\"is_typing\":\"yes\"}", 40001, "bad_request")]
    [InlineData("{\"type\":\"join\",\"room_id\":\"no spaces\"}", 40001, "bad_request")]
    [InlineData("{\"type\":\"history\",\"limit\":101}", 40001, "bad_request")]
    [InlineData("{\"type\":\"message\",\"content\":\"x\",\"room_id\":\"never-joined\"}", 40302, "not_member")]
    public async Task A_frame_that_makes_no_sense_is_answered_and_the_connection_stays(string frame, int code, string name)
    {
        await using var mallory = await ChatClient.JoinAsync(Gateway, _room, _mallory);

        await mallory.SendAsync(frame);
        var error = await mallory.WaitForAsync("error");

        Assert.Equal((code, name), (error.Code, error.Text("name")));
        Assert.Equal("pong", (await mallory.AskAsync("\"type\":\"ping\"")).Type);
    }

    [Fact]
    public async Task An_unknown_type_is_an_error_with_the_frames_reference()
    {
        await using var mallory = await ChatClient.JoinAsync(Gateway, _room, _mallory);

        var error = await mallory.AskAsync("\"type\":\"levitate\"");

        Assert.Equal((40003, "unknown_type", false), (error.Code, error.Text("name"), error.Flag("temporary")));
        Assert.Equal("pong", (await mallory.AskAsync("\"type\":\"ping\"")).Type);
    }

    [Fact]
    public async Task Content_above_the_limit_is_an_invalid_message()
    {
        await using var mallory = await ChatClient.JoinAsync(Gateway, _room, _mallory);

        await mallory.SayAsync(new string('x', 1000));
        var error = await mallory.AskAsync($"\"type\":\"message\",\"content\":\"{new string('x', 1001)}\"");

        Assert.Equal((40004, "Invalid message"), (error.Code, error.Text("message")));
    }

    [Fact]
    public async Task Deep_nesting_is_invalid_json()
    {
        await using var mallory = await ChatClient.JoinAsync(Gateway, _room, _mallory);
        var deep = string.Concat(Enumerable.Repeat("{\"a\":", 5000)) + "1" + new string('}', 5000);

        await mallory.SendAsync($$"""{"type":"message","content":"x","metadata":{{deep}}}""");

        Assert.Equal(40002, (await mallory.WaitForAsync("error")).Code);
        Assert.Equal("pong", (await mallory.AskAsync("\"type\":\"ping\"")).Type);
    }

    [Fact]
    public async Task Text_that_is_not_utf8_is_closed_with_4500()
    {
        await using var mallory = await ChatClient.JoinAsync(Gateway, _room, _mallory);

        await mallory.SendAsync(new byte[] { (byte)'{', (byte)'"', 0xC3, 0x28, (byte)'"', (byte)'}' }, WebSocketMessageType.Text);

        Assert.Equal(4500, await mallory.WaitForCloseAsync());
    }

    [Fact]
    public async Task A_binary_frame_is_closed_with_4500()
    {
        await using var mallory = await ChatClient.JoinAsync(Gateway, _room, _mallory);

        await mallory.SendAsync(new byte[] { 1, 2, 3 }, WebSocketMessageType.Binary);

        Assert.Equal(4500, await mallory.WaitForCloseAsync());
    }

    [Fact]
    public async Task A_frame_above_64_kilobytes_is_closed_with_1009()
    {
        await using var mallory = await ChatClient.JoinAsync(Gateway, _room, _mallory);

        await mallory.SendAsync(Encoding.UTF8.GetBytes($$"""{"type":"message","content":"{{new string('x', 70_000)}}"}"""), WebSocketMessageType.Text);

        Assert.Equal(1009, await mallory.WaitForCloseAsync());
    }

    public static TheoryData<string, byte[]> BrokenFrames => new()
    {
        { "unmasked", [0x81, 0x02, (byte)'{', (byte)'}'] },
        { "reserved bit", RawSocket.Frame(0xC1, "{}"u8) },
        { "reserved opcode", RawSocket.Frame(0x83, "{}"u8) },
        { "long control frame", RawSocket.Frame(0x89, new byte[200]) },
        { "fragmented control frame", RawSocket.Frame(0x09, "x"u8) },
        { "continuation of nothing", RawSocket.Frame(0x80, "{}"u8) },
    };

    [Theory]
    [MemberData(nameof(BrokenFrames))]
    public async Task A_broken_frame_is_closed_with_4500(string what, byte[] bytes)
    {
        await using var mallory = await RawSocket.OpenAsync(Gateway, $"/ws/{_room}?user_id={_mallory}&username={what.Replace(' ', '-')}");

        await mallory.SendAsync(bytes);

        Assert.Equal(4500, await mallory.CloseCodeAsync());
    }

    [Fact]
    public async Task A_frame_that_never_ends_is_closed_with_1009_before_it_is_held()
    {
        await using var mallory = await RawSocket.OpenAsync(Gateway, $"/ws/{_room}?user_id={_mallory}&username=m");

        // The header announces an exabyte; not one byte of it has to come.
        await mallory.SendAsync(new byte[] { 0x81, 0xFF, 0x0F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4 });

        Assert.Equal(1009, await mallory.CloseCodeAsync());
    }

    [Fact]
    public async Task A_thousand_joins_are_refused_from_the_limit_on()
    {
        await using var mallory = await ChatClient.ConnectAsync(Gateway, $"/ws?user_id={_mallory}&username=m");
        await mallory.WaitForAsync("connected");

        for (var i = 0; i < 1000 && !mallory.Closed.IsCompleted; i++)
        {
            await TrySendAsync(mallory, $$"""{"type":"join","room_id":"{{_room}}-{{i}}","ref":"{{i}}"}""");
        }

        // Entering rooms has an allowance of its own; a thousand frames in one go are a flood all the same.
        Assert.Equal(4007, await mallory.WaitForCloseAsync());
        // Which limit comes first depends on who is faster: that of rooms on a socket, or that of new rooms in an hour.
        var refusals = mallory.Frames.Where(frame => frame.Type == "error").Select(frame => frame.Text("name")).Distinct().ToList();
        Assert.NotEmpty(refusals);
        Assert.Subset(new HashSet<string> { "limit_exceeded", "rate_limited" }, refusals.ToHashSet());
        Assert.InRange(mallory.Frames.Count(frame => frame.Type == "joined"), 0, 128);
    }

    [Fact]
    public async Task A_flood_is_refused_and_then_closed_with_4007()
    {
        await using var mallory = await ChatClient.JoinAsync(Gateway, _room, _mallory);

        for (var i = 0; i < 2000 && !mallory.Closed.IsCompleted; i++)
        {
            await TrySendAsync(mallory, """{"type":"message","content":"flood"}""");
        }

        Assert.Equal(4007, await mallory.WaitForCloseAsync());
        Assert.Contains(mallory.Frames, frame => frame.Type == "error" && frame.Text("message") == "Rate limit exceeded");
        Assert.True(_bruno!.Frames.Count(frame => frame.Type == "message") <= 100);
    }

    [Theory]
    [InlineData("/ws/no%20room")]
    [InlineData("/ws/ñ")]
    public async Task A_room_that_cannot_be_is_refused(string path)
    {
        await using var mallory = await ChatClient.ConnectAsync(Gateway, $"{path}?user_id={_mallory}&username=m");

        Assert.Equal(40001, (await mallory.WaitForAsync("error")).Code);
        Assert.Equal(1000, await mallory.WaitForCloseAsync());
    }

    private static async Task TrySendAsync(ChatClient client, string json)
    {
        try
        {
            await client.SendAsync(json);
        }
        catch (Exception closed) when (closed is WebSocketException or IOException or OperationCanceledException)
        {
            await client.WaitForCloseAsync();
        }
    }
}
