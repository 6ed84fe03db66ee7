using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Pinning;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Tests.Pinning;

public sealed class PinVerbTests
{
    private readonly Flush _flush = Deciding.NewFlush();
    private readonly RoomState _room = Deciding.Room();

    public PinVerbTests() => _room.Pins = 0;

    [Fact]
    public void A_pin_is_kept_with_its_place_and_taken_off_again()
    {
        var message = _flush.Has("m1");
        _flush.NowMs = 1234;

        Pin("m1");
        Assert.Equal((11L, 1234L, "mod", 1), (message.PinnedSeq, message.PinnedAtMs, message.PinnedBy, _room.Pins));

        Pin("m1", unpin: true);
        Assert.Equal((0L, 0L, "", 0), (message.PinnedSeq, message.PinnedAtMs, message.PinnedBy, _room.Pins));
        Assert.Equal([true, false], Entries.Select(entry => entry.Event.Pinned.Pinned));
        Assert.Equal([11L, 12L], Entries.Select(entry => entry.Event.Seq));
    }

    [Fact]
    public void What_is_so_already_is_answered_as_done()
    {
        _flush.Has("m1");
        _flush.NowMs = 1234;
        Pin("m1");

        Pin("m1", userId: "other");
        _flush.Has("m2");
        Pin("m2", unpin: true);

        Assert.Single(Entries);
        Assert.Equal([("mod", 1234L), ("mod", 0L)], _flush.Replies.Select(reply => reply.Reply.Stored.Entry).Select(entry => (entry.UserId, entry.CreatedAtMs)));
    }

    [Fact]
    public void A_room_has_so_many_pins_at_most_and_deleting_a_pinned_message_makes_room()
    {
        _flush.NowMs = 1234;
        _room.Pins = PinVerb.MaxPins - 1;
        foreach (var id in (string[])["m1", "m2"])
        {
            _flush.Has(id);
            Pin(id);
        }

        Assert.Equal(ErrorCode.LimitExceeded, Assert.Single(_flush.Replies).Reply.Refused.Code);
        _flush.Decide(Commands.Delete("lobby", "ana", "m1").By(_room));
        Pin("m2");

        Assert.Equal([true, true], Entries.Where(entry => entry.Event.Pinned is not null).Select(entry => entry.Event.Pinned.Pinned));
        Assert.Equal(PinVerb.MaxPins, _room.Pins);
    }

    [Fact]
    public void In_a_public_room_those_pin_who_moderate()
    {
        _flush.Has("m1");

        _flush.Decide(Commands.Pin("lobby", "ana", "m1").By(_room));

        Assert.Equal(ErrorCode.Forbidden, Assert.Single(_flush.Replies).Reply.Refused.Code);
    }

    private List<LogEntry> Entries => _room.Entries ?? [];

    private void Pin(string messageId, bool unpin = false, string userId = "mod") =>
        _flush.Decide(Commands.Pin("lobby", userId, messageId, unpin).By(_room, role: "moderator"));
}
