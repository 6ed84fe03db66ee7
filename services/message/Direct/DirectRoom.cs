using System.Globalization;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Members;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Sending;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Direct;

/// <summary>The room of two users comes to be with the first message in it, whoever of them writes it.</summary>
internal static class DirectRoom
{
    private const int MaxUserIdLength = 512;
    private const int MaxUsernameLength = 256;

    /// <summary>The command writes the first message of a direct room.</summary>
    public static bool IsMissing(in Submitted submitted) => !submitted.Room.Exists && submitted.Command.Send.DirectTo.Length > 0;

    /// <summary>Creates the room with both users.</summary>
    /// <returns>Why it is not created; null when it is.</returns>
    public static Refusal? Open(in Submitted submitted, Flush flush, LimitOptions limits)
    {
        var (room, actor, send) = (submitted.Room, submitted.Command.Actor, submitted.Command.Send);
        if (room.IsDeleted || room.RoomId != DirectRooms.IdOf(actor.UserId, send.DirectTo))
        {
            return new Refusal { Code = ErrorCode.RoomNotFound };
        }

        if (!RoomText.Fits(send.DirectTo, MaxUserIdLength) || !RoomText.Fits(send.DirectUsername, MaxUsernameLength))
        {
            return new Refusal { Code = ErrorCode.BadRequest };
        }

        var mayWrite = RoomPermissions.Check(
            actor, RoomKinds.Direct, submitted.Member!.Membership with { Role = RoomRoles.Member }, send.ReplyTo.Length > 0 ? RoomAction.Reply : RoomAction.Write);
        if (mayWrite != ErrorCode.Unspecified)
        {
            return new Refusal { Code = mayWrite };
        }

        if (!RoomPermissions.IsPrivileged(actor) && flush.Creations.Check(actor.UserId, flush.NowMs, limits) is { } tooMany)
        {
            return tooMany;
        }

        (room.Exists, room.Settings, room.CreatedBy) = (true, new RoomSettings { Kind = RoomKinds.Direct }, actor.UserId);
        flush.Creations.Add(actor.UserId, flush.NowMs);
        flush.Append(submitted, Key("direct", submitted), new RoomEvent { Room = new RoomCreated { Kind = room.Kind, Settings = room.Settings } });
        Add(submitted, flush, submitted.Member, MemberAction.Enter, actor.Username);
        if (send.DirectTo != actor.UserId)
        {
            Add(submitted, flush, room.MemberOf(send.DirectTo), MemberAction.Add, send.DirectUsername);
        }

        return null;
    }

    private static void Add(in Submitted submitted, Flush flush, MemberState member, MemberAction action, string username)
    {
        var now = Membership.None with { Role = RoomRoles.Member };
        flush.Append(submitted, Key("direct-" + action, submitted), MemberChange.Apply(submitted.Room, member, now, action, username));
    }

    // The command's own, so that the same one is refused by the store when it is delivered again.
    private static EntryKey Key(string name, in Submitted submitted) => new(
        submitted.Room.RoomId, submitted.Command.Actor.UserId,
        string.Create(CultureInfo.InvariantCulture, $"+{name}:{submitted.NodeId}:{submitted.Command.CommandId}"));
}
