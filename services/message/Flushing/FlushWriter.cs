using System.Diagnostics;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Partitions;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Flushing;

/// <summary>Decides a flush and appends it until each of its rooms is written, or is no longer this replica's to write.</summary>
/// <remarks>A conflict means that another writer, or an earlier attempt, was there: what it wrote is read and the room's commands are decided again. The other rooms are
/// done. No command to the store is cancelled: a loop that stops waits no more, and the command ends by itself.</remarks>
internal sealed partial class FlushWriter(
    IMessageStore store, FlushLoader loader, FlushDecider decider, RoomCache rooms, SecondLooks looks, OwnedPartitions owned, Telemetry telemetry,
    TimeProvider time, ILogger<FlushWriter> logger)
{
    private const int PatientConflicts = 5; // Then it waits: two writers take the same room from each other.
    private const int MissedEntries = 100; // Told to the subscribers: when more are missing they see the hole before these and read it.

    private List<RoomAppend> _appends = [];
    private readonly List<RoomState> _missed = [];

    /// <summary>Writes the flush.</summary>
    /// <exception cref="StoreRejectedException">One of its entries can never be written.</exception>
    public async Task WriteAsync(Flush flush, CancellationToken cancellationToken)
    {
        var backoff = new Backoff(time);
        var commands = flush.Commands.Count;
        var isDecided = false;
        for (var conflicts = 0; flush.Commands.Count > 0;)
        {
            try
            {
                if (!isDecided)
                {
                    using (FlushTrace.Step(flush, "decide")?.SetTag("tertulia.commands", flush.Commands.Count))
                    {
                        await loader.LoadAsync(flush, cancellationToken);
                        if (!flush.StoreWentBack)
                        {
                            decider.Decide(flush);
                        }
                    }

                    isDecided = true;
                }

                if (flush.StoreWentBack)
                {
                    await RenewAsync(flush, cancellationToken);
                    break;
                }

                await TellMissedAsync(flush, cancellationToken);
                if (await AppendAsync(flush, commands, cancellationToken))
                {
                    break;
                }

                conflicts++;
                telemetry.Conflicts.Add(1);
                isDecided = false;
                await loader.FindKnownAsync(flush, cancellationToken);
                if (conflicts % PatientConflicts == 0)
                {
                    LogContended(conflicts);
                    await backoff.WaitAsync(cancellationToken);
                }
            }
            catch (StoreUnavailableException exception)
            {
                LogUnavailable(exception, flush.Batches.Count);
                await backoff.WaitAsync(cancellationToken);
            }
        }

        flush.Remember();
    }

    /// <summary>Reads rooms again and tells their subscribers of what another owner wrote meanwhile.</summary>
    public async Task LookAgainAsync(Flush flush, IReadOnlyCollection<RoomState> due, CancellationToken cancellationToken)
    {
        var loaded = await store.LoadAsync([.. due.Select(room => room.RoomId)], [], CancellationToken.None).WaitAsync(cancellationToken);
        foreach (var room in due)
        {
            var head = loaded.Rooms.TryGetValue(room.RoomId, out var found) ? found : (RoomHead?)null;
            if (room.IsLoaded && (head?.LastSeq ?? 0) != room.LastSeq)
            {
                room.Unload();
                room.Load(head);
                flush.StoreWentBack |= room.LastSeq < room.ToldSeq;
            }

            if (room.StoredSeq > room.ToldSeq)
            {
                flush.Touch(room);
            }
        }

        if (flush.StoreWentBack)
        {
            await RenewAsync(flush, cancellationToken);
            return;
        }

        await TellMissedAsync(flush, cancellationToken);
    }

    /// <returns>False when commands are left that are to be decided again.</returns>
    private async Task<bool> AppendAsync(Flush flush, int commands, CancellationToken cancellationToken)
    {
        if (!GatherAppends(flush))
        {
            return true;
        }

        var started = time.GetTimestamp();
        using var trace = FlushTrace.Step(flush, "append", ActivityKind.Client)?.SetTag("tertulia.rooms", _appends.Count);
        AppendOutcome[] outcomes;
        try
        {
            outcomes = await store.AppendAsync(_appends, CancellationToken.None).WaitAsync(cancellationToken);
        }
        catch (StoreUnavailableException)
        {
            Tracing.Fail(trace, nameof(StoreUnavailableException));
            LeaveToStore(flush);
            throw;
        }

        var entries = 0;
        var isDone = true;
        for (var i = 0; i < _appends.Count; i++)
        {
            if (outcomes[i] == AppendOutcome.Appended)
            {
                entries += _appends[i].Entries.Count;
                owned.OnAppended(_appends[i].Partition);
            }
            else
            {
                isDone = false;
            }
        }

        if (entries > 0)
        {
            telemetry.Appended(entries, commands, time.GetElapsedTime(started));
        }

        trace?.SetTag("tertulia.entries", entries);
        if (isDone)
        {
            return true;
        }

        Tracing.Fail(trace, "conflict");

        await UndoAsync(flush, outcomes, cancellationToken);
        return flush.Commands.Count == 0;
    }

    // An append that was given up may still be under way: it keeps the lists that it was given, and the flush goes on with copies.
    private void LeaveToStore(Flush flush)
    {
        _appends = [];
        foreach (var room in flush.Touched)
        {
            room.Entries = room.Entries is { } entries ? [.. entries] : null;
        }
    }

    private bool GatherAppends(Flush flush)
    {
        _appends.Clear();
        foreach (var room in flush.Touched)
        {
            if (room.Entries is { Count: > 0 } entries)
            {
                _appends.Add(new RoomAppend(room.Partition, room.RoomId, owned.EpochOf(room.Partition), entries));
            }
        }

        return _appends.Count > 0;
    }

    // What was written stays as it was decided. A conflict is decided again. Of partitions that are no longer ours, and of a store that went back, nothing is
    // answered: the nodes send it again under the newer owner epoch.
    private async Task UndoAsync(Flush flush, AppendOutcome[] outcomes, CancellationToken cancellationToken)
    {
        var wentBack = false;
        HashSet<int>? lost = null;
        var next = 0;
        foreach (var room in flush.Touched)
        {
            if (room.Entries is not { Count: > 0 })
            {
                continue;
            }

            var outcome = outcomes[next++];
            room.IsUndone = outcome != AppendOutcome.Appended;
            wentBack |= outcome == AppendOutcome.WentBack;
            if (outcome == AppendOutcome.NotOwner)
            {
                (lost ??= []).Add(room.Partition);
            }
        }

        if (lost is not null)
        {
            Lose(flush, lost);
        }

        flush.Undo();
        FlushLoader.Unload(flush);
        if (lost is not null)
        {
            flush.Commands.RemoveAll(submitted => lost.Contains(submitted.Room.Partition));
            foreach (var partition in lost)
            {
                rooms.Drop(partition);
                looks.Forget(partition);
                owned.Lose(partition);
                LogLost(partition);
            }
        }

        if (wentBack)
        {
            await RenewAsync(flush, cancellationToken);
        }
    }

    private static void Lose(Flush flush, HashSet<int> lost)
    {
        foreach (var submitted in flush.Commands)
        {
            submitted.Room.IsUndone |= lost.Contains(submitted.Room.Partition) && submitted.Room.Entries is not { Count: > 0 };
        }
    }

    /// <summary>Gives the store a new epoch, unless another loop or replica was faster, and leaves what is not written to the nodes.</summary>
    private async Task RenewAsync(Flush flush, CancellationToken cancellationToken)
    {
        var before = flush.Epoch; // Not the store's, which another loop may have renewed already for the same reason.
        var backoff = new Backoff(time);
        while (true)
        {
            try
            {
                var epoch = await store.RenewEpochAsync(before, CancellationToken.None).WaitAsync(cancellationToken);
                LogWentBack(before, epoch);
                break;
            }
            catch (StoreUnavailableException exception)
            {
                LogUnavailable(exception, flush.Batches.Count);
                await backoff.WaitAsync(cancellationToken);
            }
        }

        foreach (var submitted in flush.Commands)
        {
            submitted.Room.IsUndone = true;
        }

        flush.Undo();
        FlushLoader.Unload(flush);
        flush.Commands.Clear();
    }

    // Sealing the flush counts them as told: until then it may be undone. Rooms that were read again and hold more than their subscribers were told.
    private async Task TellMissedAsync(Flush flush, CancellationToken cancellationToken)
    {
        _missed.Clear();
        foreach (var room in flush.Touched)
        {
            if (room.StoredSeq > room.ToldSeq)
            {
                _missed.Add(room);
            }
        }

        foreach (var room in _missed)
        {
            var from = Math.Max(room.ToldSeq + 1, room.StoredSeq - MissedEntries + 1);
            var stored = await store.ReadEventsAsync(
                room.RoomId, from, room.StoredSeq, ReadLimit.Of(MissedEntries), CancellationToken.None).WaitAsync(cancellationToken);
            Publish(flush, room, stored);
            if (stored is { HasMore: true })
            {
                // Cut by its bytes: the newest entry shows the subscribers the hole before it, which they read.
                Publish(flush, room, await store.ReadEventsAsync(
                    room.RoomId, room.StoredSeq, room.StoredSeq, ReadLimit.Of(1), CancellationToken.None).WaitAsync(cancellationToken));
            }
        }
    }

    private static void Publish(Flush flush, RoomState room, LogView? log)
    {
        foreach (var missed in log?.Events ?? [])
        {
            flush.PublishMissed(room, missed);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The store does not answer; {Batches} batches wait for it")]
    private partial void LogUnavailable(Exception exception, int batches);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Conflicts} conflicts in one flush: another writer has the same rooms")]
    private partial void LogContended(int conflicts);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Partition {Partition} has a newer owner: what was not written yet is left to it")]
    private partial void LogLost(int partition);

    [LoggerMessage(Level = LogLevel.Error, Message = "The store holds less than was delivered from it: it was restored, or a lagging standby took over. Its epoch {Before} becomes {Epoch}")]
    private partial void LogWentBack(string before, string epoch);
}
