using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Tests.Rooms;

/// <summary>The main room of a community says who adds rooms to it.</summary>
public sealed class CommunityVerbTests
{
    private readonly Flush _flush = Deciding.NewFlush();

    [Theory]
    [InlineData("", ErrorCode.NotMember)]
    [InlineData("member", ErrorCode.Forbidden)]
    [InlineData("moderator", null)]
    [InlineData("owner", null)]
    public void Its_moderators_create_rooms_in_it_and_move_their_rooms_into_it(string role, ErrorCode? code)
    {
        var (created, moved) = (Commands.Create("kitchen", "ana", InCasa), Commands.Update("garden", "ana", new UpdateRoom { Community = "casa" }));
        Read(MainRoom(), new Membership(role, Banned: false), created, moved);

        _flush.Decide(created.By(Deciding.Nowhere("kitchen"), role: ""));
        _flush.Decide(moved.By(Deciding.Room(roomId: "garden"), "owner"));

        Assert.Equal(code is { } refused ? [refused, refused] : [], Refusals());
    }

    [Fact]
    public void Who_is_banned_there_or_has_a_token_that_does_not_moderate_there_does_not_and_an_archived_one_takes_none()
    {
        Assert.Equal(ErrorCode.Banned, CreateIn(MainRoom(), new Membership("", Banned: true)));
        Assert.Equal(ErrorCode.Forbidden, CreateIn(MainRoom(), new Membership("owner", Banned: false), new Grant { Read = true, Write = true }));
        Assert.Null(CreateIn(MainRoom(), Membership.None, new Grant { Moderate = true }));
        Assert.Equal(ErrorCode.Forbidden, CreateIn(MainRoom(settings => settings.Archived = true), new Membership("owner", Banned: false)));
    }

    [Fact]
    public void Without_a_main_room_anybody_does()
    {
        Assert.Null(CreateIn(null, Membership.None));
        Assert.Null(CreateIn(MainRoom(settings => settings.Community = ""), Membership.None)); // A room that happens to have its id.
        Assert.Null(CreateIn(MainRoom() with { IsDeleted = true }, Membership.None));
    }

    [Fact]
    public void What_stays_in_the_community_or_leaves_it_is_its_owners_business()
    {
        var room = Deciding.Room(roomId: "garden");
        room.Settings.Community = "casa";
        Command[] commands = [
            Commands.Update("garden", "ana", new UpdateRoom { Community = "casa", Name = "Garden" }), Commands.Update("garden", "ana", new UpdateRoom { Community = "" })];
        Read(MainRoom(), Membership.None, commands);

        Array.ForEach(commands, command => _flush.Decide(command.By(room, "owner")));

        Assert.Empty(Refusals());
    }

    [Fact]
    public void The_main_room_itself_and_a_community_that_cannot_be_are_not_looked_for()
    {
        foreach (var (roomId, community) in new[] { ("casa", "casa"), ("kitchen", ""), ("kitchen", new string('c', 129)), ("kitchen", "ca\0sa") })
        {
            Name(Commands.Create(roomId, "ana", new RoomSettings { Kind = RoomKinds.Open, Community = community }));
        }

        Assert.Empty(_flush.NeededPlaces);
    }

    private static RoomSettings InCasa => new() { Kind = RoomKinds.Open, Community = "casa" };

    private static RoomHead MainRoom(Action<RoomSettings>? change = null)
    {
        var settings = InCasa;
        change?.Invoke(settings);
        return new RoomHead("casa", RoomKinds.Open, Members: 2, LastSeq: 5, Settings: settings);
    }

    private ErrorCode? CreateIn(RoomHead? main, Membership membership, Grant? grant = null)
    {
        _flush.ResetDecisions();
        var command = Commands.Create("kitchen", "ana", InCasa);
        command.CreateRoom.CommunityGrant = grant;
        Read(main, membership, command);
        _flush.Decide(command.By(Deciding.Nowhere("kitchen"), role: ""));
        ErrorCode[] refusals = [.. Refusals()];
        return refusals.Length > 0 ? refusals[0] : null;
    }

    private void Read(RoomHead? main, Membership membership, params Command[] commands)
    {
        Array.ForEach(commands, Name);
        Assert.Equal([new MemberKey("casa", "ana")], _flush.NeededPlaces);
        _flush.LoadMainRooms(new LoadedRooms("epoch",
            main is { } head ? new() { ["casa"] = head } : [], new() { [new MemberKey("casa", "ana")] = membership }), nowMs: 0);
        Assert.Empty(_flush.NeededPlaces);
    }

    private void Name(Command command)
    {
        var submitted = command.By(Deciding.Nowhere(command.RoomId), role: "");
        submitted.Verb!.NameMessages(submitted, _flush);
    }

    private IEnumerable<ErrorCode> Refusals() => _flush.Replies.Where(reply => reply.Reply.Refused is not null).Select(reply => reply.Reply.Refused.Code);
}
