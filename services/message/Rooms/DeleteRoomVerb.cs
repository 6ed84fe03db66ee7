using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Verbs;

namespace Tertulia.Messages.Rooms;

/// <summary>A room ends. What it held cannot be read any more, and its id is not used again.</summary>
internal sealed class DeleteRoomVerb : OneTimeVerb
{
    public override Command.BodyOneofCase Body => Command.BodyOneofCase.DeleteRoom;

    protected override string Name => "delete-room";

    protected override void Carry(in Submitted submitted, in EntryKey key, Flush flush)
    {
        var room = submitted.Room;
        var refusal = room.Exists ? RoomPermissions.Check(submitted, RoomAction.DeleteRoom) : ErrorCode.RoomNotFound;
        if (refusal != ErrorCode.Unspecified)
        {
            flush.Refuse(submitted, refusal);
            return;
        }

        (room.Exists, room.IsDeleted) = (false, true);
        flush.Append(submitted, this, key, new RoomEvent { RoomDeleted = new RoomDeleted() });
    }
}
