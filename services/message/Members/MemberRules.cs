using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Members;

/// <summary>What each change of a user's place in a room asks for, and what it makes of the place.</summary>
internal static class MemberRules
{
    /// <summary>Invitations of one room that wait for an answer at most.</summary>
    public const int MaxInvited = 1_000;

    /// <summary>It is about the actor, whoever it names.</summary>
    public static bool IsOfOneself(MemberAction action) => action is MemberAction.Leave or MemberAction.Accept or MemberAction.Decline;

    /// <summary>Decides it. The room exists, both places in it are loaded.</summary>
    public static Decision Decide(in Submitted submitted, ChangeMember change, MemberState target, long nowMs)
    {
        var (own, isSelf, membership) = (submitted.Member!.Membership, target == submitted.Member, target.Membership);
        switch (change.Action)
        {
            case MemberAction.Leave:
            case MemberAction.Remove when isSelf:
                return Check(submitted, RoomAction.LeaveForGood)
                    ?? (IsLastOwner(submitted, membership) ? HandOver() : Make(membership, membership with { Role = RoomRoles.None }, MemberAction.Leave));
            case MemberAction.Accept:
                return Accept(submitted, membership);
            case MemberAction.Decline:
                return Make(membership, membership with { InvitedBy = "" }, MemberAction.Decline);
            case MemberAction.Add:
                return Add(submitted, change, membership);
            case MemberAction.SetRole:
                return SetRole(submitted, change, membership);
            case MemberAction.Invite:
                return Check(submitted, RoomAction.Invite)
                    ?? (membership.Banned ? Refuse(ErrorCode.Forbidden, "the user is banned")
                        : membership.IsMember || membership.InvitedBy.Length > 0 ? Make(membership, membership, MemberAction.Invite)
                        : submitted.Room.Invited >= MaxInvited ? Refuse(ErrorCode.LimitExceeded, $"{MaxInvited} invitations of the room wait for an answer")
                        : Make(membership, membership with { InvitedBy = submitted.Command.Actor.UserId }, MemberAction.Invite));
            case MemberAction.Revoke:
                return (membership.InvitedBy == submitted.Command.Actor.UserId ? null : Check(submitted, RoomAction.Invite))
                    ?? Make(membership, membership with { InvitedBy = "" }, MemberAction.Revoke);
            case MemberAction.Remove:
                return On(submitted, RoomAction.RemoveMember, own, membership)
                    ?? Make(membership, membership with { Role = RoomRoles.None }, MemberAction.Remove);
            case MemberAction.Unban:
                return On(submitted, RoomAction.Ban, own, membership)
                    ?? Make(membership, membership with { Banned = false, BannedUntilMs = 0 }, MemberAction.Unban);
            case MemberAction.Unmute:
                return On(submitted, RoomAction.Mute, own, membership)
                    ?? Make(membership, membership with { Muted = false, MutedUntilMs = 0 }, MemberAction.Unmute);
            case MemberAction.Kick or MemberAction.Ban or MemberAction.Mute when isSelf:
                return Refuse(ErrorCode.BadRequest, "nobody does this to themselves");
            case MemberAction.Kick:
                // Always told: the user may be there by the token alone.
                return On(submitted, RoomAction.Kick, own, membership)
                    ?? new Decision(null, membership with { Role = RoomRoles.None, InvitedBy = "" }, MemberAction.Kick, IsSo: false);
            case MemberAction.Ban or MemberAction.Mute when change.UntilMs != 0 && change.UntilMs <= nowMs:
                return Refuse(ErrorCode.BadRequest, "until is over");
            case MemberAction.Ban:
                return On(submitted, RoomAction.Ban, own, membership)
                    ?? Make(membership, membership with { Role = RoomRoles.None, Banned = true, BannedUntilMs = change.UntilMs, InvitedBy = "" }, MemberAction.Ban);
            case MemberAction.Mute:
                return On(submitted, RoomAction.Mute, own, membership)
                    ?? Make(membership, membership with { Muted = true, MutedUntilMs = change.UntilMs }, MemberAction.Mute);
            default:
                return Refuse(ErrorCode.BadRequest, "no such change of a member");
        }
    }

