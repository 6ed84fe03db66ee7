using Tertulia.Contracts;
using Tertulia.Messages.Partitions;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Sending;

/// <summary>Brings what a flush needs to know into memory: nothing, in the usual case.</summary>
internal sealed class FlushLoader(IMessageStore store, RoomCache rooms, OwnedPartitions owned)
{
    private readonly long[] _epochs = new long[owned.Count]; // Of the batch that is being read.
    private readonly HashSet<RoomState> _rooms = [];
    private readonly HashSet<(RoomState Room, MemberState Member)> _members = [];

    /// <summary>Makes the flush's commands from its batches and reads the rooms and members that are not in memory, together.</summary>
    public async Task LoadAsync(Flush flush, CancellationToken cancellationToken)
    {
        flush.Commands.Clear();
        _rooms.Clear();
        _members.Clear();
        var isAgain = false;
        for (var i = 0; i < flush.Batches.Count; i++)
        {
            isAgain |= flush.Batches[i].Again;
            Add(flush, flush.Batches[i], i);
        }

        if (isAgain && flush.Known.Count == 0)
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

    /// <summary>What the node meant for another owner is passed over: the node sends it again when it hears who that is, in its order.</summary>
    private void Add(Flush flush, SubmitBatch batch, int index)
    {
        Array.Clear(_epochs);
        foreach (var owner in batch.Owners)
        {
            if (owner.Partition < _epochs.Length)
            {
                _epochs[owner.Partition] = owner.OwnerEpoch;
            }
        }

        foreach (var command in batch.Commands)
        {
            var partition = Partitioner.PartitionOf(command.RoomId, _epochs.Length);
            if (owned.EpochOf(partition) is > 0 and var epoch && epoch == _epochs[partition] && !flush.Lost.Contains(partition))
            {
                Add(flush, command, batch.NodeId, index, rooms.Find(partition, command.RoomId), epoch);
            }
        }
    }

    private void Add(Flush flush, Command command, string nodeId, int batch, RoomState room, long ownerEpoch)
    {
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

        flush.Commands.Add(new Submitted(command, nodeId, room, member, batch, ownerEpoch));
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
