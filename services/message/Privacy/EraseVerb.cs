using System.Globalization;
using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Members;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Verbs;

namespace Tertulia.Messages.Privacy;

/// <summary>What a user wrote in a room is deleted, message by message, and at the end the user's place in it. Only this service asks for it.</summary>
/// <remarks>What is so already is passed over: it may be asked for again at any time.</remarks>
internal sealed class EraseVerb : IVerb
{
    public Command.BodyOneofCase Body => Command.BodyOneofCase.EraseUser;

    public void NameMessages(in Submitted submitted, Flush flush)
    {
        foreach (var id in submitted.Command.EraseUser.MessageIds)
        {
            flush.NeedMessage(id);
        }
    }

    public string? OtherUser(in Submitted submitted) => submitted.Command.EraseUser.UserId;

    public void Decide(in Submitted submitted, Flush flush)
    {
        var (room, actor, erase) = (submitted.Room, submitted.Command.Actor, submitted.Command.EraseUser);
        if (submitted.NodeId.Length > 0 || !RoomPermissions.IsPrivileged(actor))
        {
            flush.Refuse(submitted, ErrorCode.Forbidden);
            return;
        }

        if (!room.Exists)
        {
            return; // What a deleted room held is emptied.
        }

        foreach (var id in erase.MessageIds)
        {
            if (flush.MessageOf(room, id) is { DeletedAtMs: 0 } message && message.UserId == erase.UserId)
            {
                var erased = ErasedText.Delete(room, message, actor.UserId, flush.NowMs);
                (message.Username, erased.Username) = ("", "");
                flush.AppendChange(submitted, new EntryKey(room.RoomId, actor.UserId, $"+erase:{id}"), ErasedText.EntryOf(message), message, erased);
            }
        }

        if (erase.Leaves && room.MemberOf(erase.UserId) is { Membership: var place } member && (place.Role.Length > 0 || place.InvitedBy.Length > 0))
        {
            var key = string.Create(CultureInfo.InvariantCulture, $"+erase:{room.LastSeq + 1}"); // There is no other entry with this seq.
            var entry = MemberChange.Apply(room, member, place with { Role = RoomRoles.None, InvitedBy = "" }, MemberAction.Remove, username: "");
            entry.Member.Erased = true;
            flush.Append(submitted, new EntryKey(room.RoomId, actor.UserId, key), entry);
        }
    }
}
