using Tertulia.Contracts;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Rooms;

/// <summary>Who may do what in a room. <see cref="ErrorCode.Unspecified"/> means yes.</summary>
/// <remarks>A ban is stronger than what a token grants; a token that grants decides alone; else the membership does. Admins and
/// services may do everything.</remarks>
internal static class RoomRules
{
    public const string Open = "open";
    public const string Private = "private";
    public const string Owner = "owner";
    public const string Moderator = "moderator";
    public const string Member = "member";

    public static ErrorCode MayEnter(Actor actor, string kind, Membership membership) => actor switch
    {
        _ when IsPrivileged(actor) => ErrorCode.Unspecified,
        _ when membership.Banned => ErrorCode.Banned,
        { Grant: { } grant } => grant.Read ? ErrorCode.Unspecified : ErrorCode.Forbidden,
        _ => kind == Private && !membership.IsMember ? ErrorCode.Forbidden : ErrorCode.Unspecified,
    };

    public static ErrorCode MayRead(Actor actor, Membership membership) => actor switch
    {
        _ when IsPrivileged(actor) => ErrorCode.Unspecified,
        _ when membership.Banned => ErrorCode.Banned,
        { Grant: { } grant } => grant.Read ? ErrorCode.Unspecified : ErrorCode.Forbidden,
        _ => membership.IsMember ? ErrorCode.Unspecified : ErrorCode.NotMember,
    };

    public static ErrorCode MayWrite(Actor actor, Membership membership) => actor switch
    {
        _ when IsPrivileged(actor) => ErrorCode.Unspecified,
        _ when membership.Banned => ErrorCode.Banned,
        { Grant: { } grant } => grant.Write ? ErrorCode.Unspecified : ErrorCode.Forbidden,
        _ => membership.IsMember ? ErrorCode.Unspecified : ErrorCode.NotMember,
    };

    public static ErrorCode MayModerate(Actor actor, Membership membership) => actor switch
    {
        _ when IsPrivileged(actor) => ErrorCode.Unspecified,
        _ when membership.Banned => ErrorCode.Banned,
        { Grant: { } grant } => grant.Moderate ? ErrorCode.Unspecified : ErrorCode.Forbidden,
        _ when membership.Role is Owner or Moderator => ErrorCode.Unspecified,
        _ => membership.IsMember ? ErrorCode.Forbidden : ErrorCode.NotMember,
    };

    /// <summary>Admins and services are not limited by a room's rules.</summary>
    public static bool IsPrivileged(Actor actor) => actor.Role is "admin" or "service";
}
