using System.Collections.Concurrent;
using System.Threading.Channels;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Sending;

/// <summary>Tells the nodes what was written, until the broker has confirmed it.</summary>
/// <remarks>All flushes that wait go out together: one message to each node.</remarks>
internal sealed partial class Publisher(ILiveBus bus, ISubmitQueue queue, ProcessIdentity identity, TimeProvider time, ILogger<Publisher> logger) : BackgroundService
{
    // One is published, the others wait while the flush loop is at the next: more would only hide that the broker is slow.
    private const int WaitingFlushes = 4;

    private readonly Channel<Outgoing> _outgoing = Channel.CreateBounded<Outgoing>(
        new BoundedChannelOptions(WaitingFlushes) { SingleReader = true, SingleWriter = true, AllowSynchronousContinuations = true });

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
                    await SettleAsync(outgoing, stoppingToken);
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
        while (true)
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

    private async Task SettleAsync(Outgoing outgoing, CancellationToken cancellationToken)
    {
        foreach (var (batch, reason) in outgoing.Poison)
        {
            try
            {
                await queue.DeadLetterAsync(batch, reason, cancellationToken);
            }
            catch (BusUnavailableException exception)
            {
                LogNotKept(exception, batch.NodeId, reason);
            }
        }

        outgoing.Settled?.SetResult();
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The broker did not confirm; published again until it does")]
    private partial void LogNotPublished(Exception exception);

    [LoggerMessage(Level = LogLevel.Information, Message = "Node {NodeId} is gone")]
    private partial void LogGone(string nodeId);

    [LoggerMessage(Level = LogLevel.Error, Message = "A batch of node {NodeId} that can never be handled could not be kept: {Reason}")]
    private partial void LogNotKept(Exception exception, string nodeId, string reason);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Stopped with flushes that are not published; the nodes ask again")]
    private partial void LogStopped();
}
