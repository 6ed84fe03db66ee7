using System.Globalization;
using Microsoft.Extensions.Options;
using Tertulia.Contracts;
using Tertulia.Messages.Sending;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Rooms;

/// <summary>A user enters a room: it is created when it may be, the user becomes a member where the room allows it, and the node is subscribed.</summary>
/// <remarks>Who is a member already writes nothing. A token that lets its bearer into a private room makes no member of them.</remarks>
internal sealed class JoinHandler(IOptions<RoomOptions> options)
{
    private readonly bool _createOnJoin = options.Value.CreateOnJoin;

    public void Decide(in Submitted submitted, Flush flush, string epoch)
    {
        var room = submitted.Room;
        var actor = submitted.Command.Actor;
        var member = submitted.Member!;
        PublishWhatIsStored(submitted, flush);

        var refusal = room.Exists || _createOnJoin
            ? RoomRules.MayEnter(actor, room.Exists ? room.Kind : RoomRules.Open, member.Membership)
            : ErrorCode.RoomNotFound;
        if (refusal != ErrorCode.Unspecified)
        {
            flush.Refuse(submitted, refusal);
            return;
        }

        var role = RoomRules.Member;
        if (!room.Exists)
        {
            (room.Exists, room.Kind, role) = (true, RoomRules.Open, RoomRules.Owner);
            flush.Append(submitted, CreationKey(submitted), new RoomEvent { Room = new RoomCreated { Kind = room.Kind } });
        }

        if (!member.Membership.IsMember && !member.Membership.Banned && room.Kind == RoomRules.Open)
        {
            member.Membership = new Membership(role, Banned: false);
            var changed = new MemberChanged { UserId = actor.UserId, Username = actor.Username, Role = role, Members = ++room.Members };
            flush.Append(submitted, MemberKey(submitted), new RoomEvent { Member = changed });
        }

        flush.Subscribe(submitted);
        flush.Reply(submitted, new CommandReply
        {
            Joined = new Joined { Epoch = epoch, Seq = room.LastSeq, OwnerEpoch = submitted.OwnerEpoch, Members = room.Members, Role = member.Membership.Role },
        });
    }

    /// <summary>The keys of all that this command may write: the same when it is delivered again.</summary>
    public static void AddKeys(in Submitted submitted, HashSet<EntryKey> keys)
    {
        keys.Add(new EntryKey(submitted.Room.RoomId, submitted.Command.Actor.UserId, CreationKey(submitted)));
        keys.Add(new EntryKey(submitted.Room.RoomId, submitted.Command.Actor.UserId, MemberKey(submitted)));
    }

    private static void PublishWhatIsStored(in Submitted submitted, Flush flush)
    {
        if (flush.Known.Count == 0)
        {
            return;
        }

        var keys = new HashSet<EntryKey>();
        AddKeys(submitted, keys);
        foreach (var key in keys)
        {
            if (flush.Known.TryGetValue(key, out var stored))
            {
                flush.Republish(submitted, stored);
            }
        }
    }

    private static string CreationKey(in Submitted submitted) => Key("+room:", submitted);

    private static string MemberKey(in Submitted submitted) => Key("+join:", submitted);

    private static string Key(string prefix, in Submitted submitted) =>
        string.Create(CultureInfo.InvariantCulture, $"{prefix}{submitted.NodeId}:{submitted.Command.CommandId}");
}
