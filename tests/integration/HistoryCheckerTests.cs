using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>A checker that finds nothing proves nothing: here it finds each kind of violation.</summary>
public sealed class HistoryCheckerTests
{
    private static readonly ShownMessage[] History = [Message(2, "a"), Message(3, "b"), Message(5, "c")];

    [Fact]
    public void A_room_that_kept_its_promises_has_no_violations()
    {
        Assert.Equal([], HistoryChecker.Check([Seen(History), Seen(History[1..], since: 2)]));
    }

    [Fact]
    public void What_was_acknowledged_and_is_not_in_the_history_is_lost()
    {
        var ana = Seen(History) with { Acknowledged = [new("a", "id-a", 2), new("x", "id-x", 4)] };

        Assert.Equal(["ana: acknowledged x at seq 4 is lost"], HistoryChecker.Check([ana]));
    }

    [Fact]
    public void What_was_acknowledged_at_another_seq_is_lost()
    {
        Assert.Single(HistoryChecker.Check([Seen(History) with { Acknowledged = [new("a", "id-a", 3)] }]));
    }

    [Fact]
    public void A_message_shown_twice_and_one_out_of_order_are_found()
    {
        var violations = HistoryChecker.Check([Seen([History[0], History[2], History[1], History[1]])]);

        Assert.Contains("ana: was shown seq 3 out of order", violations);
        Assert.Contains("ana: was shown message id-b twice", violations);
    }

    [Fact]
    public void The_same_client_msg_id_at_two_seqs_is_found()
    {
        ShownMessage[] twice = [.. History, History[0] with { Seq = 6, Id = "id-2" }];

        Assert.Contains("history: ana's message a is there twice", HistoryChecker.Check([Seen(twice) with { History = twice }]));
    }

    [Fact]
    public void What_was_not_shown_and_what_only_one_saw_are_found()
    {
        Assert.Equal(["ana: was never shown seq 3"], HistoryChecker.Check([Seen([History[0], History[2]])]));
        Assert.Contains(HistoryChecker.Check([Seen([.. History, Message(6, "ghost")])]), violation => violation.Contains("ghost", StringComparison.Ordinal));
    }

    [Fact]
    public void Clients_that_read_different_histories_are_found()
    {
        var other = Seen(History) with { UserId = "bruno", History = History[..2] };

        Assert.Contains("bruno: reads another history (2 messages) than ana (3)", HistoryChecker.Check([Seen(History), other]));
    }

    [Fact]
    public void A_newcomer_and_one_who_resumes_who_were_shown_all_have_no_violations()
    {
        Assert.Equal([], Check(new RoomView(null, 4, History[..2], [History[2]], [])));
        Assert.Equal([], Check(new RoomView(null, 1, [], History, [])));
        Assert.Equal([], Check(new RoomView(2, 4, [History[1]], [History[2]], [])));
        Assert.Equal([], Check(new RoomView(2, 5, [], [], [new(3, 5)])));
        Assert.Equal([], Check(new RoomView(1, 5, [History[0]], History[1..], [])));
        Assert.Equal([], Check(new RoomView(1, 5, History[..2], [], [])));
    }

    [Fact]
    public void A_hole_in_a_greeting_is_found_wherever_it_is()
    {
        Assert.Equal(["ana, connection 1: the greeting as of seq 5 shows 2 of 3 messages", .. Leaves(5, 3)], Check(new RoomView(null, 5, [History[0], History[2]], [], [])));
        Assert.Equal(["ana, connection 1: the greeting as of seq 4 shows 1 of 2 messages", .. Leaves(4, 3)], Check(new RoomView(null, 4, [History[0]], [History[2]], [])));
        Assert.Equal(["ana, connection 1: the greeting as of seq 4 shows 0 of 2 messages"], Check(new RoomView(null, 4, [], [History[2]], [])));
        Assert.Equal(Leaves(5, 3), Check(new RoomView(2, 5, [History[2]], [], [])));
        Assert.Equal(Leaves(5, 3), Check(new RoomView(1, 5, [History[0]], [History[2]], [])));
    }

    [Fact]
    public void A_greeting_that_shows_fewer_than_a_page_of_a_long_history_is_found()
    {
        ShownMessage[] log = [.. Enumerable.Range(1, 80).Select(seq => Message(seq, $"m{seq}"))];

        Assert.Equal([], HistoryChecker.CheckView("ana", new RoomView(null, 80, log[30..], [], []), log));
        Assert.Equal(
            ["ana: the greeting as of seq 80 shows 49 of 80 messages"], HistoryChecker.CheckView("ana", new RoomView(null, 80, log[31..], [], []), log));
    }

