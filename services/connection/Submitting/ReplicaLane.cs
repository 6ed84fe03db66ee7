using System.Collections.Concurrent;
using System.Diagnostics;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Link;

namespace Tertulia.Connections.Submitting;

/// <summary>The way to one message replica: all commands of the partitions it owns, one batch after the other.</summary>
/// <remarks>While one batch is on its way the next one fills; when commands come fast, it fills for a moment longer (<see cref="Pacer"/>).
/// What waits is bounded by the routes, and by <see cref="IsFull"/> what was answered meanwhile and waits for a broker that is stuck.</remarks>
internal sealed partial class ReplicaLane(
    string replicaId, ISubmitQueue queue, PendingAcks pending, string nodeId, SubmitOptions options, TimeProvider time, ILogger logger) : IAfterLinkRead
{
    private static readonly TimeSpan FirstBackOff = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestBackOff = TimeSpan.FromSeconds(2);

    private readonly ConcurrentQueue<RoutedCommand> _waiting = [];
    private readonly WakeUp _wakeUp = new();
    private readonly Pacer _pacer = new(queue.Pace, TimeProvider.System, CpuGauge.Machine); // Not the clock of a test: it is about this machine.
    private readonly Queue<RoutedCommand> _kept = []; // What had to wait for the broker; before what is in _waiting. Of the loop only.
    private readonly List<RoutedCommand> _taken = [];
    private long _waitingBytes;
    private volatile bool _isComplete;
    private bool _isSampled; // One of the batch's commands is. Of the loop only.

    public string ReplicaId { get; } = replicaId;

    /// <summary>As much waits as may.</summary>
    public bool IsFull => Interlocked.Read(ref _waitingBytes) >= options.ProcessBytes;

    /// <summary>Takes a command. The caller may hold locks.</summary>
    public void Add(in RoutedCommand command)
    {
        Interlocked.Add(ref _waitingBytes, command.Bytes);
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
            try
            {
                if (!await RunOnceAsync(cancellationToken))
                {
                    return;
                }
            }
            catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
            {
                // An edge: without its lane the replica's partitions would have no way. What was taken is in the routes, and is answered in time.
                LogFailed(exception, ReplicaId, _taken.Count);
                await Task.Delay(FirstBackOff, time, cancellationToken);
            }
        }
    }

    /// <returns>False when the lane is complete and nothing waits.</returns>
    private async Task<bool> RunOnceAsync(CancellationToken cancellationToken)
    {
        if (_kept.Count == 0 && _waiting.IsEmpty)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (_isComplete)
            {
                return false;
            }

            await _wakeUp.WaitAsync();
            return true;
        }

        await _pacer.WaitAsync(cancellationToken);
        TakeWaiting();
        if (_taken.Count > 0)
        {
            await SendAsync(cancellationToken);
        }

        return true;
    }

    private void TakeWaiting()
    {
        _taken.Clear();
        var awaited = 0;
        for (var bytes = 0; _taken.Count < options.BatchCommands && bytes < options.BatchBytes && TryTake(out var routed);)
        {
            if (IsWanted(routed))
            {
                _taken.Add(routed);
                bytes += routed.Bytes;
                awaited += routed.IsAwaited ? 1 : 0;
            }
        }

        _pacer.Took(awaited); // A command without a waiter is no reason to delay the others.
    }

    private bool TryTake(out RoutedCommand routed)
    {
        if (!_kept.TryDequeue(out routed) && !_waiting.TryDequeue(out routed))
        {
            return false;
        }

        Interlocked.Add(ref _waitingBytes, -routed.Bytes);
        return true;
    }

    private async Task SendAsync(CancellationToken cancellationToken)
    {
        try
        {
            await PublishAsync(cancellationToken);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested && _taken.Count > 1)
        {
            // They are too large together, or one of them cannot be sent, ever: the others must not wait for it.
            LogDivided(exception, ReplicaId, _taken.Count);
            var commands = _taken.ToArray();
            await SendPartAsync(commands[..(commands.Length / 2)], cancellationToken);
            await SendPartAsync(commands[(commands.Length / 2)..], cancellationToken);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            LogFailed(exception, ReplicaId, _taken.Count);
            RefuseAll(new Refusal { Code = exception is MessageTooLargeException ? ErrorCode.TooLarge : ErrorCode.Internal });
        }
    }

    private Task SendPartAsync(RoutedCommand[] commands, CancellationToken cancellationToken)
    {
        _taken.Clear();
        _taken.AddRange(commands);
        return SendAsync(cancellationToken);
    }

    /// <summary>Publishes what was taken, again and again while the broker is away and it is wanted.</summary>
    private async Task PublishAsync(CancellationToken cancellationToken)
    {
        var backOff = FirstBackOff;
        for (var again = false; _taken.Count > 0; again = true)
        {
            var batch = BatchOf(_taken, again);
            var trace = TraceOf(batch);
            try
            {
                if (!await queue.PublishAsync(ReplicaId, batch, cancellationToken))
                {
                    Tracing.Fail(trace, "no_queue");
                    LogGone(ReplicaId, _taken.Count); // The routes keep them for the next owner.
                    return;
                }

                Telemetry.BatchSize.Record(_taken.Count, Telemetry.SubmitStage);
                return;
            }
            catch (QueueFullException)
            {
                Tracing.Fail(trace, nameof(QueueFullException));
                LogFull(ReplicaId, _taken.Count);
                RefuseAll(new Refusal { Code = ErrorCode.Overloaded, RetryAfterMs = (uint)options.RetryAfter.TotalMilliseconds });
                return;
            }
            catch (BusUnavailableException exception)
            {
                Tracing.Fail(trace, nameof(BusUnavailableException));
                LogUnavailable(exception, ReplicaId, _taken.Count);
            }
            finally
            {
                if (trace is not null)
                {
                    Tracing.End(trace);
                }
            }

            await Task.Delay(backOff * (0.5 + Random.Shared.NextDouble()), time, cancellationToken);
            backOff = TimeSpan.FromTicks(Math.Min(backOff.Ticks * 2, LongestBackOff.Ticks));
            _taken.RemoveAll(routed => !IsWanted(routed));
            ForgetAnswered();
        }
    }

    // While the broker is away commands come and are answered `unavailable`: they must not gather here.
    private void ForgetAnswered()
    {
        for (var left = _kept.Count; left > 0; left--)
        {
            KeepIfWanted(_kept.Dequeue());
        }

        while (_waiting.TryDequeue(out var routed))
        {
            KeepIfWanted(routed);
        }
    }

    private void KeepIfWanted(in RoutedCommand routed)
    {
        if (IsWanted(routed))
        {
            _kept.Enqueue(routed);
        }
        else
        {
            Interlocked.Add(ref _waitingBytes, -routed.Bytes);
        }
    }

    // A batch of one belongs to its command's trace, a larger one is linked to all that are sampled.
    private Activity? TraceOf(SubmitBatch batch)
    {
        if (!_isSampled)
        {
            return null;
        }

        List<ActivityLink> links = [];
        foreach (var command in batch.Commands)
        {
            BusTrace.AddLink(links, command);
        }

        var trace = BusTrace.Begin(
            Telemetry.Activities, "publish", "send", ActivityKind.Client, BusTrace.Message, BusTrace.Replica, ReplicaId,
            batch.Commands.Count == 1 && links is [var only] ? only.Context : default, links);
        BusTrace.Batch(trace, batch.Commands.Count);
        batch.Traceparent = Tracing.Carried(trace);
        return trace;
    }

    // A new one for every attempt: what was handed over may still arrive, and in process it is the same object.
    private SubmitBatch BatchOf(List<RoutedCommand> commands, bool again)
    {
        var batch = new SubmitBatch { NodeId = nodeId, Again = again };
        _isSampled = false;
        foreach (var (command, _, route, epoch, commandAgain, _) in commands)
        {
            batch.Commands.Add(command);
            _isSampled |= command.Traceparent.Length > 0;
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

    private void RefuseAll(Refusal refusal)
    {
        foreach (var routed in _taken)
        {
            pending.Take(routed.Command.CommandId)?.OnRefused(refusal);
        }
    }

    // What was answered must not be carried out long after, and what has a newer owner is on its way to it.
    private bool IsWanted(in RoutedCommand routed) =>
        routed.Epoch == routed.Route.Epoch
        && (!routed.IsAwaited || pending.Contains(routed.Command.CommandId));

    [LoggerMessage(Level = LogLevel.Warning, Message = "Message replica {ReplicaId} is not reachable, {Count} commands wait")]
    private partial void LogUnavailable(Exception exception, string replicaId, int count);

    [LoggerMessage(Level = LogLevel.Information, Message = "Message replica {ReplicaId} has no queue, {Count} commands wait for the next owner of their partitions")]
    private partial void LogGone(string replicaId, int count);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The queue of message replica {ReplicaId} is full, {Count} commands were refused")]
    private partial void LogFull(string replicaId, int count);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A batch of {Count} commands for message replica {ReplicaId} cannot be sent: it is halved")]
    private partial void LogDivided(Exception exception, string replicaId, int count);

    [LoggerMessage(Level = LogLevel.Error, Message = "Sending {Count} commands to message replica {ReplicaId} failed")]
    private partial void LogFailed(Exception exception, string replicaId, int count);
}
