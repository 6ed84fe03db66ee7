using System.Collections.Concurrent;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Link;

namespace Tertulia.Connections.Submitting;

/// <summary>The way to one message replica: all commands of the partitions it owns, one batch after the other.</summary>
/// <remarks>While one batch is on its way the next one fills; when commands come fast, it fills for a moment longer (<see cref="Pacer"/>).
/// What waits is bounded by the routes.</remarks>
internal sealed partial class ReplicaLane(
    string replicaId, ISubmitQueue queue, PendingAcks pending, string nodeId, SubmitOptions options, TimeProvider time, ILogger logger) : IAfterLinkRead
{
    private static readonly TimeSpan FirstBackOff = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestBackOff = TimeSpan.FromSeconds(2);

    private readonly ConcurrentQueue<RoutedCommand> _waiting = [];
    private readonly WakeUp _wakeUp = new();
    private readonly Pacer _pacer = new(queue.Pace, TimeProvider.System); // Not the clock of a test: it is about this machine.
    private readonly List<RoutedCommand> _taken = [];
    private volatile bool _isComplete;

    public string ReplicaId { get; } = replicaId;

    /// <summary>Takes a command. The caller may hold locks.</summary>
    public void Add(in RoutedCommand command)
    {
        _waiting.Enqueue(command);
        if (!LinkRead.TryPutOff(this))
        {
            _wakeUp.Signal(onThisThread: false);
        }
    }

    /// <summary>Takes nothing more; <see cref="RunAsync"/> ends when what waits is sent.</summary>
    public void Complete()
    {
        _isComplete = true;
        _wakeUp.Signal(onThisThread: false);
    }

    void IAfterLinkRead.OnLinkRead() => _wakeUp.Signal(onThisThread: true);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await using var stop = cancellationToken.UnsafeRegister(static lane => ((ReplicaLane)lane!)._wakeUp.Signal(onThisThread: false), this);
        while (true)
        {
            if (_waiting.IsEmpty)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (_isComplete)
                {
                    return;
                }

                await _wakeUp.WaitAsync();
                continue;
            }

            await _pacer.WaitAsync(cancellationToken);
            TakeWaiting();
            if (_taken.Count > 0)
            {
                await SendAsync(cancellationToken);
            }
        }
    }

    private void TakeWaiting()
    {
        _taken.Clear();
        var bytes = 0;
        while (_taken.Count < options.BatchCommands && bytes < options.BatchBytes && _waiting.TryDequeue(out var routed))
        {
            if (IsWanted(routed))
            {
                _taken.Add(routed);
                bytes += SizeOf(routed.Command);
            }
        }

        _pacer.Took(_taken.Count);
    }

    private async Task SendAsync(CancellationToken cancellationToken)
    {
        var backOff = FirstBackOff;
        for (var again = false; _taken.Count > 0; again = true)
        {
            try
            {
                if (!await queue.PublishAsync(ReplicaId, BatchOf(_taken, again), cancellationToken))
                {
                    LogGone(ReplicaId, _taken.Count); // The routes keep them for the next owner.
                    return;
                }

                Telemetry.BatchSize.Record(_taken.Count, Telemetry.SubmitStage);
                return;
            }
            catch (QueueFullException)
            {
                LogFull(ReplicaId, _taken.Count);
                RefuseAll();
                return;
            }
            catch (BusUnavailableException exception)
            {
                LogUnavailable(exception, ReplicaId, _taken.Count);
            }

            await Task.Delay(backOff * (0.5 + Random.Shared.NextDouble()), time, cancellationToken);
            backOff = TimeSpan.FromTicks(Math.Min(backOff.Ticks * 2, LongestBackOff.Ticks));
            _taken.RemoveAll(routed => !IsWanted(routed));
        }
    }

    // A new one for every attempt: what was handed over may still arrive, and in process it is the same object.
    private SubmitBatch BatchOf(List<RoutedCommand> commands, bool again)
    {
        var batch = new SubmitBatch { NodeId = nodeId, Again = again };
        foreach (var (command, route, epoch, commandAgain) in commands)
        {
            batch.Commands.Add(command);
            batch.Again |= commandAgain;
            if (!Names(batch, route.Partition))
            {
                batch.Owners.Add(new PartitionOwner { Partition = (uint)route.Partition, OwnerEpoch = epoch });
            }
        }

        return batch;
    }

    private static bool Names(SubmitBatch batch, int partition)
    {
        for (var index = 0; index < batch.Owners.Count; index++)
        {
            if (batch.Owners[index].Partition == partition)
            {
                return true;
            }
        }

        return false;
    }

    private void RefuseAll()
    {
        var retryAfterMs = (uint)options.RetryAfter.TotalMilliseconds;
        foreach (var routed in _taken)
        {
            pending.Take(routed.Command.CommandId)?.OnRefused(new Refusal { Code = ErrorCode.Overloaded, RetryAfterMs = retryAfterMs });
        }
    }

    // What was answered must not be carried out long after, and what has a newer owner is on its way to it.
    private bool IsWanted(in RoutedCommand routed) =>
        routed.Epoch == routed.Route.Epoch
        && (routed.Command.BodyCase == Command.BodyOneofCase.Unsubscribe || pending.Contains(routed.Command.CommandId));

    private static int SizeOf(Command command) => 256 + (command.Send is { } send ? send.Content.Length + send.Metadata.Length : 0);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Message replica {ReplicaId} is not reachable, {Count} commands wait")]
    private partial void LogUnavailable(Exception exception, string replicaId, int count);

    [LoggerMessage(Level = LogLevel.Information, Message = "Message replica {ReplicaId} has no queue, {Count} commands wait for the next owner of their partitions")]
    private partial void LogGone(string replicaId, int count);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The queue of message replica {ReplicaId} is full, {Count} commands were refused")]
    private partial void LogFull(string replicaId, int count);
}
