using System.Collections.Concurrent;
using System.Threading.Channels;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Partitions;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Sending;

/// <summary>Tells the nodes what was written, waits until the broker has confirmed it, and only then acknowledges the batches.</summary>
/// <remarks>All flushes that wait go out together: one message to each node.</remarks>
internal sealed partial class Publisher(ILiveBus bus, ProcessIdentity identity, TimeProvider time, ILogger<Publisher> logger) : BackgroundService
{
    // One is published, the others wait while the flush loop is at the next: more would only hide that the broker is slow.
    private const int WaitingFlushes = 4;

    private readonly Channel<Outgoing> _outgoing = Channel.CreateBounded<Outgoing>(
        new BoundedChannelOptions(WaitingFlushes) { SingleReader = true, SingleWriter = true });

    /// <summary>Flushes in the order of their writes.</summary>
    public ChannelWriter<Outgoing> Outgoing => _outgoing.Writer;

    /// <summary>Nodes whose queue no longer exists; the flush loop drops them from the rooms.</summary>
    public ConcurrentQueue<GoneNode> GoneNodes { get; } = [];

    /// <summary>After the flush loop has ended.</summary>
    public override Task StopAsync(CancellationToken cancellationToken)
    {
        _outgoing.Writer.TryComplete();
        return base.StopAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        List<Outgoing> flushes = [];
        try
        {
            while (await _outgoing.Reader.WaitToReadAsync(CancellationToken.None))
            {
                while (_outgoing.Reader.TryRead(out var outgoing))
                {
                    flushes.Add(outgoing);
                }

                await PublishAsync(flushes, stoppingToken);
                foreach (var outgoing in flushes)
                {
                    await AcknowledgeAsync(outgoing, stoppingToken);
                }

                flushes.Clear();
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped();
        }
    }

    private async Task PublishAsync(List<Outgoing> flushes, CancellationToken cancellationToken)
    {
        var batches = new NodeBatches(identity.Id);
        foreach (var outgoing in flushes)
        {
            batches.Add(outgoing);
        }

        var backoff = new Backoff(time);
        while (!flushes.TrueForAll(outgoing => outgoing.IsAbandoned))
        {
            try
            {
                await SendAsync(batches, flushes[^1].Number, cancellationToken);
                return;
            }
            catch (Exception exception) when (exception is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
            {
                // Sent twice is harmless: the nodes drop what they have seen.
                LogNotPublished(exception);
                await backoff.WaitAsync(cancellationToken);
            }
        }
    }

    private async Task SendAsync(NodeBatches batches, long flushNumber, CancellationToken cancellationToken)
    {
        // The answers to join and subscribe go first, so that a node knows from where it has the room's events.
        var toNodes = batches.ToNodes.Count > 0 ? bus.SendToNodesAsync(batches.ToNodes, cancellationToken) : null;
        var toAll = batches.ToAll is { } all ? bus.SendToAllNodesAsync(all, cancellationToken) : Task.CompletedTask;
        if (toNodes is not null)
        {
            foreach (var nodeId in await toNodes)
            {
                LogGone(nodeId);
                GoneNodes.Enqueue(new GoneNode(nodeId, flushNumber));
            }
        }

        await toAll;
    }

    private async Task AcknowledgeAsync(Outgoing outgoing, CancellationToken cancellationToken)
    {
        for (var i = 0; i < outgoing.Deliveries.Length; i++)
        {
            var (lane, delivery) = outgoing.Deliveries[i];
            if (outgoing.Poison.TryGetValue(i, out var reason))
            {
                await TryAsync(lane, consumer => consumer.DeadLetterAsync(delivery!, reason, cancellationToken));
            }
            else if (IsLastOfRun(outgoing, i))
            {
                await TryAsync(lane, consumer => consumer.AcknowledgeAsync(delivery!, cancellationToken));
            }
        }

        foreach (var lane in outgoing.Ended)
        {
            lane.SetEnded();
        }
    }

    /// <summary>One acknowledgement covers all that came before in the partition, up to a delivery that is dead-lettered.</summary>
    private static bool IsLastOfRun(Outgoing outgoing, int index)
    {
        for (var next = index + 1; next < outgoing.Deliveries.Length; next++)
        {
            if (ReferenceEquals(outgoing.Deliveries[next].Lane, outgoing.Deliveries[index].Lane))
            {
                return outgoing.Poison.ContainsKey(next);
            }
        }

        return true;
    }

    private async Task TryAsync(PartitionLane lane, Func<IPartitionConsumer, ValueTask> settle)
    {
        try
        {
            await settle(await lane.Consumer);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            LogNotSettled(exception, lane.Partition);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The broker did not confirm; published again until it does")]
    private partial void LogNotPublished(Exception exception);

    [LoggerMessage(Level = LogLevel.Information, Message = "Node {NodeId} is gone")]
    private partial void LogGone(string nodeId);

    [LoggerMessage(Level = LogLevel.Information, Message = "Partition {Partition}: a batch was not acknowledged and comes again")]
    private partial void LogNotSettled(Exception exception, int partition);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Stopped with flushes that are not published; they are delivered again")]
    private partial void LogStopped();
}
