using Tertulia.Contracts;
using Tertulia.Messages.Joining;
using Tertulia.Messages.Partitions;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Verbs;

namespace Tertulia.Messages.Flushing;

/// <summary>Brings what a flush needs to know into memory: nothing, in the usual case.</summary>
/// <remarks>It knows no verb by name. No read of the store is cancelled: a loop that stops waits no more, and the read ends by itself.</remarks>
internal sealed class FlushLoader(
    IMessageStore store, VerbRegistry verbs, RoomCache rooms, OwnedPartitions owned, LoopShare share, SecondLooks looks, IRoomReads reads, TimeProvider time)
{
    private const int MaxUserIdLength = 512;

    private readonly long[] _epochs = new long[owned.Count]; // Of the batch that is being read.
    private readonly HashSet<RoomState> _rooms = [];
    private readonly HashSet<(RoomState Room, MemberState Member)> _members = [];
    private readonly HashSet<string> _creators = new(StringComparer.Ordinal);
    private bool _hasAbsentRooms;

    /// <summary>Makes the flush's commands from its batches.</summary>
    public void Collect(Flush flush)
    {
        for (var i = 0; i < flush.Batches.Count; i++)
        {
            Collect(flush, flush.Batches[i], i);
        }
    }

    /// <summary>Reads the rooms and members that are not in memory, together, what the store already holds of commands that were sent before, and the messages
    /// that commands name.</summary>
    public async Task LoadAsync(Flush flush, CancellationToken cancellationToken)
    {
        if (flush.Known.Count == 0 && flush.Batches.Exists(batch => batch.Again))
        {
            await FindKnownAsync(flush, cancellationToken);
        }

        _rooms.Clear();
        _members.Clear();
        _hasAbsentRooms = false;
        for (var i = 0; i < flush.Commands.Count; i++)
        {
            AddNeeds(flush, i);
        }

        if (_rooms.Count > 0 || _members.Count > 0)
        {
            await ReadAsync(flush, cancellationToken);
        }

        if (_hasAbsentRooms)
        {
            await CountCreatedAsync(flush, cancellationToken);
        }

        if (flush.NeededPins.Count > 0)
        {
            await CountPinsAsync(flush, cancellationToken);
        }

        if (flush.NeededInvitations.Count > 0)
        {
            await CountInvitedAsync(flush, cancellationToken);
        }

        if (flush.NeededPlaces.Count > 0)
        {
            var loaded = await store.LoadAsync(
                [.. flush.NeededPlaces.Select(place => place.RoomId).Distinct(StringComparer.Ordinal)], flush.NeededPlaces, CancellationToken.None)
                .WaitAsync(cancellationToken);
            flush.LoadMainRooms(loaded, time.GetUtcNow().ToUnixTimeMilliseconds());
        }

        // Usually nothing, or once: what a message leads to, as a reply to its thread, is read after it.
        while (flush.NeededMessages.Count > 0)
        {
            await FindMessagesAsync(flush, cancellationToken);
        }
    }

    /// <summary>Asks the store which of the flush's commands it already holds.</summary>
    public async Task FindKnownAsync(Flush flush, CancellationToken cancellationToken)
    {
        HashSet<EntryKey> keys = [];
        foreach (var submitted in flush.Commands)
        {
            if (IsDecidable(submitted))
            {
                submitted.Verb!.AddKeys(submitted, keys);
            }
        }

        if (keys.Count > 0)
        {
            foreach (var (key, stored) in await store.FindByKeysAsync(keys, CancellationToken.None).WaitAsync(cancellationToken))
            {
                flush.Known[key] = stored;
            }
        }
    }

    /// <summary>What the flush decided did not happen: its rooms are read again before they are used.</summary>
    public static void Unload(Flush flush)
    {
        foreach (var submitted in flush.Commands)
        {
            submitted.Room.Unload();
        }
    }

    /// <summary>What the node meant for another owner is passed over: the node sends it again when it hears who that is, in its order.</summary>
    private void Collect(Flush flush, SubmitBatch batch, int index)
    {
        Array.Clear(_epochs);
        foreach (var owner in batch.Owners)
        {
            if (owner.Partition < _epochs.Length && share.Has((int)owner.Partition))
            {
                _epochs[owner.Partition] = owner.OwnerEpoch;
            }
        }

        foreach (var command in batch.Commands)
        {
            var partition = Partitioner.PartitionOf(command.RoomId, _epochs.Length);
            if (_epochs[partition] is > 0 and var epoch && owned.EpochOf(partition) == epoch)
            {
                flush.Commands.Add(new Submitted(
                    command, verbs.Find(command), batch.NodeId, rooms.Find(partition, command.RoomId), Member: null, index, epoch));
            }
        }
    }

    private void AddNeeds(Flush flush, int index)
    {
        var submitted = flush.Commands[index];
        var room = submitted.Room;
        if (room.IsLoaded && submitted.Verb is { } verb && verb.Doubts(submitted))
        {
            room.Unload();
        }

        if (!room.IsLoaded)
        {
            _rooms.Add(room);
        }
        else
        {
            _hasAbsentRooms |= !room.Exists;
        }

        submitted.Verb?.NameMessages(submitted, flush);
        if (HasCompleteActor(submitted))
        {
            var member = room.MemberOf(submitted.Command.Actor.UserId);
            flush.Commands[index] = submitted with { Member = member };
            Need(room, member);
            if (submitted.Verb!.OtherUser(submitted) is { } other && IsUserId(other))
            {
                Need(room, room.MemberOf(other));
            }
        }
    }

    private void Need(RoomState room, MemberState member)
    {
        if (!member.IsLoaded)
        {
            _members.Add((room, member));
        }
        else if (member.Membership.HasEnd)
        {
            member.Membership = member.Membership.At(time.GetUtcNow().ToUnixTimeMilliseconds());
        }
    }

    private async Task ReadAsync(Flush flush, CancellationToken cancellationToken)
    {
        var loaded = await store.LoadAsync(
            [.. _rooms.Select(room => room.RoomId)],
            [.. _members.Select(entry => new MemberKey(entry.Room.RoomId, entry.Member.UserId))],
            CancellationToken.None).WaitAsync(cancellationToken);
        foreach (var room in _rooms)
        {
            room.Load(loaded.Rooms.TryGetValue(room.RoomId, out var head) ? head : null);
            flush.StoreWentBack |= room.LastSeq < room.ToldSeq;
            _hasAbsentRooms |= !room.Exists;
            looks.Note(room);
            if (room.StoredSeq > room.ToldSeq)
            {
                flush.Touch(room); // Its subscribers are told what they miss.
            }
        }

        foreach (var (room, member) in _members)
        {
            member.Membership = loaded.Members.GetValueOrDefault(new MemberKey(room.RoomId, member.UserId), Membership.None)
                .At(time.GetUtcNow().ToUnixTimeMilliseconds());
            member.IsLoaded = true;
        }

        foreach (var room in _rooms)
        {
            if (room is { Exists: true, Settings.SlowModeSeconds: > 0 })
            {
                await ReadLastSentAsync(room, cancellationToken);
            }
        }
    }

    private async Task ReadLastSentAsync(RoomState room, CancellationToken cancellationToken)
    {
        var since = time.GetUtcNow().ToUnixTimeMilliseconds() - (room.Settings.SlowModeSeconds * 1_000L);
        room.LastSent = await reads.LastSentAsync(room.RoomId, since, CancellationToken.None).WaitAsync(cancellationToken);
    }

    private async Task CountCreatedAsync(Flush flush, CancellationToken cancellationToken)
    {
        _creators.Clear();
        foreach (var submitted in flush.Commands)
        {
            if (IsDecidable(submitted))
            {
                submitted.Verb!.AddCreators(submitted, _creators);
            }
        }

        if (_creators.Count > 0)
        {
            var since = time.GetUtcNow().ToUnixTimeMilliseconds() - RoomCreations.HourMs;
            flush.Creations.Load(await store.CountCreatedRoomsAsync(_creators, since, CancellationToken.None).WaitAsync(cancellationToken));
        }
    }

    private async Task CountPinsAsync(Flush flush, CancellationToken cancellationToken)
    {
        var uncounted = flush.NeededPins.Where(room => room.Pins is null).ToArray();
        if (uncounted.Length > 0)
        {
            var counts = await store.CountPinsAsync([.. uncounted.Select(room => room.RoomId)], CancellationToken.None).WaitAsync(cancellationToken);
            foreach (var room in uncounted)
            {
                room.Pins = counts.GetValueOrDefault(room.RoomId);
            }
        }

        flush.ForgetNeededPins();
    }

    private async Task CountInvitedAsync(Flush flush, CancellationToken cancellationToken)
    {
        foreach (var room in flush.NeededInvitations)
        {
            room.Invited ??= await reads.CountInvitedAsync(room.RoomId, CancellationToken.None).WaitAsync(cancellationToken);
        }

        flush.NeededInvitations.Clear();
    }

    private async Task FindMessagesAsync(Flush flush, CancellationToken cancellationToken)
    {
        flush.LoadMessages(await store.FindMessagesAsync(flush.NeededMessages, CancellationToken.None).WaitAsync(cancellationToken));
        foreach (var submitted in flush.Commands)
        {
            submitted.Verb?.NameMessages(submitted, flush);
        }
    }

    private static bool IsDecidable(in Submitted submitted) => submitted.Verb is { } verb && (!verb.HasActor || HasCompleteActor(submitted));

    /// <summary>Whether the command names a user who acts, with ids that any store can hold.</summary>
    private static bool HasCompleteActor(in Submitted submitted) =>
        submitted is { Verb.HasActor: true, Command.Actor: { } actor } && IsUserId(actor.UserId) && !actor.Username.Contains('\0');

    private static bool IsUserId(string userId) => userId.Length is > 0 and <= MaxUserIdLength && !userId.Contains('\0');
}
