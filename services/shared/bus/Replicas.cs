using System.Collections.Concurrent;
using Microsoft.Extensions.Hosting;
using Tertulia.Contracts;

namespace Tertulia.Bus;

/// <summary>The live replicas of one service, by their heartbeats; they share work by <see cref="Rendezvous"/> over this set.</summary>
/// <remarks>Replicas may see different sets for a moment. What is shared out this way needs its own fence, or must bear being done twice.</remarks>
public sealed class Replicas(ILiveBus bus, string service, string replicaId, TimeProvider time) : BackgroundService
{
    /// <summary>Time between heartbeats.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>Silence after which a replica counts as dead: three missed heartbeats and a half.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(3.5);

    private readonly ConcurrentDictionary<string, long> _lastSeen = [];
    private string[] _live = [replicaId];

    /// <summary>Ids of the live replicas, sorted; always with one's own.</summary>
    public IReadOnlyList<string> Live => Volatile.Read(ref _live);

    /// <summary>The set changed. Raised on the heartbeat loop: return quickly.</summary>
    public event Action? Changed;

    /// <summary>A heartbeat of another replica came. Raised on the receiving loop: return quickly.</summary>
    public event Action<ReplicaHeartbeat>? Heard;

    /// <summary>Whether this replica is the one to do the work of a key.</summary>
    public bool Owns(string key) => Rendezvous.OwnerOf(key, Live) == replicaId;

    /// <summary>Says that this replica is alive, besides the heartbeats that it sends by itself.</summary>
    /// <param name="taken">The latest epochs under which it took partitions.</param>
    public void Beat(IEnumerable<PartitionOwner> taken)
    {
        var heartbeat = new ReplicaHeartbeat { ReplicaId = replicaId };
        heartbeat.Owners.AddRange(taken);
        bus.TryPublishHeartbeat(service, heartbeat);
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        await using var reception = await bus.ReceiveHeartbeatsAsync(service, replicaId, OnHeartbeatAsync, stoppingToken);
        try
        {
            do
            {
                Beat([]);
                Refresh();
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            bus.TryPublishHeartbeat(service, new ReplicaHeartbeat { ReplicaId = replicaId, Leaving = true });
        }
    }

    private ValueTask OnHeartbeatAsync(ReplicaHeartbeat heartbeat)
    {
        if (heartbeat.ReplicaId != replicaId)
        {
            var known = _lastSeen.ContainsKey(heartbeat.ReplicaId);
            if (heartbeat.Leaving)
            {
                _lastSeen.TryRemove(heartbeat.ReplicaId, out _);
            }
            else
            {
                _lastSeen[heartbeat.ReplicaId] = time.GetTimestamp();
            }

            if (known == heartbeat.Leaving)
            {
                Refresh();
            }

            if (!known && !heartbeat.Leaving)
            {
                Beat([]); // At once: until a new one hears of the others it believes that all is its own.
            }

            Heard?.Invoke(heartbeat);
        }

        return ValueTask.CompletedTask;
    }

    private void Refresh()
    {
        foreach (var (id, lastSeen) in _lastSeen)
        {
            if (time.GetElapsedTime(lastSeen) > Timeout)
            {
                _lastSeen.TryRemove(id, out _);
            }
        }

        string[] live = [.. _lastSeen.Keys.Append(replicaId).Order(StringComparer.Ordinal)];
        var before = Interlocked.Exchange(ref _live, live);
        if (!before.AsSpan().SequenceEqual(live))
        {
            Changed?.Invoke();
        }
    }
}
