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

    private static ShownMessage Message(long seq, string id) => new(seq, $"id-{id}", id, "ana", id);

    private static Observation Seen(ShownMessage[] shown, long since = 1) => new("ana", since, shown, [], History);
}
