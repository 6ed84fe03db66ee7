using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
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
        OfferLarge(1, 2, 3, 4);

        GoLive(seq: 1);
        Offer(5);
        _client.Session.TellMissed();
        Offer(6);

        Assert.Equal(["m2"], await SeqsAsync(1));
        var gap = await _client.NextAsync("gap", "the gap");
        Assert.Equal((3, 5), (gap.Number("from_seq"), gap.Number("to_seq")));
        Assert.Equal(["m6"], await SeqsAsync(1));
    }

    [Fact]
    public async Task A_snapshot_that_holds_what_could_not_wait_leaves_no_gap()
    {
        OfferLarge(1, 2, 3);

        GoLive(3);
        _client.Session.TellMissed();
        Offer(4);

        Assert.Equal(["m4"], await SeqsAsync(1));
    }

    [Fact]
    public async Task A_member_for_whom_too_much_waits_is_sent_what_could_and_reads_on_from_there()
    {
        OfferLarge(1, 2, 3, 4);

        Assert.Equal(Showing.Behind, Show(1));
        Assert.Equal(2, _member.ShownSeq);
        Offer(5);
        Assert.Equal(Showing.Live, Show(4));

        Assert.Equal(["m2", "m5"], await SeqsAsync(2));
    }

    [Fact]
    public void Small_frames_wait_by_the_hundred()
    {
        for (var seq = 1; seq <= 400; seq++)
        {
            Assert.True(Offer(seq));
        }
    }

    [Fact]
    public async Task Lists_that_wait_are_bounded_in_bytes()
    {
        var users = Enumerable.Range(0, 100).Select(number => new PresentUser { UserId = $"user-{number}".PadRight(400, 'x'), Username = "x", Status = "online" }).ToArray();
        lock (_member.Room.Gate)
        {
            for (var sent = 0; sent < 100; sent++)
            {
                _member.OfferPassing(new PresenceStateEvent("lobby", users, HasMore: false)); // About 50 kB.
            }
        }

        GoLive(seq: 0);

        await _client.NextAsync("presence_state", "the first list");
        await _client.NextAsync("presence_state", "the second list");
        await _client.HasNothingMoreAsync();
    }

    [Fact]
    public void A_single_frame_above_the_bound_waits()
    {
        lock (_member.Room.Gate)
        {
            Assert.True(_member.Offer(Frame(1, RoomMember.WaitingCapacityBytes * 2), 1));
        }
    }

    [Fact]
    public void What_is_older_than_the_room_was_when_the_member_came_is_not_shown()
    {
        var later = _node.Hub.Enter(_client.Session, "lobby", "ana");
        _member.Room.SetBase(TestNode.Epoch, 5, 1, ownerEpoch: 1);

        lock (_member.Room.Gate)
        {
            Assert.Equal(Showing.Stale, later.Show(null, TestNode.Epoch, 4));
            Assert.Equal(Showing.Stale, later.Show(null, "e0", 9));
            Assert.Equal(Showing.Live, later.Show(null, TestNode.Epoch, 5));
        }
    }

    [Fact]
    public async Task Answers_that_had_to_wait_are_sent_even_when_the_join_fails()
    {
        Offer(1);
        lock (_member.Room.Gate)
        {
            _member.Reply(new ErrorEvent(Contracts.ErrorCode.NotMember, Ref: "m1"));
        }

        Assert.True(_member.Room.Remove(_member, _node.Time.GetTimestamp()));

        Assert.Equal("m1", (await _client.NextAsync("error", "the answer")).Ref);
        Assert.False(_member.Room.Remove(_member, _node.Time.GetTimestamp()));
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

    private static ServerEvent Frame(long seq, int bytes) =>
        new MessageEvent("lobby", TestNode.Epoch, TestNode.Message(seq, content: $"m{seq}".PadRight(bytes)));

    private bool Offer(long seq) => Offer(seq, 0);

    private bool Offer(long seq, int bytes)
    {
        lock (_member.Room.Gate)
        {
            return _member.Offer(Frame(seq, bytes), seq);
        }
    }

    // Two of them may wait.
    private void OfferLarge(params long[] seqs)
    {
        _member.Room.SetBase(TestNode.Epoch, 0, 1, ownerEpoch: 1);
        foreach (var seq in seqs)
        {
            Assert.Equal(seq <= 2, Offer(seq, RoomMember.WaitingCapacityBytes / 5 * 2));
        }
    }

    private async Task<string[]> SeqsAsync(int count) => [.. (await _client.MessagesAsync(count)).Select(content => content.TrimEnd())];

    private Showing Show(long seq)
    {
        lock (_member.Room.Gate)
        {
            return _member.Show(serverEvent: null, TestNode.Epoch, seq);
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