    [Fact]
    public void A_hole_between_the_greeting_and_the_last_live_message_is_found_unless_it_was_announced()
    {
        Assert.Equal(["ana, connection 1: seq 3 never came live"], Check(new RoomView(null, 2, [History[0]], [History[2]], [])));
        Assert.Equal([], Check(new RoomView(null, 2, [History[0]], [History[2]], [new(3, 4)])));
        Assert.Equal(["ana, connection 1: seq 3 never came live"], Check(new RoomView(null, 2, [History[0]], [], [new(4, 5)])));
    }

    [Fact]
    public void What_a_connection_was_shown_twice_or_out_of_order_is_found()
    {
        Assert.Contains("ana, connection 1: was shown message id-b twice", Check(new RoomView(null, 4, History[..2], [History[1], History[2]], [])));
        Assert.Contains("ana, connection 1: was shown seq 3 out of order", Check(new RoomView(null, 2, [History[0]], [History[2], History[1]], [])));
        Assert.Contains("ana, connection 1: was shown seq 2 out of order", Check(new RoomView(null, 5, [History[1], History[0], History[2]], [], [])));
    }

    [Fact]
    public void A_greeting_whose_position_does_not_fit_what_it_shows_is_found()
    {
        Assert.Contains("ana, connection 1: the greeting as of seq 2 shows seq 3", Check(new RoomView(null, 2, History[..2], [History[2]], [])));
        Assert.Contains("ana, connection 1: seq 5 came live after a greeting as of seq 5", Check(new RoomView(null, 5, History[..2], [History[2]], [])));
    }

    [Fact]
    public void A_change_that_came_neither_live_nor_with_the_resume_is_found()
    {
        var view = new RoomView(2, 4, [], [], [new(10, 11)])
        {
            ChangesAfter = 2, LiveEntries = [5, 8, 12], Restored = [("id-a", 4)], Places = [("zoe", 6)],
        };
        AcknowledgedChange[] changes =
        [
            new("id-b", 2, IsPlace: false), new("id-a", 3, IsPlace: false), new("yan", 4, IsPlace: true), new("id-b", 5, IsPlace: false), new("zoe", 6, IsPlace: true),
            new("id-b", 7, IsPlace: false), new("id-a", 10, IsPlace: false), new("id-b", 13, IsPlace: false),
        ];

        Assert.Equal(["ana: change 4 of yan never came", "ana: change 7 of id-b never came"], HistoryChecker.CheckChanges("ana", view, changes));
        Assert.Equal(["ana: entry 5 came live after 8"], HistoryChecker.CheckChanges("ana", view with { LiveEntries = [8, 5, 12] }, []));
    }

    [Fact]
    public void What_only_one_connection_was_shown_is_found()
    {
        var ghost = Message(4, "ghost");

        Assert.Equal(
            [$"ana, connection 1: was shown {ghost}, which the history does not have"], Check(new RoomView(null, 5, [History[0], History[1], ghost, History[2]], [], [])));
    }

    [Fact]
    public void A_view_is_what_the_frames_say_in_their_order()
    {
        Frame[] frames =
        [
            Frame.Parse("""{"type":"connected","seq":4,"epoch":"e","data":{"history":[{"seq":2,"id":"id-a","client_msg_id":"a","user_id":"ana","content":"a"}]}}"""),
            Frame.Parse("""{"type":"gap","data":{"from_seq":5,"to_seq":7}}"""),
            Frame.Parse("""{"type":"message","seq":8,"data":{"seq":8,"id":"id-b","client_msg_id":"b","user_id":"ana","content":"b"}}"""),
        ];

        var view = RoomView.Of(frames, 1)!;

        Assert.Equal((1L, 4L, 8L), (view.After!.Value, view.AsOf, view.LastSeq));
        Assert.Equal([Message(2, "a")], view.History);
        Assert.Equal([Message(8, "b")], view.Live);
        Assert.Equal([new ShownGap(5, 7)], view.Gaps);
        Assert.Null(RoomView.Of(frames[1..], 1));
    }

    private static string[] Leaves(long asOf, long seq) => [$"ana, connection 1: the greeting as of seq {asOf} leaves out seq {seq}"];

    private static IReadOnlyList<string> Check(RoomView view) => HistoryChecker.Check([Seen(History) with { Views = [view] }]);

    private static ShownMessage Message(long seq, string id) => new(seq, $"id-{id}", id, "ana", id);

    private static Observation Seen(ShownMessage[] shown, long since = 1) => new("ana", since, shown, [], History);
}