    private static Decision Accept(in Submitted submitted, in Membership membership)
    {
        var actor = submitted.Command.Actor;
        if (membership.Banned && !RoomPermissions.IsPrivileged(actor))
        {
            return Refuse(ErrorCode.Banned);
        }

        return membership.IsMember ? Make(membership, membership, MemberAction.Accept)
            : membership.InvitedBy.Length == 0 || actor.Grant is { Read: false } ? Refuse(ErrorCode.Forbidden)
            : Make(membership, membership with { Role = RoomRoles.Member, InvitedBy = "" }, MemberAction.Accept);
    }

    private static Decision Add(in Submitted submitted, ChangeMember change, in Membership membership)
    {
        var role = change.Role.Length == 0 ? RoomRoles.Member : change.Role;
        if (!IsRole(role))
        {
            return Refuse(ErrorCode.BadRequest, "role is owner, moderator, member or guest");
        }

        if (Check(submitted, RoomAction.AddMember) is { } refused)
        {
            return refused;
        }

        if (role is RoomRoles.Owner or RoomRoles.Moderator && Check(submitted, RoomAction.SetRole) is { } tooMuch)
        {
            return tooMuch;
        }

        return membership.Banned ? Refuse(ErrorCode.Forbidden, "the user is banned")
            : membership.IsMember ? Make(membership, membership, MemberAction.Add)
            : Make(membership, membership with { Role = role, InvitedBy = "" }, MemberAction.Add);
    }

    private static Decision SetRole(in Submitted submitted, ChangeMember change, in Membership membership)
    {
        if (Check(submitted, RoomAction.SetRole) is { } refused)
        {
            return refused;
        }

        return !IsRole(change.Role) ? Refuse(ErrorCode.BadRequest, "role is owner, moderator, member or guest")
            : !membership.IsMember ? Refuse(ErrorCode.BadRequest, "the user is no member")
            : change.Role != RoomRoles.Owner && IsLastOwner(submitted, membership) ? HandOver()
            : Make(membership, membership with { Role = change.Role }, MemberAction.SetRole);
    }

    private static bool IsRole(string role) => role is RoomRoles.Owner or RoomRoles.Moderator or RoomRoles.Member or RoomRoles.Guest;

    // Who is alone in the room leaves nobody without an owner.
    private static bool IsLastOwner(in Submitted submitted, in Membership membership) =>
        membership.Role == RoomRoles.Owner && submitted.Room is { Owners: <= 1, Members: > 1 } && !RoomPermissions.IsPrivileged(submitted.Command.Actor);

    private static Decision? On(in Submitted submitted, RoomAction action, in Membership own, in Membership target) =>
        Check(submitted, action)
        ?? (RoomPermissions.MayActOn(submitted.Command.Actor, own, target) ? null : Refuse(ErrorCode.Forbidden, "not above the user"));

    private static Decision? Check(in Submitted submitted, RoomAction action) =>
        RoomPermissions.Check(submitted, action) is var code && code != ErrorCode.Unspecified ? Refuse(code) : null;

    private static Decision HandOver() => Refuse(ErrorCode.Forbidden, "the last owner hands the room over first");

    private static Decision Refuse(ErrorCode code, string detail = "") =>
        new(new Refusal { Code = code, Detail = detail }, Membership.None, MemberAction.Unspecified, IsSo: false);

    private static Decision Make(in Membership before, in Membership now, MemberAction action) => new(null, now, action, IsSo: now == before);

    /// <summary>What becomes of a place in a room.</summary>
    /// <param name="Refusal">Why nothing does; null when something does.</param>
    /// <param name="Now">The place as it is then.</param>
    /// <param name="Action">What the entry says.</param>
    /// <param name="IsSo">It was so before.</param>
    internal readonly record struct Decision(Refusal? Refusal, Membership Now, MemberAction Action, bool IsSo);
}
