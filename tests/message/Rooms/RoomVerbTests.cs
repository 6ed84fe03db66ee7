using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Tests.Rooms;

public sealed class RoomVerbTests
{
    private readonly Flush _flush = Deciding.NewFlush();

    [Fact]
    public void A_room_is_created_with_its_settings_and_owned()
    {
        var room = Deciding.Nowhere();
        var settings = new RoomSettings { Kind = RoomKinds.Private, Name = "Cocina", Topic = "pan", Community = "casa", SlowModeSeconds = 5 };

        _flush.Decide(Commands.Create("lobby", "ana", settings).By(room, role: ""));

        Assert.Equal([RoomEvent.BodyOneofCase.Room, RoomEvent.BodyOneofCase.Member], room.Entries!.Select(entry => entry.Event.BodyCase));
        Assert.Equal(settings, room.Entries![0].Event.Room.Settings);
        Assert.Equal(("owner", 1u), (room.Entries[1].Event.Member.Role, room.Entries[1].Event.Member.Members));
        Assert.Equal((true, RoomKinds.Private, "ana", 1), (room.Exists, room.Kind, room.CreatedBy, room.Owners));
        Assert.Empty(room.Subscribers);
    }

    [Fact]
    public void Creating_it_again_is_answered_to_its_creator_and_refused_to_others()
    {
        var room = Deciding.Nowhere();
        var settings = new RoomSettings { Kind = RoomKinds.Open };

        _flush.Decide(Commands.Create("lobby", "ana", settings).By(room, role: ""));
        _flush.Decide(Commands.Create("lobby", "ana", new RoomSettings { Kind = RoomKinds.Private }).By(room));
        _flush.Decide(Commands.Create("lobby", "bruno", settings).By(room, role: ""));

        Assert.Equal(2, room.Entries!.Count);
        Assert.True(_flush.Replies[0].Reply.Stored is { Duplicate: true, Entry.Room.Settings.Kind: RoomKinds.Open });
        Assert.Equal(ErrorCode.VersionConflict, _flush.Replies[1].Reply.Refused.Code);
    }

    [Fact]
    public void Nobody_takes_the_id_of_a_direct_room()
    {
        var roomId = DirectRooms.IdOf("ana", "bruno");

        _flush.Decide(Commands.Create(roomId, "carla", new RoomSettings { Kind = RoomKinds.Open }).By(Deciding.Nowhere(roomId), role: ""));
        _flush.Decide(Commands.Join(roomId, "carla").By(Deciding.Nowhere(roomId), role: ""));

        Assert.Equal([ErrorCode.VersionConflict, ErrorCode.RoomNotFound], _flush.Replies.Select(reply => reply.Reply.Refused.Code));
    }

    [Fact]
    public void Settings_change_together_and_the_entry_has_all_of_them()
    {
        var room = Deciding.Room();

        _flush.Decide(Commands.Update("lobby", "ana", new UpdateRoom { Name = "Sala", Topic = "", SlowModeSeconds = 10 }).By(room, "moderator"));

        var entry = Assert.Single(room.Entries!).Event;
        Assert.Equal(new RoomSettings { Kind = RoomKinds.Open, Name = "Sala", SlowModeSeconds = 10 }, entry.RoomUpdated.Settings);
        Assert.Equal(["name", "slow_mode"], entry.RoomUpdated.Changed);
        Assert.Equal(("ana", 11L), (entry.UserId, entry.Seq));
        Assert.Equal("Sala", room.Settings.Name);
    }

