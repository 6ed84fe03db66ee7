using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Permissions;

/// <summary>Who may do what in a room: the only place that says so. docs/permissions.md is generated from it.</summary>
/// <remarks>Weighed in this order: admins and services may everything; a ban is stronger than any token; a token that grants must grant the action's right, and
/// gives at least the role that it stands for; who is muted is silent; an archived room is read only; then the role decides.</remarks>
internal static class RoomPermissions
{
    private const Rank Nobody = Rank.Nobody;

    private static readonly Rule[] Rules = MakeRules();

    /// <summary>The rights that a token's <c>rooms</c> claim gives (PROTOCOL §8).</summary>
    internal enum TokenRight
    {
        /// <summary><c>read</c>: stands for a guest.</summary>
        Read,

        /// <summary><c>write</c>: stands for a member.</summary>
        Write,

        /// <summary><c>moderate</c>: stands for a moderator.</summary>
        Moderate,
    }

    private enum Rank : byte
    {
        None,
        Guest,
        Member,
        Moderator,
        Owner,
        Nobody,
    }

    [Flags]
    private enum Traits : byte
    {
        None = 0,

        /// <summary>Not for who is muted.</summary>
        Speaks = 1,

        /// <summary>Not in an archived room.</summary>
        Adds = 2,
    }

    /// <summary>Whether the actor may do it.</summary>
    /// <param name="actor">Who.</param>
    /// <param name="kind">Kind of the room.</param>
    /// <param name="membership">The actor's place in the room, bans and mutes that have ended left out (<see cref="Membership.At"/>).</param>
    /// <param name="action">What.</param>
    /// <param name="isArchived">The room is read only.</param>
    /// <returns><see cref="ErrorCode.Unspecified"/> means yes.</returns>
    public static ErrorCode Check(Actor actor, string kind, in Membership membership, RoomAction action, bool isArchived = false)
    {
        if (IsPrivileged(actor))
        {
            return ErrorCode.Unspecified;
        }

        if (membership.Banned)
        {
            return ErrorCode.Banned;
        }

        var rule = Rules[(int)action];
        var rank = RankOf(membership.Role);
        if (actor.Grant is { } grant)
        {
            if (!Has(grant, rule.Right))
            {
                return ErrorCode.Forbidden;
            }

            rank = Max(rank, StandsFor(grant));
        }

        if (membership.Muted && (rule.Traits & Traits.Speaks) != Traits.None)
        {
            return ErrorCode.Muted;
        }

        if (isArchived && (rule.Traits & Traits.Adds) != Traits.None)
        {
            return ErrorCode.Forbidden;
        }

        return rank >= rule.LeastIn(kind) ? ErrorCode.Unspecified
            : rank == Rank.None && action != RoomAction.Enter ? ErrorCode.NotMember
            : ErrorCode.Forbidden;
    }

    /// <summary>Whether the command's actor may do it in its room, which exists.</summary>
    /// <returns><see cref="ErrorCode.Unspecified"/> means yes.</returns>
    public static ErrorCode Check(in Submitted submitted, RoomAction action) =>
        Check(submitted.Command.Actor, submitted.Room.Kind, submitted.Member!.Membership, action, submitted.Room.Settings.Archived);

    /// <summary>Whether what the actor may do in the room may be done to this member: moderators act on those below them, owners on all.</summary>
    public static bool MayActOn(Actor actor, in Membership own, in Membership target)
    {
        var rank = actor.Grant is { } grant ? Max(RankOf(own.Role), StandsFor(grant)) : RankOf(own.Role);
        return IsPrivileged(actor) || rank == Rank.Owner || rank > RankOf(target.Role);
    }

    /// <summary>Admins and services are not limited by a room's rules.</summary>
    public static bool IsPrivileged(Actor actor) => actor.Role is "admin" or "service";

    /// <summary>What the table says of a role, without tokens, bans and mutes.</summary>
    public static bool Allows(string role, string kind, RoomAction action) => RankOf(role) >= Rules[(int)action].LeastIn(kind);

