using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Rooms;

/// <summary>Who is kicked, banned or removed is out at that very entry, in every state, and told why.</summary>
public sealed class ExitTests : IAsyncLifetime
{
    private TestNode _node = null!;

    public async Task InitializeAsync() => _node = await TestNode.StartAsync();

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Theory]
    [InlineData(MemberAction.Kick, "kicked")]
    [InlineData(MemberAction.Ban, "banned")]
    [InlineData(MemberAction.Remove, "removed")]
    public async Task All_sessions_of_the_user_leave_at_the_entry_and_the_others_see_it(MemberAction action, string reason)
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);
        var phone = await _node.JoinedAsync("bruno", "lobby", seq: 5);
        var desk = await _node.JoinedAsync("bruno", "lobby", seq: 5);

        await _node.TellEventsAsync("lobby", TestNode.Message(6), Changed(7, action, "bruno"), TestNode.Message(8));

        foreach (var session in new[] { phone, desk })
        {
            Assert.Equal(["m6"], await session.MessagesAsync(1));
            Assert.Equal(reason, (await session.NextAsync("left", "the end")).Text("reason"));
            await session.HasNothingMoreAsync();
        }

        Assert.Equal(["m6"], await ana.MessagesAsync(1));
        Assert.Equal(("bruno", reason), await ana.NextAsync("member", "the change") is var member ? (member.Text("user_id"), member.Text("action")) : default);
        Assert.Equal(["m8"], await ana.MessagesAsync(1));
        await phone.SayAsync("lobby", "hola", reference: "r1");
        Assert.Equal(40302, (await phone.NextAsync("error", "it is out")).Code);
    }

    [Fact]
    public async Task Who_was_let_in_again_after_the_entry_stays_when_the_entry_is_read_late()
    {
        await _node.JoinedAsync("ana", "lobby", seq: 5);
        var bruno = await _node.JoinedAsync("bruno", "lobby", seq: 9);

        await _node.TellEventsAsync("lobby", Changed(6, MemberAction.Kick, "bruno"), TestNode.Message(7), TestNode.Message(8), TestNode.Message(9), TestNode.Message(10));

        Assert.Equal(["m10"], await bruno.MessagesAsync(1));
    }

    [Theory]
    [InlineData(6, true)]
    [InlineData(5, false)]
    public async Task Who_is_let_in_before_or_after_the_entry_the_answer_says(long admittedSeq, bool isLetIn)
    {
        await _node.JoinedAsync("ana", "lobby", seq: 5);
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ => new Snapshot { Epoch = TestNode.Epoch, Seq = admittedSeq });
        var bruno = await _node.ConnectAsync("bruno");
        await bruno.JoinAsync("lobby", reference: "j1");
        var join = await _node.CommandAsync(Command.BodyOneofCase.Join);

        await _node.TellEventsAsync("lobby", Changed(6, MemberAction.Kick, "bruno"));
        await _node.AdmitAsync(join, admittedSeq);

        if (isLetIn)
        {
            await bruno.NextAsync("joined", "it came back after it was kicked");
        }
        else
        {
            Assert.Equal("kicked", (await bruno.NextAsync("left", "the end")).Text("reason"));
            Assert.Equal((40301, "j1"), await bruno.NextAsync("error", "the join is refused") is var error ? (error.Code, error.Ref) : default);
        }
    }

    [Fact]
    public async Task Who_enters_while_being_banned_is_told_so_and_is_never_shown_the_room()
    {
        await _node.JoinedAsync("ana", "lobby", seq: 5);
        var bruno = await _node.ConnectAsync("bruno");
        var answers = new TaskCompletionSource<Snapshot>(TaskCreationOptions.RunContinuationsAsynchronously);
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ => answers.Task);
        await bruno.JoinAsync("lobby", reference: "j1");
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 5);

        await _node.TellEventsAsync("lobby", Changed(6, MemberAction.Ban, "bruno"), TestNode.Message(7));
        Assert.Equal("banned", (await bruno.NextAsync("left", "the end")).Text("reason"));
        answers.SetResult(new Snapshot { Epoch = TestNode.Epoch, Seq = 5 });

        var error = await bruno.NextAsync("error", "the join is refused");
        Assert.Equal((40304, "j1"), (error.Code, error.Ref));
        await bruno.HasNothingMoreAsync();
    }

    [Theory]
    [InlineData(MemberAction.Kick, 4506)]
    [InlineData(MemberAction.Ban, 4503)]
    public async Task A_socket_that_has_only_this_room_is_closed(MemberAction action, int code)
    {
        var bruno = _node.NewClient(new SessionOpening(TestClient.User("bruno"), "lobby", null, null, null));
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ => new Snapshot { Epoch = TestNode.Epoch, Seq = 5 });
        await bruno.OpenAsync();
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 5);
        await bruno.NextAsync("connected", "the greeting");

        await _node.TellEventsAsync("lobby", Changed(6, action, "bruno"));

        await bruno.NextAsync("left", "the end");
        Assert.Equal(code, (await Eventually.CompletesAsync(bruno.Stream.Closed, "the socket is closed")).Code);
    }

    [Fact]
    public async Task A_deleted_room_has_nobody()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);
        var bruno = await _node.JoinedAsync("bruno", "lobby", seq: 5);

        await _node.TellEventsAsync("lobby", new RoomEvent { Seq = 6, UserId = "ana", RoomDeleted = new RoomDeleted() });

        Assert.Equal("deleted", (await ana.NextAsync("left", "the end")).Text("reason"));
        Assert.Equal("deleted", (await bruno.NextAsync("left", "the end")).Text("reason"));
        Assert.Equal(0, _node.Hub.Find("lobby")!.LocalCount);
    }

    [Fact]
    public async Task Presence_hears_that_they_left()
    {
        var bruno = await _node.JoinedAsync("bruno", "lobby", seq: 5);

        await _node.TellEventsAsync("lobby", Changed(6, MemberAction.Kick, "bruno"));
        await bruno.NextAsync("left", "the end");

        await bruno.JoinAsync("lobby");
        Assert.Equal("bruno", (await _node.CommandAsync(Command.BodyOneofCase.Join)).Actor.UserId); // It is a new member that asks.
    }

    private static RoomEvent Changed(long seq, MemberAction action, string userId) => new()
    {
        Seq = seq,
        UserId = "mia",
        Member = new MemberChanged { UserId = userId, Action = action, Members = 2, Banned = action == MemberAction.Ban },
    };
}
