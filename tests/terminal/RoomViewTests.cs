namespace Tertulia.Chat.Tests;

public sealed class RoomViewTests
{
    private readonly RoomView _room = new();

    [Fact]
    public void The_first_connection_shows_the_newest_page_and_takes_the_position()
    {
        var step = _room.Connected("e1", 7, Lines(4, 6), recovered: false);

        Assert.Equal([4, 6], Seqs(step));
        Assert.Null(step.PageAfter);
        Assert.Equal(("e1", 7), (_room.Epoch, _room.LastSeq));
    }

    [Fact]
    public void A_message_that_was_shown_is_not_shown_again()
    {
        _room.Connected("e1", 3, Lines(3), recovered: false);

        Assert.Equal([4], Seqs(_room.Message(Line(4))));
        Assert.Empty(Seqs(_room.Message(Line(4))));
        Assert.Empty(Seqs(_room.Message(Line(2))));
    }

    [Fact]
    public void What_was_missed_is_shown_once_when_the_server_recovered_it()
    {
        _room.Connected("e1", 3, Lines(3), recovered: false);
        _room.Message(Line(4));

        Assert.Equal([5, 6], Seqs(_room.Connected("e1", 6, Lines(4, 5, 6), recovered: true)));
        Assert.Equal(6, _room.LastSeq);
    }

    [Fact]
    public void What_did_not_fit_into_the_first_frame_follows_as_messages()
    {
        _room.Connected("e1", 3, Lines(3), recovered: false);

        Assert.Equal([4], Seqs(_room.Connected("e1", 6, Lines(4), recovered: true)));
        Assert.Equal([6], Seqs(_room.Message(Line(6))));
    }

    [Fact]
    public void What_was_missed_and_then_changed_is_shown_though_newer_messages_come_before_it()
    {
        _room.Connected("e1", 3, Lines(3), recovered: false);

        Assert.Equal([4, 6], Seqs(_room.Connected("e1", 9, Lines(4, 6), recovered: true)));
        Assert.Equal([5], Seqs(_room.Message(Line(5))));
        Assert.Empty(Seqs(_room.Message(Line(4))));
        Assert.Empty(Seqs(_room.Message(Line(2))));
        Assert.Equal([10], Seqs(_room.Message(Line(10))));
        Assert.Equal(10, _room.LastSeq);
    }

    [Fact]
    public void A_gap_is_paged_and_everything_after_it_waits_so_that_the_order_holds()
    {
        _room.Connected("e1", 10, Lines(10), recovered: false);

        var gap = _room.Gap(11, 300);
        Assert.Equal((0, 10L), (gap.Show.Count, gap.PageAfter));
        Assert.Empty(Seqs(_room.Message(Line(301))));

        var first = _room.Page(Lines(11, 110), hasMore: true);
        Assert.Equal([11, 110], Seqs(first));
        Assert.Equal(110, first.PageAfter);

        var second = _room.Page(Lines(299, 300), hasMore: true);
        Assert.Equal([299, 300, 301], Seqs(second));
        Assert.Null(second.PageAfter);
    }

    [Fact]
    public void A_resume_that_reaches_not_far_enough_back_pages_the_rest_before_it_shows_the_page()
    {
        _room.Connected("e1", 10, Lines(10), recovered: false);

        var resumed = _room.Connected("e1", 500, Lines(451, 500), recovered: false);
        Assert.Equal((0, 10L), (resumed.Show.Count, resumed.PageAfter));
        Assert.Null(_room.Gap(11, 450).PageAfter);

        Assert.Equal([11, 450, 451, 500], Seqs(_room.Page(Lines(11, 450, 451), hasMore: true)));
        Assert.Equal(500, _room.LastSeq);
    }

    [Fact]
    public void A_gap_that_a_lost_connection_left_open_is_asked_for_again()
    {
        _room.Connected("e1", 10, Lines(10), recovered: false);
        _room.Gap(11, 400);

        Assert.Equal(10, _room.Connected("e1", 500, Lines(451, 500), recovered: false).PageAfter);
    }

    [Fact]
    public void A_hole_that_grew_while_its_end_was_on_the_way_is_asked_for_again()
    {
        _room.Connected("e1", 10, Lines(10), recovered: false);
        Assert.Equal(10, _room.Gap(11, 20).PageAfter);
        Assert.Null(_room.Gap(23, 25).PageAfter);
        _room.Message(Line(26));

        var page = _room.Page(Lines(15, 20, 22), hasMore: false);
        Assert.Equal([15, 20, 22], Seqs(page));
        Assert.Equal(22, page.PageAfter);
        Assert.Equal([24, 26], Seqs(_room.Page(Lines(24, 26), hasMore: false)));
    }

    [Fact]
    public void A_hole_without_messages_holds_nothing_back()
    {
        _room.Connected("e1", 10, Lines(10), recovered: false);
        _room.Gap(11, 12);
        _room.Message(Line(13));

        Assert.Equal([13], Seqs(_room.Page([], hasMore: false)));
    }

    [Fact]
    public void Another_epoch_voids_the_position()
    {
        _room.Connected("e1", 900, Lines(900), recovered: false);

        Assert.Equal([2, 3], Seqs(_room.Connected("e2", 3, Lines(2, 3), recovered: false)));
        Assert.Equal(("e2", 3), (_room.Epoch, _room.LastSeq));
    }

    private static ChatLine Line(long seq) => new(seq, "Ana", $"message {seq}", DateTimeOffset.UnixEpoch);

    private static ChatLine[] Lines(params long[] seqs) => [.. seqs.Select(Line)];

    private static long[] Seqs(Step step) => [.. step.Show.Select(line => line.Seq)];
}
