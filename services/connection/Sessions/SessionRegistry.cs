using System.Collections.Concurrent;

namespace Tertulia.Connections.Sessions;

/// <summary>The open sessions of this node.</summary>
internal sealed class SessionRegistry
{
    private readonly ConcurrentDictionary<string, Session> _sessions = new(StringComparer.Ordinal);
    private TaskCompletionSource? _empty;

    /// <summary>Sessions that are open.</summary>
    public int Count => _sessions.Count;

    /// <summary>All sessions; those that come or go meanwhile may be missing.</summary>
    public IEnumerable<Session> Sessions => _sessions.Select(session => session.Value);

    public void Add(Session session)
    {
        if (_sessions.TryAdd(session.ConnectionId, session))
        {
            Telemetry.Connections.Add(1);
        }
    }

    public void Remove(Session session)
    {
        if (_sessions.TryRemove(KeyValuePair.Create(session.ConnectionId, session)))
        {
            Telemetry.Connections.Add(-1);
        }

        if (_sessions.IsEmpty)
        {
            Volatile.Read(ref _empty)?.TrySetResult();
        }
    }

    /// <summary>Completes when the last session has gone. For one caller, while no new ones come.</summary>
    public Task WhenEmptyAsync()
    {
        var empty = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Volatile.Write(ref _empty, empty);
        if (_sessions.IsEmpty)
        {
            empty.TrySetResult();
        }

        return empty.Task;
    }
}
