using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Members;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Tests.Members;

public sealed class MemberVerbTests
{
    private const long Now = 1_000_000;

    private readonly Flush _flush = Deciding.NewFlush();
    private readonly RoomState _room = Deciding.Room(lastSeq: 10, members: 4);

    public MemberVerbTests()
    {
        _flush.NowMs = Now;
        _room.Has("ana", RoomRoles.Owner);
        _room.Has("mia", RoomRoles.Moderator);
        _room.Has("bruno", RoomRoles.Member);
        _room.Has("gil", RoomRoles.Guest);
        _room.Has("zoe", RoomRoles.None);
    }

    [Fact]
    public void A_ban_ends_the_membership_and_says_until_when()
    {
        Decide(Commands.Change("lobby", "mia", MemberAction.Ban, "bruno", untilMs: Now + 5));

        var entry = Assert.Single(_room.Entries!).Event;
        Assert.Equal(
            new MemberChanged { UserId = "bruno", Role = "", Members = 3, Action = MemberAction.Ban, Reason = "because", Banned = true, BannedUntilMs = Now + 5 },
            entry.Member);
        Assert.Equal(("mia", 11L), (entry.UserId, entry.Seq));
        Assert.Equal(new Membership("", Banned: true, BannedUntilMs: Now + 5), _room.MemberOf("bruno").Membership);
        Assert.Equal((3u, 1), (_room.Members, _room.Owners));
    }

    [Fact]
    public void Who_is_banned_is_refused_by_the_very_next_command()
    {
        Decide(Commands.Change("lobby", "mia", MemberAction.Ban, "bruno"));
        Decide(Commands.Send("lobby", "bruno", "hola"));
        Decide(Commands.Join("lobby", "bruno"));
        Decide(Commands.Change("lobby", "mia", MemberAction.Unban, "bruno"));
        Decide(Commands.Join("lobby", "bruno"));

        Assert.Equal([ErrorCode.Banned, ErrorCode.Banned, null], _flush.Replies.Select(reply => reply.Reply.Refused?.Code));
        Assert.Equal(new Membership("member", Banned: false), _room.MemberOf("bruno").Membership);
    }

    [Fact]
    public void A_mute_survives_leaving_and_coming_back()
    {
        Decide(Commands.Change("lobby", "mia", MemberAction.Mute, "bruno", untilMs: Now + 5));
        Decide(Commands.Change("lobby", "bruno", MemberAction.Leave));
        Decide(Commands.Join("lobby", "bruno"));
        Decide(Commands.Send("lobby", "bruno", "hola"));

        Assert.Equal(ErrorCode.Muted, _flush.Replies[^1].Reply.Refused.Code);
        Assert.Equal(new Membership("member", Banned: false, Muted: true, MutedUntilMs: Now + 5), _room.MemberOf("bruno").Membership);
        Assert.Equal(4u, _room.Members);
    }

    [Theory]
    [InlineData(MemberAction.Kick)]
    [InlineData(MemberAction.Ban)]
    [InlineData(MemberAction.Mute)]
    [InlineData(MemberAction.Remove)]
    public void Moderators_do_nothing_to_owners_and_each_other(MemberAction action)
    {
        _room.Has("moa", RoomRoles.Moderator);

        Refused(ErrorCode.Forbidden, Commands.Change("lobby", "mia", action, "ana"));
        Refused(ErrorCode.Forbidden, Commands.Change("lobby", "mia", action, "moa"));
        Refused(ErrorCode.Forbidden, Commands.Change("lobby", "bruno", action, "gil"));
        Refused(ErrorCode.NotMember, Commands.Change("lobby", "zoe", action, "gil"));
        Decide(Commands.Change("lobby", "ana", action, "moa"));
        Decide(Commands.Change("lobby", "root", action, "ana", actorRole: "admin"));
        Assert.Equal(2, _room.Entries!.Count);
    }

    [Theory]
    [InlineData(MemberAction.Kick)]
    [InlineData(MemberAction.Ban)]
    [InlineData(MemberAction.Mute)]
    public void Nobody_does_it_to_themselves(MemberAction action) => Refused(ErrorCode.BadRequest, Commands.Change("lobby", "ana", action, "ana"));

    [Fact]
    public void The_last_owner_hands_over_before_leaving()
    {
        Refused(ErrorCode.Forbidden, Commands.Change("lobby", "ana", MemberAction.Leave));
        Refused(ErrorCode.Forbidden, Commands.Change("lobby", "ana", MemberAction.SetRole, "ana", "member"));

        Decide(Commands.Change("lobby", "ana", MemberAction.SetRole, "bruno", "owner"));
        Decide(Commands.Change("lobby", "ana", MemberAction.Remove, "ana"));

        Assert.Equal([MemberAction.SetRole, MemberAction.Leave], _room.Entries!.Select(entry => entry.Event.Member.Action));
        Assert.Equal((3u, 1), (_room.Members, _room.Owners));
    }

    [Fact]
    public void Who_is_alone_in_a_room_may_leave_it()
    {
        var room = Deciding.Room(members: 1);
        room.Has("ana", RoomRoles.Owner);

        _flush.Decide(Commands.Change("lobby", "ana", MemberAction.Leave).By(room));

        Assert.Equal((0u, 0), (room.Members, room.Owners));
    }

