using Google.Protobuf.Collections;
using Microsoft.Extensions.Options;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Submitting;

/// <summary>Takes the commands of this node's clients to the owners of their rooms' partitions, again when a partition has a new owner, and gives up on
/// those that stay without an outcome.</summary>
internal sealed class SubmitBatcher : BackgroundService
{
    private static readonly TimeSpan ExpiryInterval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(5); // What waits then has lost its clients already.

    private readonly PartitionRoute[] _routes;
    private readonly Dictionary<string, (ReplicaLane Lane, Task Run)> _lanes = new(StringComparer.Ordinal); // Also the lock of their changes.
    private readonly Func<string, ReplicaLane> _newLane;
    private readonly PendingAcks _pending;
    private readonly TimeProvider _time;
    private readonly ILogger<ReplicaLane> _logger;
    private readonly CancellationTokenSource _stopping = new();
    private bool _isComplete;

    public SubmitBatcher(ISubmitQueue queue, PendingAcks pending, ProcessIdentity node, IOptions<SubmitOptions> options,
        IOptions<LiveBusOptions> bus, TimeProvider time, ILogger<ReplicaLane> logger)
    {
        _pending = pending;
        RetryAfter = options.Value.RetryAfter;
        _time = time;
        _logger = logger;
        _newLane = replicaId => new ReplicaLane(replicaId, queue, pending, node.Id, options.Value, time, logger);
        var process = new SubmitBudget(int.MaxValue, options.Value.ProcessBytes);
        _routes = new PartitionRoute[bus.Value.Partitions];
        for (var partition = 0; partition < _routes.Length; partition++)
        {
            _routes[partition] = new PartitionRoute(partition, new SubmitBudget(options.Value.Capacity, options.Value.PartitionBytes), process, pending);
        }
    }

    /// <summary>What a client is told whose command is refused because as much waits as may.</summary>
    public TimeSpan RetryAfter { get; }

    /// <summary>Puts a command on the way to its room's partition; the room id, the actor and the body are the caller's.</summary>
    /// <param name="command">Not to be changed any more. Gets its id and its time here.</param>
    /// <param name="waiter">Is told the outcome; null: not told.</param>
    /// <returns>False when as much waits as may: say <c>overloaded</c>. The waiter is then not called.</returns>
    public bool TrySubmit(Command command, PendingCommand? waiter)
    {
        command.SubmittedAtMs = _time.GetUtcNow().ToUnixTimeMilliseconds();
        var (route, bytes) = (RouteOf(command.RoomId), command.CalculateSize());
        if (Volatile.Read(ref _isComplete))
        {
            return false;
        }

        if (waiter is null)
        {
            command.CommandId = _pending.NewId();
            return route.TryPass(command, bytes);
        }

        if (bytes > SubmitOptions.MaxCommandBytes)
        {
            waiter.OnRefused(new Refusal { Code = ErrorCode.TooLarge });
            return true;
        }

        if (!route.TryReserve(bytes))
        {
            return false;
        }

        waiter.Reserved = (route, bytes);
        command.CommandId = _pending.Add(waiter);
        route.Add(command, bytes);
        return true;
    }

    /// <summary>Since when the owner of the room's partition, the newest this node has heard of, owns it; 0 when none was heard of.</summary>
    public long OwnerEpochOf(string roomId) => RouteOf(roomId).Epoch;

    /// <summary>A message replica says what it owns.</summary>
    /// <returns>True when some of it is news.</returns>
    public bool OnOwners(string replicaId, RepeatedField<PartitionOwner> owners)
    {
        if (!IsNews(owners))
        {
            return false;
        }

        lock (_lanes)
        {
            if (_isComplete)
            {
                return false;
            }

            if (!_lanes.TryGetValue(replicaId, out var known))
            {
                var lane = _newLane(replicaId);
                _lanes[replicaId] = known = (lane, Task.Run(() => lane.RunAsync(_stopping.Token)));
            }

            foreach (var owner in owners)
            {
                if (owner.Partition < _routes.Length)
                {
                    _routes[owner.Partition].MoveTo(known.Lane, owner.OwnerEpoch);
                }
            }

            ForgetLanes();
            return true;
        }
    }

    /// <inheritdoc />
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        Task[] runs;
        lock (_lanes)
        {
            Volatile.Write(ref _isComplete, true);
            runs = [.. _lanes.Values.Select(known => known.Run)];
            foreach (var (lane, _) in _lanes.Values)
            {
                lane.Complete();
            }
        }

        // What waits is sent, unless the broker is away.
        var running = Task.WhenAll(runs);
        await running.WaitAsync(StopPatience, _time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _stopping.CancelAsync();
        await running.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await base.StopAsync(cancellationToken);
    }

    /// <inheritdoc />
    public override void Dispose()
    {
        _stopping.Dispose();
        base.Dispose();
    }

    /// <inheritdoc />
    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        Telemetry.Observe(_pending);
        return Rounds.RunAsync(_pending.Expire, ExpiryInterval, _time, _logger, stoppingToken);
    }

    private PartitionRoute RouteOf(string roomId) => _routes[Partitioner.PartitionOf(roomId, _routes.Length)];

    private bool IsNews(RepeatedField<PartitionOwner> owners)
    {
        for (var index = 0; index < owners.Count; index++)
        {
            if (owners[index].Partition < _routes.Length && owners[index].OwnerEpoch > _routes[owners[index].Partition].Epoch)
            {
                return true;
            }
        }

        return false;
    }

    // A replica that owns nothing any more is gone, or gets a new lane when it owns something again.
    private void ForgetLanes()
    {
        foreach (var (replicaId, (lane, _)) in _lanes)
        {
            if (!Array.Exists(_routes, route => route.LeadsTo(lane)) && _lanes.Remove(replicaId))
            {
                lane.Complete();
            }
        }
    }
}