    /// <summary>What a token that grants must grant for it.</summary>
    public static TokenRight RightFor(RoomAction action) => Rules[(int)action].Right;

    /// <summary>Whether who is muted may not do it.</summary>
    public static bool Speaks(RoomAction action) => (Rules[(int)action].Traits & Traits.Speaks) != Traits.None;

    /// <summary>Whether it is not done in an archived room.</summary>
    public static bool Adds(RoomAction action) => (Rules[(int)action].Traits & Traits.Adds) != Traits.None;

    private static Rule[] MakeRules()
    {
        var rules = new Rule[Enum.GetValues<RoomAction>().Length];

        //                                                       least role in a room that is
        //                                                       public          private         direct        auditorium
        Set(RoomAction.Enter, TokenRight.Read, Traits.None, Rank.None, Rank.Guest, Rank.Guest, Rank.None);
        Set(RoomAction.Read, TokenRight.Read, Traits.None, Rank.Guest, Rank.Guest, Rank.Guest, Rank.Guest);
        Set(RoomAction.Search, TokenRight.Read, Traits.None, Rank.Guest, Rank.Guest, Rank.Guest, Rank.Guest);
        Set(RoomAction.SeeMembers, TokenRight.Read, Traits.None, Rank.Guest, Rank.Guest, Rank.Guest, Rank.Moderator);
        Set(RoomAction.Write, TokenRight.Write, Traits.Speaks | Traits.Adds, Rank.Guest, Rank.Guest, Rank.Guest, Rank.Moderator);
        Set(RoomAction.Reply, TokenRight.Write, Traits.Speaks | Traits.Adds, Rank.Guest, Rank.Guest, Rank.Guest, Rank.Moderator);
        Set(RoomAction.EditOwn, TokenRight.Write, Traits.Speaks | Traits.Adds, Rank.Guest, Rank.Guest, Rank.Guest, Rank.Moderator);
        Set(RoomAction.DeleteOwn, TokenRight.Write, Traits.None, Rank.Guest, Rank.Guest, Rank.Guest, Rank.Guest);
        Set(RoomAction.React, TokenRight.Write, Traits.Speaks | Traits.Adds, Rank.Guest, Rank.Guest, Rank.Guest, Rank.Guest);
        Set(RoomAction.Type, TokenRight.Write, Traits.Speaks | Traits.Adds, Rank.Guest, Rank.Guest, Rank.Guest, Rank.Moderator);
        Set(RoomAction.Broadcast, TokenRight.Write, Traits.Speaks | Traits.Adds, Rank.Member, Rank.Member, Rank.Guest, Rank.Moderator);
        Set(RoomAction.Pin, TokenRight.Write, Traits.Speaks | Traits.Adds, Rank.Moderator, Rank.Member, Rank.Guest, Rank.Moderator);
        Set(RoomAction.Report, TokenRight.Read, Traits.None, Rank.Guest, Rank.Guest, Rank.Guest, Rank.Guest);
        Set(RoomAction.LeaveForGood, TokenRight.Read, Traits.None, Rank.Guest, Rank.Guest, Nobody, Rank.Guest);
        Set(RoomAction.Invite, TokenRight.Write, Traits.Adds, Rank.Member, Rank.Member, Nobody, Rank.Moderator);
        Set(RoomAction.AddMember, TokenRight.Moderate, Traits.Adds, Rank.Moderator, Rank.Moderator, Nobody, Rank.Moderator);
        Set(RoomAction.RemoveMember, TokenRight.Moderate, Traits.None, Rank.Moderator, Rank.Moderator, Nobody, Rank.Moderator);
        Set(RoomAction.Kick, TokenRight.Moderate, Traits.None, Rank.Moderator, Rank.Moderator, Nobody, Rank.Moderator);
        Set(RoomAction.Ban, TokenRight.Moderate, Traits.None, Rank.Moderator, Rank.Moderator, Nobody, Rank.Moderator);
        Set(RoomAction.Mute, TokenRight.Moderate, Traits.None, Rank.Moderator, Rank.Moderator, Nobody, Rank.Moderator);
        Set(RoomAction.EditAny, TokenRight.Moderate, Traits.Adds, Rank.Moderator, Rank.Moderator, Nobody, Rank.Moderator);
        Set(RoomAction.DeleteAny, TokenRight.Moderate, Traits.None, Rank.Moderator, Rank.Moderator, Nobody, Rank.Moderator);
        Set(RoomAction.ReadReports, TokenRight.Moderate, Traits.None, Rank.Moderator, Rank.Moderator, Nobody, Rank.Moderator);
        Set(RoomAction.ReadAudit, TokenRight.Moderate, Traits.None, Rank.Moderator, Rank.Moderator, Nobody, Rank.Moderator);
        Set(RoomAction.SlowMode, TokenRight.Moderate, Traits.None, Rank.Moderator, Rank.Moderator, Nobody, Rank.Moderator);
        Set(RoomAction.Rename, TokenRight.Moderate, Traits.None, Rank.Moderator, Rank.Moderator, Nobody, Rank.Moderator);
        Set(RoomAction.SetTopic, TokenRight.Moderate, Traits.None, Rank.Moderator, Rank.Moderator, Nobody, Rank.Moderator);
        Set(RoomAction.AddChannel, TokenRight.Moderate, Traits.Adds, Rank.Moderator, Rank.Moderator, Nobody, Rank.Moderator);
        Set(RoomAction.SetRole, TokenRight.Moderate, Traits.None, Rank.Owner, Rank.Owner, Nobody, Rank.Owner);
        Set(RoomAction.SetKind, TokenRight.Moderate, Traits.None, Rank.Owner, Rank.Owner, Nobody, Rank.Owner);
        Set(RoomAction.Archive, TokenRight.Moderate, Traits.None, Rank.Owner, Rank.Owner, Nobody, Rank.Owner);
        Set(RoomAction.SetRetention, TokenRight.Moderate, Traits.None, Rank.Owner, Rank.Owner, Nobody, Rank.Owner);
        Set(RoomAction.DeleteRoom, TokenRight.Moderate, Traits.None, Rank.Owner, Rank.Owner, Nobody, Rank.Owner);
        return rules;

        void Set(RoomAction action, TokenRight right, Traits traits, Rank inPublic, Rank inPrivate, Rank inDirect, Rank inAuditorium) =>
            rules[(int)action] = new Rule(right, traits, inPublic, inPrivate, inDirect, inAuditorium);
    }

