using System.Runtime.InteropServices;
using System.Threading.Channels;
using Grpc.Core;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Reading;

/// <summary>Writes the marks of all flush loops, the newest of each user and room together in one transaction, and then answers the nodes.</summary>
/// <remarks>What is not written when the process ends is not answered: the nodes send it again to the partition's next owner.</remarks>
internal sealed partial class MarkWriter(
    IReadMarks marks, IMessageStore store, ILiveBus bus, UserEventSender users, ProcessIdentity identity, TimeProvider time, ILogger<MarkWriter> logger)
    : BackgroundService
{
    /// <summary>Time that marks gather before they are written: at most 20 transactions a second, however many users read.</summary>
    public static readonly TimeSpan Gather = TimeSpan.FromMilliseconds(50);

    /// <summary>Bytes of marks that wait while the store is slow; above it commands are refused.</summary>
    public const int MaxWaitingBytes = 32 * 1024 * 1024;

    private const int MaxMarks = 5_000; // Of a transaction.
    private const int MaxSends = 5; // Of one message to a node: then the client is told `unavailable` by its node.
    private const int MaxUntold = 64;
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(5);

    private readonly Channel<PendingMark> _waiting = Channel.CreateUnbounded<PendingMark>(new UnboundedChannelOptions { SingleReader = true });

    // Presence may be slow to say where users are: what is told waits here, and the oldest is given up. Devices learn of it when they come back.
    private readonly Channel<List<UserEvent>> _untold = Channel.CreateBounded<List<UserEvent>>(
        new BoundedChannelOptions(MaxUntold) { SingleReader = true, FullMode = BoundedChannelFullMode.DropOldest });
    private readonly LateDevices _late = new(users, marks, store, time);
    private long _waitingBytes;

    /// <summary>As much waits as may.</summary>
    public bool IsFull => Interlocked.Read(ref _waitingBytes) >= MaxWaitingBytes;

    /// <summary>Takes what a flush has decided, when the flush is written. Any flush loop.</summary>
    public void Add(List<PendingMark> decided)
    {
        foreach (ref readonly var mark in CollectionsMarshal.AsSpan(decided))
        {
            if (_waiting.Writer.TryWrite(mark))
            {
                Interlocked.Add(ref _waitingBytes, mark.Bytes);
            }
        }
    }

    /// <summary>After the partitions were given up: what waits is written and answered first.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        _waiting.Writer.TryComplete();
        if (ExecuteTask is { } running)
        {
            await running.WaitAsync(StopPatience, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await base.StopAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var telling = TellAsync(stoppingToken);
        try
        {
            await WriteAllAsync(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped();
        }
        finally
        {
            _untold.Writer.TryComplete();
            await telling;
        }
    }

    private async Task WriteAllAsync(CancellationToken stoppingToken)
    {
        var batch = new List<PendingMark>();

        while (await _waiting.Reader.WaitToReadAsync(stoppingToken))
        {
            await Task.Delay(Gather, stoppingToken); // The machine's clock, not a test's: it is about the disk.
            while (batch.Count < MaxMarks && _waiting.Reader.TryRead(out var mark))
            {
                batch.Add(mark);
                Interlocked.Add(ref _waitingBytes, -mark.Bytes);
            }

            await WriteAsync(batch, stoppingToken);
            batch.Clear();
        }
    }

    // One after the other, so that every device hears of the marks in the order in which they were written.
    private async Task TellAsync(CancellationToken stoppingToken)
    {
        try
        {
            var more = _untold.Reader.WaitToReadAsync(stoppingToken).AsTask();
            while (true)
            {
                if (_late.Wait is { } wait)
                {
                    await Task.WhenAny(more, Task.Delay(wait, time, stoppingToken));
                }
                else
                {
                    await more;
                }

                if (!more.IsCompleted)
                {
                    await TryToTellAsync(() => _late.LookAsync(stoppingToken), stoppingToken);
                }
                else if (await more)
                {
                    while (_untold.Reader.TryRead(out var told))
                    {
                        await TryToTellAsync(async () => _late.Add(told, await users.SendAsync(told, stoppingToken)), stoppingToken);
                    }

                    more = _untold.Reader.WaitToReadAsync(stoppingToken).AsTask();
                }
                else
                {
                    return;
                }
            }
        }
        catch (Exception exception) when (stoppingToken.IsCancellationRequested && exception is OperationCanceledException or RpcException)
        {
            LogStopped();
        }
    }

    private async Task TryToTellAsync(Func<Task> work, CancellationToken stoppingToken)
    {
        try
        {
            await work();
        }
        catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
        {
            LogNotSent(exception);
        }
    }

    private async Task WriteAsync(List<PendingMark> batch, CancellationToken cancellationToken)
    {
        var changes = new ReadChanges(batch);
        var reads = new NodeReads(identity.Id);
        List<UserEvent> unread = [];
        try
        {
            if (changes.Marks.Count > 0)
            {
                await TryAsync(() => marks.WriteAsync(changes.Marks, CancellationToken.None), cancellationToken);
            }

            Dictionary<MemberKey, ReadState> states = [];
            await TryAsync(async () => states = await marks.ReadAsync(changes.Readers, CancellationToken.None), cancellationToken);
            unread = changes.Tell(reads, states, store.Epoch);
        }
        catch (StoreRejectedException exception)
        {
            LogRejected(exception, batch.Count);
            changes.Refuse(reads, ErrorCode.Internal);
        }

        foreach (var round in reads.Rounds)
        {
            await SendAsync(round, cancellationToken);
        }

        if (unread.Count > 0)
        {
            _untold.Writer.TryWrite(unread);
        }
    }

    private async Task TryAsync(Func<Task> work, CancellationToken cancellationToken)
    {
        var backoff = new Backoff(time);
        while (true)
        {
            try
            {
                await work().WaitAsync(cancellationToken);
                return;
            }
            catch (StoreUnavailableException exception)
            {
                LogUnavailable(exception);
                await backoff.WaitAsync(cancellationToken);
            }
        }
    }

    private async Task SendAsync(IReadOnlyCollection<NodeSend> round, CancellationToken cancellationToken)
    {
        var backoff = new Backoff(time);
        for (var attempt = 1; attempt <= MaxSends; attempt++)
        {
            try
            {
                await bus.SendToNodesAsync(round, cancellationToken);
                return;
            }
            catch (Exception exception) when (exception is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
            {
                LogNotSent(exception);
                await backoff.WaitAsync(cancellationToken);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The store does not answer; read marks wait for it")]
    private partial void LogUnavailable(Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Count} read marks can never be written and are refused")]
    private partial void LogRejected(Exception exception, int count);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The broker did not take the answers to read marks")]
    private partial void LogNotSent(Exception exception);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Stopped with read marks that are not written; the nodes send them again")]
    private partial void LogStopped();
}
