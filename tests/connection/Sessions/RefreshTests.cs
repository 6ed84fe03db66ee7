using Tertulia.Connections.Sessions;
using Tertulia.Connections.Tests.Auth;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Sessions;

/// <summary>What a new token takes away is taken away from the open session, too.</summary>
public sealed class RefreshTests : IAsyncLifetime
{
    private static readonly Dictionary<string, string[]> Everything = new() { ["secret"] = ["read", "write"], ["lobby"] = ["read", "write"] };

    private TestNode _node = null!;

    public async Task InitializeAsync() => _node = await TestNode.StartAsync();

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task Who_may_not_read_a_room_any_more_is_out_of_it_and_told_so()
    {
        var ana = await InRoomsAsync(Everything, "secret", "lobby");

        await RefreshAsync(ana, new Dictionary<string, string[]> { ["secret"] = ["write"], ["lobby"] = ["read"] });

        var error = await ana.NextAsync("error", "why");
        Assert.Equal((40301, "secret"), (error.Code, error.Root.GetProperty("room_id").GetString()));
        Assert.Equal("secret", (await ana.NextAsync("left", "what")).Text("room_id"));
        await _node.TellEventsAsync("secret", TestNode.Message(6));
        await _node.TellEventsAsync("lobby", TestNode.Message(6));
        await _node.SettledAsync();
        Assert.Equal(["m6"], await ana.MessagesAsync(1));
        await ana.HasNothingMoreAsync();
        await ReportedAsync(change => change.Left == "secret", "the others are told that it left");
    }

    [Fact]
    public async Task What_the_session_does_next_is_done_with_the_new_rights()
    {
        var ana = await InRoomsAsync(Everything, "lobby");

        await RefreshAsync(ana, new Dictionary<string, string[]> { ["lobby"] = ["read"] });
        await ana.SayAsync("lobby", "hola");
        await ana.TypeAsync("lobby", isTyping: true);

        Assert.Equal(new Grant { Read = true }, (await _node.CommandAsync(Command.BodyOneofCase.Send)).Actor.Grant);
        Assert.Equal(40301, (await ana.NextAsync("error", "typing is refused")).Code);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Where_the_rooms_own_rules_decide_from_now_on_they_are_asked(bool stays)
    {
        var ana = await InRoomsAsync(Everything, "lobby");

        await RefreshAsync(ana, rooms: null);
        var asked = await _node.CommandAsync(Command.BodyOneofCase.Join);
        Assert.Equal(("lobby", null), (asked.RoomId, asked.Actor.Grant));
        if (stays)
        {
            await _node.AdmitAsync(asked, seq: 5);
        }
        else
        {
            await _node.ReplyAsync(asked, reply => reply.Refused = new Refusal { Code = ErrorCode.Forbidden });
            Assert.Equal(40301, (await ana.NextAsync("error", "why")).Code);
            await ana.NextAsync("left", "what");
        }

        await Eventually.CompletesAsync(ana.Session.Calls.WhenIdleAsync(), "the answer was looked at");
        await _node.TellEventsAsync("lobby", TestNode.Message(6));
        await _node.SettledAsync();
        Assert.Equal(stays ? ["m6"] : [], stays ? await ana.MessagesAsync(1) : []);
        await ana.HasNothingMoreAsync();
    }

    [Fact]
    public async Task A_join_that_is_under_way_ends_with_the_old_token()
    {
        var ana = await ConnectAsync(Everything);
        await ana.JoinAsync("secret");
        var join = await _node.CommandAsync(Command.BodyOneofCase.Join);

        await RefreshAsync(ana, new Dictionary<string, string[]> { ["lobby"] = ["read"] });
        Assert.Equal(40301, (await ana.NextAsync("error", "why")).Code);
        await ana.NextAsync("left", "what");
        await _node.AdmitAsync(join, seq: 5);
        await _node.TellEventsAsync("secret", TestNode.Message(6));
        await _node.SettledAsync();

        await Eventually.CompletesAsync(ana.Session.Calls.WhenIdleAsync(), "the join is over");
        await ana.HasNothingMoreAsync();
    }

    [Fact]
    public async Task A_token_that_says_the_same_changes_nothing_and_another_name_is_told_to_presence()
    {
        var ana = await InRoomsAsync(rooms: null, "lobby");

        await RefreshAsync(ana, rooms: null, name: "Ana María");

        await ReportedAsync(change => change.Opened?.Username == "Ana María", "the new name is told");
        await ana.HasNothingMoreAsync();
        Assert.False(_node.TryReadCommand(out _));
    }

    private string Token(Dictionary<string, string[]>? rooms, string name) => rooms is null
        ? TokenIssuer.Hs256(new { sub = "ana", name, exp = _node.Time.GetUtcNow().ToUnixTimeSeconds() + 600 }, TestNode.Secret)
        : TokenIssuer.Hs256(new { sub = "ana", name, exp = _node.Time.GetUtcNow().ToUnixTimeSeconds() + 600, rooms }, TestNode.Secret);

    private async Task<TestClient> ConnectAsync(Dictionary<string, string[]>? rooms)
    {
        var client = _node.NewClient(new SessionOpening(null, null, null, null, null));
        await client.OpenAsync();
        await client.SendAsync(new AuthCommand { Token = Token(rooms, "ana") });
        await client.NextAsync("auth_ok", "the token is good");
        await client.NextAsync("connected", "the greeting");
        return client;
    }

    private async Task<TestClient> InRoomsAsync(Dictionary<string, string[]>? rooms, params string[] roomIds)
    {
        var client = await ConnectAsync(rooms);
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ => new Snapshot { Epoch = TestNode.Epoch, Seq = 5 });
        foreach (var roomId in roomIds)
        {
            await client.JoinAsync(roomId);
            await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 5);
            await client.NextAsync("joined", "ana joins");
        }

        await Eventually.CompletesAsync(client.Session.Calls.WhenIdleAsync(), "the joins are over");
        return client;
    }

    private async Task RefreshAsync(TestClient client, Dictionary<string, string[]>? rooms, string name = "ana")
    {
        await client.SendAsync(new AuthCommand { Token = Token(rooms, name), Ref = "r" });
        Assert.Equal("r", (await client.NextAsync("auth_ok", "the new token is good")).Ref);
    }

    private async Task ReportedAsync(Func<PresenceChange, bool> condition, string what)
    {
        PresenceReport report;
        do
        {
            report = await Eventually.CompletesAsync(_node.Reports.ReadAsync().AsTask(), what);
        }
        while (report.Delta is null || !report.Delta.Changes.Any(condition));
    }
}
