using Microsoft.Extensions.Options;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Submitting;

/// <summary>Takes the commands of this node's clients to their rooms' partitions, and gives up on those that stay without an outcome.</summary>
internal sealed class SubmitBatcher : BackgroundService
{
    private static readonly TimeSpan ExpiryInterval = TimeSpan.FromMilliseconds(500);

    private readonly PartitionLane[] _lanes;
    private readonly PendingAcks _pending;
    private readonly TimeProvider _time;

    public SubmitBatcher(ISubmitQueue queue, PendingAcks pending, ProcessIdentity node, IOptions<SubmitOptions> options,
        IOptions<LiveBusOptions> bus, TimeProvider time, ILogger<PartitionLane> logger)
    {
        _pending = pending;
        _time = time;
        _lanes = new PartitionLane[bus.Value.Partitions];
        for (var partition = 0; partition < _lanes.Length; partition++)
        {
            _lanes[partition] = new PartitionLane(partition, queue, pending, node, options, time, logger);
        }
    }

    /// <summary>Puts a command on the way to its room's partition; the room id, the actor and the body are the caller's.</summary>
    /// <param name="command">Not to be changed any more. Gets its id and its time here.</param>
    /// <param name="waiter">Who is told the outcome; null when nobody is.</param>
    /// <returns>False when as much waits as may: say <c>overloaded</c>. The waiter is then not called.</returns>
    public bool TrySubmit(Command command, PendingCommand? waiter)
    {
        command.SubmittedAtMs = _time.GetUtcNow().ToUnixTimeMilliseconds();
        command.CommandId = waiter is null ? _pending.NewId() : _pending.Add(waiter);
        if (_lanes[Partitioner.PartitionOf(command.RoomId, _lanes.Length)].TryWrite(command))
        {
            return true;
        }

        _pending.Take(command.CommandId);
        return false;
    }

    /// <inheritdoc />
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        foreach (var lane in _lanes)
        {
            lane.Complete();
        }

        if (ExecuteTask is { } running)
        {
            // What waits is published, unless the broker is away for longer than the host is willing to wait.
            await running.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await base.StopAsync(cancellationToken);
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var stopExpiring = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        var expiring = ExpireAsync(stopExpiring.Token);
        await Task.WhenAll(_lanes.Select(lane => lane.RunAsync(stoppingToken)));
        await stopExpiring.CancelAsync();
        await expiring;
    }

    private async Task ExpireAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(ExpiryInterval, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(cancellationToken))
            {
                _pending.Expire();
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return; // The lanes are empty, or the host stops.
        }
    }
}