    [Fact]
    public void All_of_them_or_none()
    {
        var room = Deciding.Room();

        _flush.Decide(Commands.Update("lobby", "ana", new UpdateRoom { Name = "Sala", Kind = RoomKinds.Private }).By(room, "moderator"));
        _flush.Decide(Commands.Update("lobby", "ana", new UpdateRoom { Name = "Sala", SlowModeSeconds = RoomText.MaxSlowModeSeconds + 1 }).By(room));
        _flush.Decide(Commands.Update("lobby", "ana", new UpdateRoom { Kind = "castle" }, "admin").By(room));
        _flush.Decide(Commands.Update("lobby", "ana", new UpdateRoom { Name = "a\0" }).By(room));
        _flush.Decide(Commands.Update("lobby", "ana", new UpdateRoom { Name = "" }).By(room));

        Assert.Null(room.Entries);
        Assert.Equal(
            [ErrorCode.Forbidden, ErrorCode.BadRequest, ErrorCode.BadRequest, ErrorCode.BadRequest, null], _flush.Replies.Select(reply => reply.Reply.Refused?.Code));
        Assert.True(_flush.Replies[^1].Reply.Stored is { Duplicate: true, Seq: 0, Entry.RoomUpdated.Settings.Kind: RoomKinds.Open });
    }

    [Fact]
    public void A_direct_room_stays_one()
    {
        var room = Deciding.Room(RoomKinds.Direct);

        _flush.Decide(Commands.Update("lobby", "ana", new UpdateRoom { Kind = RoomKinds.Open }, "admin").By(room));
        _flush.Decide(Commands.Update("lobby", "ana", new UpdateRoom { Topic = "x" }, "admin").By(room));
        _flush.Decide(Commands.Update("lobby", "ana", new UpdateRoom { Topic = "y" }).By(room));

        Assert.Equal("x", Assert.Single(room.Entries!).Event.RoomUpdated.Settings.Topic);
        Assert.Equal([ErrorCode.BadRequest, ErrorCode.Forbidden], _flush.Replies.Select(reply => reply.Reply.Refused.Code));
    }

    [Fact]
    public void In_an_archived_room_nobody_writes_until_it_is_taken_back()
    {
        var room = Deciding.Room();
        room.Has("ana", RoomRoles.Owner);

        _flush.Decide(Commands.Update("lobby", "ana", new UpdateRoom { Archived = true }).By(room));
        _flush.Decide(Commands.Send("lobby", "ana", "hola").By(room));
        _flush.Decide(Commands.Join("lobby", "bruno").By(room, role: ""));
        _flush.Decide(Commands.Update("lobby", "ana", new UpdateRoom { Archived = false }).By(room));
        _flush.Decide(Commands.Send("lobby", "ana", "hola").By(room));

        Assert.Equal(ErrorCode.Forbidden, _flush.Replies[0].Reply.Refused.Code);
        Assert.Equal(
            [
                RoomEvent.BodyOneofCase.RoomUpdated, RoomEvent.BodyOneofCase.Member, RoomEvent.BodyOneofCase.RoomUpdated, RoomEvent.BodyOneofCase.Message,
            ],
            room.Entries!.Select(entry => entry.Event.BodyCase));
    }

    [Fact]
    public void A_deleted_room_is_not_there_and_its_id_is_not_used_again()
    {
        var room = Deciding.Room();
        room.Has("ana", RoomRoles.Owner);

        _flush.Decide(Commands.DeleteRoom("lobby", "mia").By(room, "moderator"));
        _flush.Decide(Commands.DeleteRoom("lobby", "ana").By(room));
        _flush.Decide(Commands.Send("lobby", "ana", "hola").By(room));
        _flush.Decide(Commands.Join("lobby", "ana").By(room));
        _flush.Decide(Commands.Create("lobby", "ana", new RoomSettings { Kind = RoomKinds.Open }).By(room));
        _flush.Decide(Commands.Change("lobby", "ana", MemberAction.Leave).By(room));

        Assert.Equal(RoomEvent.BodyOneofCase.RoomDeleted, Assert.Single(room.Entries!).Event.BodyCase);
        Assert.Equal(
            [ErrorCode.Forbidden, ErrorCode.RoomNotFound, ErrorCode.RoomNotFound, ErrorCode.VersionConflict, ErrorCode.RoomNotFound],
            _flush.Replies.Select(reply => reply.Reply.Refused.Code));
    }
}