    [Fact]
    public void An_invitation_lets_one_user_into_a_private_room()
    {
        var room = Deciding.Room(RoomKinds.Private);
        room.Has("bruno", RoomRoles.Member);
        room.Has("zoe", RoomRoles.None);
        room.Has("yan", RoomRoles.None);

        _flush.Decide(Commands.Change("lobby", "bruno", MemberAction.Invite, "zoe").By(room));
        _flush.Decide(Commands.Change("lobby", "zoe", MemberAction.Accept).By(room));
        _flush.Decide(Commands.Change("lobby", "yan", MemberAction.Accept).By(room));
        _flush.Decide(Commands.Join("lobby", "yan").By(room));
        _flush.Decide(Commands.Change("lobby", "bruno", MemberAction.Invite, "yan").By(room));
        _flush.Decide(Commands.Join("lobby", "yan").By(room));

        Assert.Equal(
            [("zoe", MemberAction.Invite, ""), ("zoe", MemberAction.Accept, "member"), ("yan", MemberAction.Invite, ""), ("yan", MemberAction.Accept, "member")],
            room.Entries!.Select(entry => (entry.Event.Member.UserId, entry.Event.Member.Action, entry.Event.Member.Role)));
        Assert.Equal("bruno", room.Entries![0].Event.Member.InvitedBy);
        Assert.Equal([ErrorCode.Forbidden, ErrorCode.Forbidden], _flush.Replies.Take(2).Select(reply => reply.Reply.Refused.Code));
    }

    [Fact]
    public void An_invitation_is_declined_or_taken_back()
    {
        Decide(Commands.Change("lobby", "bruno", MemberAction.Invite, "zoe"));
        Decide(Commands.Change("lobby", "zoe", MemberAction.Decline));
        Decide(Commands.Change("lobby", "bruno", MemberAction.Invite, "zoe"));
        Decide(Commands.Change("lobby", "bruno", MemberAction.Revoke, "zoe"));

        Assert.Equal(Membership.None, _room.MemberOf("zoe").Membership);
        Refused(ErrorCode.Forbidden, Commands.Change("lobby", "zoe", MemberAction.Accept));
        Refused(ErrorCode.Forbidden, Commands.Change("lobby", "gil", MemberAction.Invite, "zoe"));
    }

    [Fact]
    public void Only_so_many_invitations_of_a_room_wait_for_an_answer()
    {
        _room.Has("yan", RoomRoles.None);
        _room.Has("eva", RoomRoles.None);
        _room.Invited = MemberRules.MaxInvited - 1;

        Decide(Commands.Change("lobby", "bruno", MemberAction.Invite, "zoe"));
        Refused(ErrorCode.LimitExceeded, Commands.Change("lobby", "bruno", MemberAction.Invite, "yan"));
        Decide(Commands.Change("lobby", "bruno", MemberAction.Invite, "zoe")); // Asked already.
        Decide(Commands.Change("lobby", "zoe", MemberAction.Accept));
        Decide(Commands.Change("lobby", "bruno", MemberAction.Invite, "yan"));
        Refused(ErrorCode.LimitExceeded, Commands.Change("lobby", "bruno", MemberAction.Invite, "eva"));
    }

    [Fact]
    public void Moderators_add_members_and_only_owners_add_more_than_members()
    {
        _room.Has("yan", RoomRoles.None);
        Decide(Commands.Change("lobby", "mia", MemberAction.Add, "zoe", "guest"));
        Refused(ErrorCode.Forbidden, Commands.Change("lobby", "mia", MemberAction.Add, "yan", "moderator"));
        Refused(ErrorCode.Forbidden, Commands.Change("lobby", "mia", MemberAction.SetRole, "zoe", "member"));
        Refused(ErrorCode.BadRequest, Commands.Change("lobby", "ana", MemberAction.SetRole, "zoe", "king"));
        Decide(Commands.Change("lobby", "ana", MemberAction.SetRole, "zoe", "moderator"));

        Assert.Equal(RoomRoles.Moderator, _room.MemberOf("zoe").Membership.Role);
        Assert.Equal(5u, _room.Members);
    }

    [Fact]
    public void What_is_so_already_is_answered_and_not_written()
    {
        Decide(Commands.Change("lobby", "ana", MemberAction.Unban, "bruno"));
        Decide(Commands.Change("lobby", "ana", MemberAction.Add, "bruno"));
        Decide(Commands.Change("lobby", "ana", MemberAction.SetRole, "bruno", "member"));

        Assert.Null(_room.Entries);
        Assert.All(_flush.Replies, reply => Assert.True(reply.Reply.Stored is { Duplicate: true, Seq: 0, Entry.Member: { UserId: "bruno", Role: "member" } }));
    }

    [Fact]
    public void Bad_input_is_refused()
    {
        Refused(ErrorCode.BadRequest, Commands.Change("lobby", "ana", MemberAction.Unspecified, "bruno"));
        Refused(ErrorCode.BadRequest, Commands.Change("lobby", "ana", MemberAction.Enter, "bruno"));
        Refused(ErrorCode.BadRequest, Commands.Change("lobby", "ana", MemberAction.Ban, "bruno", untilMs: Now));
        Refused(ErrorCode.BadRequest, Commands.Change("lobby", "ana", MemberAction.Ban, "b\0")); // Was not loaded: no store can hold it.
        var tooLong = Commands.Change("lobby", "ana", MemberAction.Kick, "bruno");
        tooLong.ChangeMember.Reason = new string('x', RoomText.MaxReasonLength + 1);
        Refused(ErrorCode.BadRequest, tooLong);
    }

    private void Decide(Command command)
    {
        _room.MemberOf(command.Actor.UserId).IsLoaded = true;
        _flush.Decide(command.By(_room));
    }

    private void Refused(ErrorCode code, Command command)
    {
        var before = _room.Entries?.Count ?? 0;
        Decide(command);

        Assert.Equal(code, _flush.Replies[^1].Reply.Refused?.Code);
        Assert.Equal(before, _room.Entries?.Count ?? 0);
    }
}