    private static Rank RankOf(string role) => role switch
    {
        RoomRoles.Owner => Rank.Owner,
        RoomRoles.Moderator => Rank.Moderator,
        RoomRoles.Member => Rank.Member,
        RoomRoles.Guest => Rank.Guest,
        _ => Rank.None,
    };

    private static Rank StandsFor(Grant grant) => grant switch
    {
        { Moderate: true } => Rank.Moderator,
        { Write: true } => Rank.Member,
        { Read: true } => Rank.Guest,
        _ => Rank.None,
    };

    private static bool Has(Grant grant, TokenRight right) => right switch
    {
        TokenRight.Read => grant.Read,
        TokenRight.Write => grant.Write,
        _ => grant.Moderate,
    };

    private static Rank Max(Rank one, Rank other) => one > other ? one : other;

    private sealed record Rule(TokenRight Right, Traits Traits, Rank InPublic, Rank InPrivate, Rank InDirect, Rank InAuditorium)
    {
        public Rank LeastIn(string kind) => kind switch
        {
            RoomKinds.Open => InPublic,
            RoomKinds.Private => InPrivate,
            RoomKinds.Direct => InDirect,
            RoomKinds.Auditorium => InAuditorium,
            _ => Rank.Nobody, // Of a newer version: only who may everything may do something in it.
        };
    }
}
