using System.Globalization;
using Microsoft.Extensions.Options;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Members;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Verbs;

namespace Tertulia.Messages.Joining;

/// <summary>A user enters a room: it is created when it may be, the user becomes a member where the room allows it, and the node is subscribed.</summary>
/// <remarks>A member who enters again writes nothing. A token that lets its bearer into a private room makes no member of them.</remarks>
internal sealed class JoinVerb(IOptions<RoomOptions> options, IOptions<LimitOptions> limits) : IVerb
{
    private readonly bool _createOnJoin = options.Value.CreateOnJoin;
    private readonly LimitOptions _limits = limits.Value;

    public Command.BodyOneofCase Body => Command.BodyOneofCase.Join;

    public void AddCreators(in Submitted submitted, ISet<string> userIds)
    {
        if (!submitted.Room.Exists && _createOnJoin)
        {
            userIds.Add(submitted.Command.Actor.UserId);
        }
    }

    public void AddKeys(in Submitted submitted, ICollection<EntryKey> keys)
    {
        keys.Add(CreationKey(submitted));
        keys.Add(MemberKey(submitted));
    }

    public void Decide(in Submitted submitted, Flush flush)
    {
        var room = submitted.Room;
        var actor = submitted.Command.Actor;
        var member = submitted.Member!;
        if (flush.Known.Count > 0)
        {
            flush.RepublishKnown(submitted, CreationKey(submitted));
            flush.RepublishKnown(submitted, MemberKey(submitted));
        }

        if (submitted.Command.Join.Stays)
        {
            Stay(submitted, flush);
            return;
        }

        var isInvited = room.Exists && member.Membership.InvitedBy.Length > 0 && actor.Grant is null or { Read: true };
        var refusal = room.Exists ? MayEnter(submitted, isInvited) : MayCreate(submitted, flush);
        if (refusal is not null)
        {
            flush.Refuse(submitted, refusal);
            return;
        }

        var role = RoomRoles.Member;
        if (!room.Exists)
        {
            (room.Exists, room.Settings, room.CreatedBy, role) = (true, new RoomSettings { Kind = RoomKinds.Open }, actor.UserId, RoomRoles.Owner);
            flush.Append(submitted, CreationKey(submitted), new RoomEvent { Room = new RoomCreated { Kind = room.Kind, Settings = room.Settings } });
            flush.Creations.Add(actor.UserId, flush.NowMs);
        }

        if (!member.Membership.IsMember && !member.Membership.Banned && (isInvited || RoomKinds.LetsAnyoneIn(room.Kind)))
        {
            var action = isInvited ? MemberAction.Accept : MemberAction.Enter;
            var now = member.Membership with { Role = role, InvitedBy = "" };
            flush.Append(submitted, MemberKey(submitted), MemberChange.Apply(room, member, now, action, actor.Username));
        }

        Admit(submitted, flush);
    }

    // By the token alone, or as a member; who is neither would have to become one.
    private static void Stay(in Submitted submitted, Flush flush)
    {
        var (room, membership) = (submitted.Room, submitted.Member!.Membership);
        var code = !room.Exists ? ErrorCode.RoomNotFound : RoomPermissions.Check(submitted, RoomAction.Enter);
        if (code == ErrorCode.Unspecified && !membership.IsMember && RoomPermissions.Check(submitted, RoomAction.Read) is var read)
        {
            code = read;
        }

        if (code == ErrorCode.Unspecified)
        {
            Admit(submitted, flush);
        }
        else
        {
            flush.Refuse(submitted, code);
        }
    }

    private static void Admit(in Submitted submitted, Flush flush)
    {
        var (room, member) = (submitted.Room, submitted.Member!);
        flush.Subscribe(submitted);
        flush.Reply(submitted, new CommandReply
        {
            Joined = new Joined
            {
                Epoch = flush.Epoch, Seq = room.LastSeq, OwnerEpoch = submitted.OwnerEpoch, Members = room.Members, Role = member.Membership.Role, Kind = room.Kind,
                Archived = room.Settings.Archived, Muted = member.Membership.Muted, MutedUntilMs = member.Membership.MutedUntilMs,
            },
        });
    }

    // Who is invited and enters has accepted.
    private static Refusal? MayEnter(in Submitted submitted, bool isInvited)
    {
        var code = RoomPermissions.Check(submitted, RoomAction.Enter);
        return code == ErrorCode.Forbidden && isInvited ? null : Refused(code);
    }

    private Refusal? MayCreate(in Submitted submitted, Flush flush)
    {
        if (!_createOnJoin || submitted.Room.IsDeleted || DirectRooms.IsDirect(submitted.Room.RoomId))
        {
            return Refused(ErrorCode.RoomNotFound);
        }

        var actor = submitted.Command.Actor;
        return Refused(RoomPermissions.Check(actor, RoomKinds.Open, submitted.Member!.Membership, RoomAction.Enter))
            ?? (RoomPermissions.IsPrivileged(actor) ? null : flush.Creations.Check(actor.UserId, flush.NowMs, _limits));
    }

    private static Refusal? Refused(ErrorCode code) => code == ErrorCode.Unspecified ? null : new Refusal { Code = code };

    // Both keys are the command's own, so that the same ones are found when it is delivered again.
    private static EntryKey CreationKey(in Submitted submitted) => Key("+room:", submitted);

    private static EntryKey MemberKey(in Submitted submitted) => Key("+join:", submitted);

    private static EntryKey Key(string prefix, in Submitted submitted) => new(
        submitted.Room.RoomId, submitted.Command.Actor.UserId,
        string.Create(CultureInfo.InvariantCulture, $"{prefix}{submitted.NodeId}:{submitted.Command.CommandId}"));
}
