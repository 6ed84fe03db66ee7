using Microsoft.Extensions.Options;
using Tertulia.Contracts;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Sending;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Tests.Rooms;

public sealed class JoinHandlerTests
{
    private static readonly Grant Reader = new() { Read = true };
    private readonly Flush _flush = Deciding.NewFlush();

    [Fact]
    public void A_room_that_does_not_exist_is_created_and_owned()
    {
        var room = Deciding.Nowhere();

        Decide(Commands.Join("lobby", "ana").By(room, role: ""));

        Assert.Equal([RoomEvent.BodyOneofCase.Room, RoomEvent.BodyOneofCase.Member], _flush.Entries.Select(entry => entry.Event.BodyCase));
        Assert.Equal(new Joined { Epoch = "epoch", Seq = 2, OwnerEpoch = 77, Members = 1, Role = "owner" }, Assert.Single(_flush.Replies).Reply.Joined);
        Assert.Equal(["node-1"], room.Subscribers);
    }

    [Fact]
    public void Where_rooms_are_not_created_by_joining_it_is_not_found()
    {
        Decide(Commands.Join("lobby", "ana").By(Deciding.Nowhere(), role: ""), createOnJoin: false);

        AssertRefused(ErrorCode.RoomNotFound);
    }

    [Fact]
    public void Whoever_enters_an_open_room_becomes_a_member()
    {
        var room = Deciding.Room(lastSeq: 10, members: 2);

        Decide(Commands.Join("lobby", "bruno").By(room, role: ""));

        var changed = Assert.Single(_flush.Entries).Event;
        Assert.Equal(new MemberChanged { UserId = "bruno", Username = "BRUNO", Role = "member", Members = 3 }, changed.Member);
        Assert.Equal(11, _flush.Replies[0].Reply.Joined.Seq);
    }

    [Fact]
    public void A_member_enters_again_and_nothing_is_written()
    {
        Decide(Commands.Join("lobby", "ana").By(Deciding.Room(), role: "moderator"));

        Assert.Empty(_flush.Entries);
        Assert.Equal("moderator", _flush.Replies[0].Reply.Joined.Role);
    }

    [Fact]
    public void A_private_room_lets_in_its_members_and_nobody_else()
    {
        Decide(Commands.Join("lobby", "ana").By(Deciding.Room(RoomRules.Private)));
        Assert.Equal(CommandReply.OutcomeOneofCase.Joined, Assert.Single(_flush.Replies).Reply.OutcomeCase);
        _flush.Reset();

        Decide(Commands.Join("lobby", "bruno").By(Deciding.Room(RoomRules.Private), role: ""));
        AssertRefused(ErrorCode.Forbidden);
    }

    [Fact]
    public void A_token_lets_into_a_private_room_without_making_a_member()
    {
        Decide(Commands.Join("lobby", "bruno", Reader).By(Deciding.Room(RoomRules.Private), role: ""));

        Assert.Empty(_flush.Entries);
        Assert.Equal("", _flush.Replies[0].Reply.Joined.Role);
    }

    [Fact]
    public void A_token_without_reading_does_not_let_in_not_even_a_member()
    {
        Decide(Commands.Join("lobby", "ana", new Grant { Write = true }).By(Deciding.Room()));

        AssertRefused(ErrorCode.Forbidden);
    }

    [Fact]
    public void Who_is_banned_stays_out()
    {
        var room = Deciding.Room();

        Decide(Commands.Join("lobby", "ana", Reader).By(room, banned: true));

        AssertRefused(ErrorCode.Banned);
        Assert.Empty(room.Subscribers);
    }

    [Fact]
    public void Two_who_enter_in_one_flush_are_counted_one_after_the_other()
    {
        var room = Deciding.Nowhere();

        Decide(Commands.Join("lobby", "ana").By(room, role: ""));
        Decide(Commands.Join("lobby", "bruno").By(room, role: "", nodeId: "node-2"));

        Assert.Equal(["owner", "member"], _flush.Replies.Select(reply => reply.Reply.Joined.Role));
        Assert.Equal([1u, 2u], _flush.Replies.Select(reply => reply.Reply.Joined.Members));
        Assert.Equal(["node-1", "node-2"], Assert.Single(_flush.Seal().Topologies).Receivers);
    }

    [Fact]
    public void What_an_earlier_delivery_of_the_command_wrote_is_published_again()
    {
        var submitted = Commands.Join("lobby", "ana").By(Deciding.Room(lastSeq: 12), role: "owner");
        HashSet<EntryKey> keys = [];
        JoinHandler.AddKeys(submitted, keys);
        var seq = 0;
        foreach (var key in keys)
        {
            _flush.Known[key] = new RoomEvent { Seq = ++seq };
        }

        Decide(submitted);

        Assert.Empty(_flush.Entries);
        Assert.Equal([1, 2], Assert.Single(_flush.Seal().Rooms).Events.Events.Select(published => published.Seq));
    }

    private void Decide(in Submitted submitted, bool createOnJoin = true) =>
        new JoinHandler(Options.Create(new RoomOptions { CreateOnJoin = createOnJoin })).Decide(submitted, _flush, "epoch");

    private void AssertRefused(ErrorCode code)
    {
        Assert.Equal(code, Assert.Single(_flush.Replies).Reply.Refused.Code);
        Assert.Empty(_flush.Entries);
    }
}
