using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Tests.Support;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Rooms;

public sealed class RoomMemberTests : IAsyncLifetime
{
    private TestNode _node = null!;
    private TestClient _client = null!;
    private RoomMember _member = null!;

    public async Task InitializeAsync()
    {
        _node = await TestNode.StartAsync();
        _client = _node.NewClient(new SessionOpening(TestClient.User("ana"), null, null, null, null));
        _member = _node.Hub.Enter(_client.Session, "lobby", "ana");
    }

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task What_cannot_wait_any_more_is_told_as_a_gap_after_what_could()
    {
        const int More = 10;
        for (var seq = 1; seq <= RoomMember.WaitingCapacity + More; seq++)
        {
            Offer(seq);
        }

        GoLive(seq: RoomMember.WaitingCapacity - 2);
        Offer(RoomMember.WaitingCapacity + More + 1);
        _client.Session.TellMissed();
        Offer(RoomMember.WaitingCapacity + More + 2);

        Assert.Equal([$"m{RoomMember.WaitingCapacity - 1}", $"m{RoomMember.WaitingCapacity}"], await _client.MessagesAsync(2));
        var gap = await _client.NextAsync("gap", "the gap");
        Assert.Equal(
            (RoomMember.WaitingCapacity + 1, RoomMember.WaitingCapacity + More + 1), (gap.Number("from_seq"), gap.Number("to_seq")));
        Assert.Equal([$"m{RoomMember.WaitingCapacity + More + 2}"], await _client.MessagesAsync(1));
    }

    [Fact]
    public async Task A_snapshot_that_holds_what_could_not_wait_leaves_no_gap()
    {
        for (var seq = 1; seq <= RoomMember.WaitingCapacity + 1; seq++)
        {
            Offer(seq);
        }

        GoLive(RoomMember.WaitingCapacity + 1);
        _client.Session.TellMissed();
        Offer(RoomMember.WaitingCapacity + 2);

        Assert.Equal([$"m{RoomMember.WaitingCapacity + 2}"], await _client.MessagesAsync(1));
    }

    [Fact]
    public async Task Answers_that_had_to_wait_are_sent_even_when_the_join_fails()
    {
        Offer(1);
        lock (_member.Room.Gate)
        {
            _member.Reply(new ErrorEvent(Contracts.ErrorCode.NotMember, Ref: "m1"));
        }

        Assert.True(_node.Hub.Leave(_member));

        Assert.Equal("m1", (await _client.NextAsync("error", "the answer")).Ref);
        Assert.False(_node.Hub.Leave(_member));
    }

    [Fact]
    public async Task A_gap_is_told_even_when_nothing_more_happens_in_the_room()
    {
        var ana = await _node.JoinedAsync("ana", "kitchen", seq: 0);
        ana.Stream.Stall();
        for (var seq = 1; seq <= 20; seq++)
        {
            await _node.TellEventsAsync("kitchen", TestNode.Message(seq, content: new string('x', 60_000)));
        }

        await _node.SettledAsync();
        ana.Stream.Resume();

        var frame = await ana.NextAsync();
        while (frame.Type == "message")
        {
            frame = await ana.NextAsync();
        }

        Assert.Equal(("gap", 20L), (frame.Type, frame.Number("to_seq")));
    }

    private void Offer(long seq)
    {
        lock (_member.Room.Gate)
        {
            _member.Offer(new MessageEvent("lobby", TestNode.Epoch, TestNode.Message(seq)), seq);
        }
    }

    private void GoLive(long seq)
    {
        lock (_member.Room.Gate)
        {
            Assert.True(_member.GoLive(serverEvent: null, seq));
        }
    }
}
