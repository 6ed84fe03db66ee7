using Microsoft.Extensions.Options;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Joining;
using Tertulia.Messages.Members;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Verbs;

namespace Tertulia.Messages.Rooms;

/// <summary>A user creates a room with settings, and owns it.</summary>
internal sealed class CreateRoomVerb(IOptions<LimitOptions> limits) : OneTimeVerb
{
    private readonly LimitOptions _limits = limits.Value;

    public override Command.BodyOneofCase Body => Command.BodyOneofCase.CreateRoom;

    protected override string Name => "create";

    public override void AddCreators(in Submitted submitted, ISet<string> userIds)
    {
        if (!submitted.Room.Exists)
        {
            userIds.Add(submitted.Command.Actor.UserId);
        }
    }

    public override void NameMessages(in Submitted submitted, Flush flush)
    {
        if (submitted.Command.CreateRoom.Settings?.Community is { Length: > 0 } community && community != submitted.Room.RoomId)
        {
            flush.NeedMainRoom(community, submitted.Command.Actor?.UserId ?? "");
        }
    }

    protected override void Carry(in Submitted submitted, in EntryKey key, Flush flush)
    {
        var room = submitted.Room;
        var actor = submitted.Command.Actor;
        var settings = submitted.Command.CreateRoom.Settings ?? new RoomSettings();
        if (room.Exists && room.CreatedBy == actor.UserId)
        {
            ReplyIsSo(submitted, new RoomEvent { UserId = actor.UserId, Room = new RoomCreated { Kind = room.Kind, Settings = room.Settings } }, flush);
        }
        else if (Refused(submitted, settings, flush) is { } refusal)
        {
            flush.Refuse(submitted, refusal);
        }
        else
        {
            (room.Exists, room.Settings, room.CreatedBy) = (true, settings, actor.UserId);
            flush.Creations.Add(actor.UserId, flush.NowMs);
            flush.Append(submitted, this, key, new RoomEvent { Room = new RoomCreated { Kind = settings.Kind, Settings = settings } });
            var owner = submitted.Member!.Membership with { Role = RoomRoles.Owner, InvitedBy = "" };
            flush.Append(
                submitted, key with { IdempotencyKey = KeyOf("own", submitted) },
                MemberChange.Apply(room, submitted.Member, owner, MemberAction.Enter, actor.Username));
        }
    }

    private Refusal? Refused(in Submitted submitted, RoomSettings settings, Flush flush)
    {
        var room = submitted.Room;
        var actor = submitted.Command.Actor;
        if (room.Exists || room.IsDeleted || DirectRooms.IsDirect(room.RoomId))
        {
            return new Refusal { Code = ErrorCode.VersionConflict, Detail = "the room id is taken" };
        }

        if (RoomText.Complaint(settings) is { } complaint)
        {
            return new Refusal { Code = ErrorCode.BadRequest, Detail = complaint };
        }

        var mayEnter = RoomPermissions.Check(actor, RoomKinds.Open, submitted.Member!.Membership, RoomAction.Enter);
        return mayEnter != ErrorCode.Unspecified ? new Refusal { Code = mayEnter }
            : RoomPermissions.IsPrivileged(actor) ? null
            : Communities.CheckAdds(submitted, settings.Community, submitted.Command.CreateRoom.CommunityGrant, flush) is { } mayNotAdd ? mayNotAdd
            : flush.Creations.Check(actor.UserId, flush.NowMs, _limits);
    }
}
