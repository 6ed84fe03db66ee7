using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>Every action of docs/permissions.md, as every role, in every kind of room, through the socket: what the document says is what happens.</summary>
/// <remarks>That the document says what the code enforces is tested where the table is.</remarks>
public sealed class PermissionMatrixTests : IAsyncLifetime
{
    private const int Forbidden = 40301;
    private const int NotMember = 40302;
    private const int Muted = 40303;
    private const int Banned = 40304;

    private static readonly string[] Roles = ["none", "guest", "member", "moderator", "owner"];

    private readonly List<ChatClient> _clients = [];
    private AllInOneProcess _product = null!;
    private ChatClient _root = null!;
    private int _victims;

    public static TheoryData<string> Kinds => ["public", "private", "direct", "auditorium"];

    public async Task InitializeAsync()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        _product = await AllInOneProcess.StartAsync(
            new Dictionary<string, string>
            {
                ["Limits__EventsPerMinute"] = "0", ["Limits__RoomsCreatedPerHour"] = "0", ["Limits__RoomsPerConnection"] = "0", ["Auth__Secret"] = Tokens.Secret,
            },
            deadline.Token);
        _root = await ConnectAsync($"/ws?token={Tokens.With("root", "admin")}");
    }

    public async Task DisposeAsync()
    {
        foreach (var client in _clients)
        {
            await client.DisposeAsync();
        }

        await _product.DisposeAsync();
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task What_the_document_says_is_what_happens(string kind)
    {
        var document = Read(kind);
        var wrong = new List<string>();
        foreach (var role in Roles)
        {
            var (client, room, own) = await SetUpAsync(kind, role);
            foreach (var (action, allowed) in document.Select(row => (row.Key, row.Value[Array.IndexOf(Roles, role)])))
            {
                var expected = allowed ? 0 : role == "none" && action != "enter" ? NotMember : Forbidden;
                var code = (await client.AskAsync(await FrameAsync(action, room, own, client))).Code;
                if (code != expected)
                {
                    wrong.Add($"{action} as {role} in {kind}: {code} instead of {expected}");
                }

                if (allowed && action is "enter" && role == "none")
                {
                    await _root.AskAsync($"\"type\":\"member_remove\",\"room_id\":\"{room}\",\"user_id\":\"{own.UserId}\""); // As it was.
                }
                else if (allowed && action == "leave for good")
                {
                    await AddAsync(room, own.UserId, role);
                    await client.AskAsync($"\"type\":\"join\",\"room_id\":\"{room}\"");
                }
            }
        }

        Assert.Empty(wrong);
        Assert.True(document.Count > 25, "the document has the actions");
    }

    [Fact]
    public async Task A_mute_and_a_ban_hold_whatever_the_role()
    {
        var (client, room, own) = await SetUpAsync("public", "moderator");
        await _root.AskAsync($"\"type\":\"mute\",\"room_id\":\"{room}\",\"user_id\":\"{own.UserId}\"");
        foreach (var action in new[] { "write", "reply", "edit own", "react", "pin", "broadcast", "type" })
        {
            Assert.Equal((action, Muted), (action, (await client.AskAsync(await FrameAsync(action, room, own, client))).Code));
        }

        Assert.Equal(0, (await client.AskAsync(await FrameAsync("read", room, own, client))).Code);
        await _root.AskAsync($"\"type\":\"ban\",\"room_id\":\"{room}\",\"user_id\":\"{own.UserId}\"");
        await client.WaitForAsync(frame => frame.Type == "left" && frame.Text("reason") == "banned", "the end of the room");
        foreach (var action in new[] { "enter", "read", "kick", "rename", "delete room", "report" })
        {
            Assert.Equal((action, Banned), (action, (await client.AskAsync(await FrameAsync(action, room, own, client))).Code));
        }
    }

    [Fact]
    public async Task Who_was_kicked_is_no_member_and_a_narrowed_token_takes_away()
    {
        var (client, room, own) = await SetUpAsync("private", "moderator");
        await _root.AskAsync($"\"type\":\"kick\",\"room_id\":\"{room}\",\"user_id\":\"{own.UserId}\"");
        await client.WaitForAsync(frame => frame.Type == "left" && frame.Text("reason") == "kicked", "the end of the room");
        Assert.Equal(Forbidden, (await client.AskAsync(await FrameAsync("enter", room, own, client))).Code);
        Assert.Equal(NotMember, (await client.AskAsync(await FrameAsync("rename", room, own, client))).Code);

        await AddAsync(room, own.UserId, "owner");
        var narrow = await ConnectAsync($"/ws?token={Tokens.With(own.UserId, rooms: new Dictionary<string, string[]> { [room] = ["read"] })}");
        Assert.Equal(0, (await narrow.AskAsync(await FrameAsync("enter", room, own, narrow))).Code);
        foreach (var (action, code) in new[] { ("read", 0), ("write", Forbidden), ("react", Forbidden), ("rename", Forbidden), ("delete room", Forbidden) })
        {
            Assert.Equal((action, code), (action, (await narrow.AskAsync(await FrameAsync(action, room, own, narrow))).Code));
        }
    }

    /// <summary>A user of the role in a room of the kind, who wrote messages there before, beside one of another user.</summary>
    private async Task<(ChatClient Client, string Room, Own Own)> SetUpAsync(string kind, string role)
    {
        var user = $"u-{Guid.NewGuid():N}";
        var client = await ConnectAsync($"/ws?user_id={user}&username={user}");
        string room;
        if (kind == "direct")
        {
            room = (await _root.AskAsync($"\"type\":\"direct\",\"user_id\":\"{user}\",\"content\":\"hola\"")).Root.GetProperty("room_id").GetString()!;
            await _root.AskAsync($"\"type\":\"member_role\",\"room_id\":\"{room}\",\"user_id\":\"{user}\",\"role\":\"owner\"");
        }
        else
        {
            room = (await _root.AskAsync($"\"type\":\"room_create\",\"kind\":\"{kind}\"")).Text("room_id");
            await AddAsync(room, user, "owner");
        }

        foreach (var session in new[] { client, _root })
        {
            Assert.Equal("joined", (await session.AskAsync($"\"type\":\"join\",\"room_id\":\"{room}\"")).Type);
        }

        var own = new Own(
            user, (await client.SayAsync("to be edited", roomId: room)).Text("message_id"), (await client.SayAsync("to be deleted", roomId: room)).Text("message_id"),
            (await _root.SayAsync("another's", roomId: room)).Text("message_id"), (await _root.SayAsync("to be deleted", roomId: room)).Text("message_id"));
        var answer = role == "none"
            ? await _root.AskAsync($"\"type\":\"member_remove\",\"room_id\":\"{room}\",\"user_id\":\"{user}\"")
            : await _root.AskAsync($"\"type\":\"member_role\",\"room_id\":\"{room}\",\"user_id\":\"{user}\",\"role\":\"{role}\"");
        Assert.Equal("member", answer.Type);
        if (role == "none")
        {
            await client.WaitForAsync(frame => frame.Type == "left", "the end of the membership");
        }

        return (client, room, own);
    }

    private async Task<string> FrameAsync(string action, string room, Own own, ChatClient client)
    {
        var fields = action switch
        {
            "enter" => "\"type\":\"join\"",
            "read" => "\"type\":\"history\"",
            "search" => "\"type\":\"search\",\"query\":\"hola\"",
            "write" => "\"type\":\"message\",\"content\":\"hola\"",
            "reply" => $"\"type\":\"message\",\"content\":\"hola\",\"reply_to\":\"{own.Others}\"",
            "edit own" => $"\"type\":\"message_edit\",\"content\":\"another\",\"message_id\":\"{own.Edited}\"",
            "edit any" => $"\"type\":\"message_edit\",\"content\":\"another\",\"message_id\":\"{own.Others}\"",
            "delete own" => $"\"type\":\"message_delete\",\"message_id\":\"{own.Deleted}\"",
            "delete any" => $"\"type\":\"message_delete\",\"message_id\":\"{own.OthersDeleted}\"",
            "react" => $"\"type\":\"reaction_add\",\"emoji\":\":ok:\",\"message_id\":\"{own.Others}\"",
            "pin" => $"\"type\":\"pin\",\"message_id\":\"{own.Others}\"",
            "type" => "\"type\":\"typing\",\"is_typing\":true",
            "broadcast" => "\"type\":\"broadcast\",\"event\":\"wave\"",
            "see members" => "\"type\":\"members\"",
            "read reports" => "\"type\":\"reports\"",
            "report" => $"\"type\":\"report\",\"message_id\":\"{own.Others}\"",
            "leave for good" => $"\"type\":\"member_remove\",\"user_id\":\"{own.UserId}\"",
            "invite" => $"\"type\":\"invite\",\"user_id\":\"{NewVictim()}\"",
            "add member" => $"\"type\":\"member_add\",\"user_id\":\"{NewVictim()}\"",
            "remove member" => $"\"type\":\"member_remove\",\"user_id\":\"{await NewMemberAsync(room)}\"",
            "set role" => $"\"type\":\"member_role\",\"role\":\"guest\",\"user_id\":\"{await NewMemberAsync(room)}\"",
            "kick" or "ban" or "mute" => $"\"type\":\"{action}\",\"user_id\":\"{await NewMemberAsync(room)}\"",
            "rename" => $"\"type\":\"room_update\",\"name\":\"{NewVictim()}\"",
            "set topic" => $"\"type\":\"room_update\",\"topic\":\"{NewVictim()}\"",
            "set kind" => $"\"type\":\"room_update\",\"community\":\"{NewVictim()}\"",
            "slow mode" => "\"type\":\"room_update\",\"slow_mode\":0",
            "archive" => "\"type\":\"room_update\",\"archived\":false",
            "set retention" => "\"type\":\"room_update\",\"retention_days\":0",
            "delete room" => "\"type\":\"room_delete\"",
            _ => throw new InvalidOperationException($"{action} has no frame here: a row of the document that this test does not know"),
        };
        Assert.True(client.Frames.Count > 0);
        return $"{fields},\"room_id\":\"{room}\"";
    }

    private string NewVictim() => $"v-{Interlocked.Increment(ref _victims)}";

    private async Task<string> NewMemberAsync(string room)
    {
        var victim = NewVictim();
        await AddAsync(room, victim, "guest");
        return victim;
    }

    private async Task AddAsync(string room, string user, string role) =>
        Assert.Equal("member", (await _root.AskAsync($"\"type\":\"member_add\",\"room_id\":\"{room}\",\"user_id\":\"{user}\",\"role\":\"{role}\"")).Type);

    private async Task<ChatClient> ConnectAsync(string path)
    {
        var client = await ChatClient.ConnectAsync(_product.Url, path);
        _clients.Add(client);
        await client.WaitForAsync("connected");
        return client;
    }

    /// <summary>The rows of a kind of room: action to what each of the roles may. The destructive ones come last.</summary>
    private static Dictionary<string, bool[]> Read(string kind)
    {
        var rows = new Dictionary<string, bool[]>();
        var lines = File.ReadLines(Path.Combine(Repository.Root, "docs/permissions.md")).SkipWhile(line => line != $"## In a room that is {kind}").Skip(1)
            .TakeWhile(line => !line.StartsWith("## ", StringComparison.Ordinal));
        foreach (var cells in lines.Where(line => line.StartsWith("| ", StringComparison.Ordinal) && !line.StartsWith("| action", StringComparison.Ordinal))
            .Select(line => line.Split('|', StringSplitOptions.TrimEntries))
            .OrderBy(cells => cells[1] switch { "leave for good" => 1, "delete room" => 2, _ => 0 }))
        {
            rows[cells[1]] = [.. cells[3..8].Select(cell => cell == "yes")];
        }

        return rows;
    }

    /// <summary>A user and messages: two of theirs, two of another's.</summary>
    private sealed record Own(string UserId, string Edited, string Deleted, string Others, string OthersDeleted);
}
