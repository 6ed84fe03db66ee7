using Tertulia.Contracts;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Sending;

/// <summary>Brings what a flush needs to know into memory: nothing, in the usual case.</summary>
internal sealed class FlushLoader(IMessageStore store, RoomCache rooms)
{
    private readonly HashSet<RoomState> _rooms = [];
    private readonly HashSet<(RoomState Room, MemberState Member)> _members = [];

    /// <summary>Makes the flush's commands from its deliveries and reads the rooms and members that are not in memory, together.</summary>
    public async Task LoadAsync(Flush flush, CancellationToken cancellationToken)
    {
        flush.Commands.Clear();
        _rooms.Clear();
        _members.Clear();
        var isRedelivered = false;
        for (var i = 0; i < flush.Deliveries.Count; i++)
        {
            var (lane, delivery) = flush.Deliveries[i];
            isRedelivered |= delivery!.Redelivered;
            foreach (var command in delivery.Batch.Commands)
            {
                Add(flush, command, delivery.Batch.NodeId, i, lane.Partition, lane.OwnerEpoch);
            }
        }

        if (isRedelivered && flush.Known.Count == 0)
        {
            await FindKnownAsync(flush, cancellationToken);
        }

        if (_rooms.Count > 0 || _members.Count > 0)
        {
            await ReadAsync(cancellationToken);
        }
    }

    /// <summary>Asks the store which of the flush's commands it already holds.</summary>
    public async Task FindKnownAsync(Flush flush, CancellationToken cancellationToken)
    {
        var keys = FlushDecider.KeysOf(flush);
        if (keys.Count > 0)
        {
            foreach (var (key, stored) in await store.FindByKeysAsync(keys, cancellationToken))
            {
                flush.Known[key] = stored;
            }
        }
    }

    /// <summary>What the flush decided did not happen, or another writer was faster: its rooms are read again before they are used.</summary>
    public static void Unload(Flush flush)
    {
        foreach (var submitted in flush.Commands)
        {
            submitted.Room.Unload();
        }
    }

    private void Add(Flush flush, Command command, string nodeId, int delivery, int partition, long ownerEpoch)
    {
        var room = rooms.Find(partition, command.RoomId);
        if (room is null)
        {
            flush.Commands.Add(new Submitted(command, nodeId, RoomState.Foreign(command.RoomId), Member: null, delivery, ownerEpoch));
            return;
        }

        MemberState? member = null;
        if (command.BodyCase is Command.BodyOneofCase.Send or Command.BodyOneofCase.Join && FlushDecider.IsComplete(command))
        {
            member = room.MemberOf(command.Actor.UserId);
            if (!member.IsLoaded)
            {
                _members.Add((room, member));
            }
        }

        if (!room.IsLoaded)
        {
            _rooms.Add(room);
        }

        flush.Commands.Add(new Submitted(command, nodeId, room, member, delivery, ownerEpoch));
    }

    private async Task ReadAsync(CancellationToken cancellationToken)
    {
        var loaded = await store.LoadAsync(
            [.. _rooms.Select(room => room.RoomId)],
            [.. _members.Select(entry => new MemberKey(entry.Room.RoomId, entry.Member.UserId))],
            cancellationToken);
        foreach (var room in _rooms)
        {
            room.Load(loaded.Rooms.TryGetValue(room.RoomId, out var head) ? head : null);
        }

        foreach (var (room, member) in _members)
        {
            member.Membership = loaded.Members.GetValueOrDefault(new MemberKey(room.RoomId, member.UserId), Membership.None);
            member.IsLoaded = true;
        }
    }
}
