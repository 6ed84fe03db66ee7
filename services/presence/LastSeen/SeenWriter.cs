using Tertulia.Presence.Emitting;
using Tertulia.Presence.Storage;
using Tertulia.Presence.Tracking;

namespace Tertulia.Presence.LastSeen;

/// <summary>Stores when users were last online, a batch at a time. Touched by <see cref="PresenceLoop"/> only, except for the write under way.</summary>
/// <remarks>All replicas see all users go; the one that owns a user writes. What it did not write because it died, the one that takes over writes.</remarks>
internal sealed partial class SeenWriter(RecentlySeen recent, IPresenceStore store, PresenceReplicas replicas, ILogger<SeenWriter> logger)
{
    private const int MaxBatch = 2_000;
    private const int MaxWaiting = 200_000; // While the store does not answer: about 30 MB. Above it the last ones are lost.

    private readonly Dictionary<string, long> _waiting = new(StringComparer.Ordinal);
    private Task _writing = Task.CompletedTask;
    private volatile Seen[] _unwritten = []; // Set by the write under way, read when it is done.

    /// <summary>Another set of replicas shares the users: what one that is gone may not have written is written.</summary>
    public void TakeOver(IReadOnlyList<string> before)
    {
        foreach (var seen in recent.All)
        {
            if (replicas.Took(seen.UserId, before))
            {
                Wait(seen);
            }
        }
    }

    /// <summary>Called about once a second: writes what waits, when the last write is done.</summary>
    public void Tick()
    {
        foreach (var seen in recent.TakeNew())
        {
            if (replicas.Owns(seen.UserId))
            {
                Wait(seen);
            }
        }

        if (_writing.IsCompleted)
        {
            WriteNext();
        }
    }

    /// <summary>Writes what waits, once: the process stops.</summary>
    public async Task WriteLastAsync(CancellationToken cancellationToken)
    {
        Tick();
        await _writing.WaitAsync(cancellationToken);
        for (var batches = 0; batches <= MaxWaiting / MaxBatch && _unwritten.Length == 0 && _waiting.Count > 0; batches++)
        {
            WriteNext();
            await _writing.WaitAsync(cancellationToken);
        }
    }

    private void WriteNext()
    {
        foreach (var seen in _unwritten)
        {
            Wait(seen);
        }

        _unwritten = [];
        Seen[] batch = [.. _waiting.Take(MaxBatch).Select(seen => new Seen(seen.Key, seen.Value))];
        foreach (var seen in batch)
        {
            _waiting.Remove(seen.UserId);
        }

        _writing = batch.Length > 0 ? Task.Run(() => WriteAsync(batch)) : Task.CompletedTask;
    }

    private void Wait(Seen seen)
    {
        if (_waiting.Count < MaxWaiting || _waiting.ContainsKey(seen.UserId))
        {
            _waiting[seen.UserId] = Math.Max(seen.SeenMs, _waiting.GetValueOrDefault(seen.UserId));
        }
    }

    private async Task WriteAsync(Seen[] batch)
    {
        try
        {
            await store.WriteSeenAsync(batch, CancellationToken.None);
        }
        catch (StoreUnavailableException exception)
        {
            LogNotWritten(batch.Length, exception.InnerException?.Message ?? exception.Message);
            _unwritten = batch;
        }
        catch (Exception exception)
        {
            LogFailed(exception, batch.Length); // It would fail again.
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "When {Users} users were last seen is not stored yet: {Reason}")]
    private partial void LogNotWritten(int users, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "When {Users} users were last seen cannot be stored")]
    private partial void LogFailed(Exception exception, int users);
}
