using System.Collections.Concurrent;
using System.Diagnostics;
using System.Threading.Channels;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Flushing;

/// <summary>Tells the nodes what one flush loop has written, until the broker has confirmed it.</summary>
/// <remarks>All flushes that wait go out together: one message to each node, or several when it would be larger than <see cref="NodeBatches.MaxBytes"/>.
/// What the broker refuses for its size is halved until it is taken; a single element that is refused is given up.</remarks>
internal sealed partial class Publisher(ILiveBus bus, ISubmitQueue queue, ProcessIdentity identity, Telemetry telemetry, TimeProvider time, ILogger<Publisher> logger)
{
    /// <summary>Failures in a row, other than of a broker that does not answer, after which a message counts as one that can never be sent.</summary>
    public const int MaxFailures = 5;

    // One is published, the others wait while the flush loop is at the next: more would only hide that the broker is slow.
    private const int WaitingFlushes = 4;

    // The flush loop's thread may go on here: publishing only hands over to the bus and awaits it, and the loop has nothing else to do with its flush.
    private readonly Channel<Outgoing> _outgoing = Channel.CreateBounded<Outgoing>(
        new BoundedChannelOptions(WaitingFlushes) { SingleReader = true, SingleWriter = true, AllowSynchronousContinuations = true });
    private int _maxBytes = NodeBatches.MaxBytes; // Less when the broker took less.
    private volatile bool _hasDropped;

    /// <summary>Nodes whose queue no longer exists; the flush loop drops them from the rooms.</summary>
    public ConcurrentQueue<GoneNode> GoneNodes { get; } = [];

    /// <summary>Something could not be published: the flush loop takes its partitions again, so that the nodes compare what they have.</summary>
    public bool HasDropped
    {
        get => _hasDropped;
        set => _hasDropped = value;
    }

    /// <summary>Adds a flush, in the order of the writes.</summary>
    public ValueTask AddAsync(Outgoing outgoing, CancellationToken cancellationToken) => _outgoing.Writer.WriteAsync(outgoing, cancellationToken);

    /// <summary>The flush loop has ended.</summary>
    public void Complete() => _outgoing.Writer.TryComplete();

    /// <summary>Runs until the flush loop has ended, or until it is stopped: then what is not confirmed is left to the nodes, which compare.</summary>
    public async Task RunAsync(CancellationToken stoppingToken)
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

                var trace = FlushTrace.Publish(flushes);
                try
                {
                    await PublishAsync(flushes, trace, stoppingToken);
                }
                finally
                {
                    if (trace is not null)
                    {
                        Tracing.End(trace);
                    }
                }

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

    private async Task PublishAsync(List<Outgoing> flushes, Activity? trace, CancellationToken cancellationToken)
    {
        var batches = new NodeBatches(identity.Id, _maxBytes);
        foreach (var outgoing in flushes)
        {
            batches.Add(outgoing);
        }

        var flushNumber = flushes[^1].Number;
        foreach (var step in batches.Steps())
        {
            trace?.SetTag("tertulia.nodes", step.ToAll is null ? step.ToNodes.Count : "all");
            if (await TrySendAsync(step, flushNumber, cancellationToken) == Sending.Confirmed)
            {
                continue;
            }

            // One of its messages can never be sent. The others must not be lost with it.
            foreach (var single in step.Singles())
            {
                await SendWhatCanBeAsync(single, flushNumber, cancellationToken);
            }
        }
    }

    /// <summary>Sends one message, or in its order those parts of it that the broker takes.</summary>
    private async Task SendWhatCanBeAsync(SendStep single, long flushNumber, CancellationToken cancellationToken)
    {
        var outcome = await TrySendAsync(single, flushNumber, cancellationToken);
        if (outcome == Sending.Confirmed)
        {
            return;
        }

        if (outcome == Sending.TooLarge)
        {
            // The broker takes less than this: the next messages are made smaller at once.
            _maxBytes = Math.Clamp(single.Bytes / 2, NodeBatches.LeastBytes, _maxBytes);
            if (single.Halves() is [var first, var second])
            {
                await SendWhatCanBeAsync(first, flushNumber, cancellationToken);
                await SendWhatCanBeAsync(second, flushNumber, cancellationToken);
                return;
            }
        }

        LogDropped(single.ToNodes is [var send] ? send.NodeId : "all nodes", single.Content, single.Bytes);
    }

    private async Task<Sending> TrySendAsync(SendStep step, long flushNumber, CancellationToken cancellationToken)
    {
        var backoff = new Backoff(time);
        var failures = 0;
        while (failures < MaxFailures)
        {
            try
            {
                await SendAsync(step, flushNumber, cancellationToken);
                return Sending.Confirmed;
            }
            catch (MessageTooLargeException)
            {
                return Sending.TooLarge;
            }
            catch (Exception exception) when (exception is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
            {
                // Sent twice is harmless: the nodes drop what they have seen.
                LogNotPublished(exception);
                failures = exception is BusUnavailableException ? 0 : failures + 1;
                await backoff.WaitAsync(cancellationToken);
            }
        }

        _hasDropped = true;
        return Sending.Failed;
    }

    private async Task SendAsync(SendStep step, long flushNumber, CancellationToken cancellationToken)
    {
        // The answers to join and subscribe go first, so that a node knows from where it has the room's events.
        var toNodes = step.ToNodes.Count > 0 ? bus.SendToNodesAsync(step.ToNodes, cancellationToken) : null;
        var toAll = step.ToAll is { } all ? bus.SendToAllNodesAsync(all, cancellationToken) : Task.CompletedTask;
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
            telemetry.DeadLettered();
            try
            {
                await queue.DeadLetterAsync(batch, reason, cancellationToken);
            }
            catch (BusUnavailableException exception)
            {
                LogNotKept(exception, batch.NodeId, reason);
            }
        }

        outgoing.Settled?.TrySetResult();
    }

    private enum Sending
    {
        /// <summary>All of it is with the nodes.</summary>
        Confirmed,

        /// <summary>The broker takes less. Nothing was sent.</summary>
        TooLarge,

        /// <summary>It failed again and again although the broker answers.</summary>
        Failed,
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The broker did not confirm; published again until it does")]
    private partial void LogNotPublished(Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "A message to {NodeId} can never be sent and is given up, the node reads it by seq: {Content}, {Bytes} bytes")]
    private partial void LogDropped(string nodeId, string content, int bytes);

    [LoggerMessage(Level = LogLevel.Information, Message = "Node {NodeId} is gone")]
    private partial void LogGone(string nodeId);

    [LoggerMessage(Level = LogLevel.Error, Message = "A batch of node {NodeId} that can never be handled could not be kept: {Reason}")]
    private partial void LogNotKept(Exception exception, string nodeId, string reason);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Stopped with flushes that are not published; the nodes ask again")]
    private partial void LogStopped();
}
