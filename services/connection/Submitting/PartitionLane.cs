using System.Threading.Channels;
using Microsoft.Extensions.Options;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Submitting;

/// <summary>The way to one partition: one batch at a time is being confirmed, and while it is, the next one fills.</summary>
/// <remarks>No timer: an idle lane sends a command at once, a busy one sends all that came meanwhile.</remarks>
internal sealed partial class PartitionLane(
    int partition, ISubmitQueue queue, PendingAcks pending, ProcessIdentity node, IOptions<SubmitOptions> options, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan FirstBackOff = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestBackOff = TimeSpan.FromSeconds(2);

    private readonly Channel<Command> _waiting = Channel.CreateBounded<Command>(
        new BoundedChannelOptions(options.Value.Capacity) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });

    // Unsubscribe commands that found the queue full: nobody waits for them, so they go with the next batch, in their order.
    private readonly List<Command> _carried = [];

    /// <returns>False when the lane is full, or closed: the client is told <c>overloaded</c>.</returns>
    public bool TryWrite(Command command) => _waiting.Writer.TryWrite(command);

    /// <summary>Takes nothing more; <see cref="RunAsync"/> ends when what waits is published.</summary>
    public void Complete() => _waiting.Writer.TryComplete();

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (await _waiting.Reader.WaitToReadAsync(cancellationToken))
        {
            var batch = TakeWaiting();
            if (batch.Commands.Count > 0)
            {
                await PublishAsync(batch, cancellationToken);
            }
        }
    }

    private SubmitBatch TakeWaiting()
    {
        var batch = NewBatch();
        batch.Commands.Add(_carried);
        _carried.Clear();
        var bytes = 0;
        while (batch.Commands.Count < options.Value.BatchCommands && bytes < options.Value.BatchBytes && _waiting.Reader.TryRead(out var command))
        {
            if (IsWanted(command))
            {
                batch.Commands.Add(command);
                bytes += SizeOf(command);
            }
        }

        return batch;
    }

    private async Task PublishAsync(SubmitBatch batch, CancellationToken cancellationToken)
    {
        var backOff = FirstBackOff;
        while (batch.Commands.Count > 0)
        {
            try
            {
                await queue.PublishAsync(batch, cancellationToken);
                Telemetry.BatchSize.Record(batch.Commands.Count, Telemetry.SubmitStage);
                return;
            }
            catch (QueueFullException)
            {
                LogFull(partition, batch.Commands.Count);
                RefuseAll(batch);
                return;
            }
            catch (BusUnavailableException exception)
            {
                LogUnavailable(exception, partition, batch.Commands.Count);
            }

            await Task.Delay(backOff * (0.5 + Random.Shared.NextDouble()), time, cancellationToken);
            backOff = TimeSpan.FromTicks(Math.Min(backOff.Ticks * 2, LongestBackOff.Ticks));
            batch = StillWanted(batch);
        }
    }

    // A new batch: the one that was handed over may be in the queue, and in process it is the same object.
    private SubmitBatch StillWanted(SubmitBatch batch)
    {
        var wanted = NewBatch();
        foreach (var command in batch.Commands)
        {
            if (IsWanted(command))
            {
                wanted.Commands.Add(command);
            }
        }

        return wanted;
    }

    private void RefuseAll(SubmitBatch batch)
    {
        foreach (var command in batch.Commands)
        {
            if (command.BodyCase == Command.BodyOneofCase.Unsubscribe)
            {
                _carried.Add(command);
            }
            else
            {
                var retryAfterMs = (uint)options.Value.RetryAfter.TotalMilliseconds;
                pending.Take(command.CommandId)?.OnRefused(new Refusal { Code = ErrorCode.Overloaded, RetryAfterMs = retryAfterMs });
            }
        }
    }

    // What was answered `unavailable` must not be carried out long after.
    private bool IsWanted(Command command) =>
        command.BodyCase == Command.BodyOneofCase.Unsubscribe || pending.Contains(command.CommandId);

    private SubmitBatch NewBatch() => new() { Partition = (uint)partition, NodeId = node.Id };

    private static int SizeOf(Command command) => 256 + (command.Send is { } send ? send.Content.Length + send.Metadata.Length : 0);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Partition {Partition} is not reachable, {Count} commands wait")]
    private partial void LogUnavailable(Exception exception, int partition, int count);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The queue of partition {Partition} is full, {Count} commands were refused")]
    private partial void LogFull(int partition, int count);
}
