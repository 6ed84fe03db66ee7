using System.Diagnostics;
using Google.Protobuf;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client;

namespace Tertulia.Bus.RabbitMq;

/// <summary>A queue of one's own, as long as it is wanted: declared again whenever the broker or the connection was gone.</summary>
internal sealed partial class Reception<T> : IAsyncDisposable
    where T : class, IMessage<T>
{
    private const ushort Prefetch = 64; // Batches are cut at 1 MiB, so that this bounds the bytes, too, which the broker cannot do.
    private const int AcknowledgeEvery = 16;
    private const long AcknowledgeEveryBytes = 4 * 1024 * 1024;
    private static readonly TimeSpan AcknowledgeAfter = TimeSpan.FromSeconds(10);

    private readonly ReceptionPlan<T> _plan;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _established = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _run;
    private int _generation;

    public Reception(BrokerConnection connection, ReceptionPlan<T> plan, ILogger logger)
    {
        _plan = plan;
        _logger = logger;
        _time = connection.Time;
        var loop = new ChannelLoop(connection, plan.Queue, logger);
        _run = Task.Run(() => loop.RunAsync(
            new CreateChannelOptions(publisherConfirmationsEnabled: false, publisherConfirmationTrackingEnabled: false), ReceiveAsync, _stopping.Token));
    }

    /// <summary>Completes when the queue exists and is consumed for the first time.</summary>
    public Task Established => _established.Task;

    /// <summary>Called after the queue is gone for good.</summary>
    public Action? Disposed { get; init; }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _run;
        Disposed?.Invoke();
    }

    private async Task ReceiveAsync(IConnection connection, IChannel channel, CancellationToken lost)
    {
        await _plan.DeclareAsync(connection, lost);

        // A new name each time: an exclusive queue whose connection broke is locked until the broker notices, which may take a heartbeat.
        var queue = ++_generation == 1 ? _plan.Queue : $"{_plan.Queue}.{_generation}";
        await channel.QueueDeclareAsync(queue, durable: false, exclusive: true, autoDelete: true, _plan.Arguments, cancellationToken: lost);
        foreach (var (exchange, routingKey) in _plan.Bindings)
        {
            await channel.QueueBindAsync(queue, exchange, routingKey, cancellationToken: lost);
        }

        try
        {
            await channel.BasicQosAsync(0, Prefetch, global: false, lost);
            if (_established.Task.IsCompleted)
            {
                LogRestored(queue);
                await _plan.Restored(); // Before the first delivery, because receivers are called by one caller at a time.
            }

            var deliveries = new Deliveries<T>(channel, _plan.Parser);
            await channel.BasicConsumeAsync(queue, autoAck: false, deliveries, lost);
            _established.TrySetResult();
            await PumpAsync(channel, deliveries, lost);
        }
        finally
        {
            if (_stopping.IsCancellationRequested && channel.IsOpen)
            {
                await channel.QueueDeleteAsync(queue, ifUnused: false, ifEmpty: false, cancellationToken: CancellationToken.None);
            }
        }
    }

    // Acknowledges for the sake of the prefetch alone, which bounds what waits in this process: no other consumer would get what is not acknowledged, as
    // the queue ends with its connection, and an acknowledgement for each delivery is a fifth of its cost at the broker.
    private async Task PumpAsync(IChannel channel, Deliveries<T> deliveries, CancellationToken lost)
    {
        var (last, unacknowledged, bytes) = (0UL, 0, 0L);
        Task<bool>? waiting = null;
        while (true)
        {
            while (!lost.IsCancellationRequested && deliveries.Reader.TryRead(out var delivered))
            {
                await HandleAsync(delivered);
                (last, unacknowledged, bytes) = (delivered.Tag, unacknowledged + 1, bytes + delivered.Bytes);
                if (unacknowledged >= AcknowledgeEvery || bytes >= AcknowledgeEveryBytes)
                {
                    await AcknowledgeAsync();
                }
            }

            waiting ??= deliveries.Reader.WaitToReadAsync(lost).AsTask();
            if (unacknowledged > 0 && !await IsReadyWithinAsync(waiting, AcknowledgeAfter))
            {
                await AcknowledgeAsync(); // The broker closes a channel that leaves a delivery unacknowledged for half an hour.
            }
            else if (!await waiting)
            {
                return;
            }
            else
            {
                waiting = null;
            }
        }

        ValueTask AcknowledgeAsync()
        {
            (unacknowledged, bytes) = (0, 0);
            return channel.BasicAckAsync(last, multiple: true, lost);
        }
    }

    private async ValueTask<bool> IsReadyWithinAsync(Task<bool> waiting, TimeSpan time)
    {
        if (!waiting.IsCompleted)
        {
            await ((Task)waiting).WaitAsync(time, _time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return waiting.IsCompleted;
    }

    private async ValueTask HandleAsync(Delivered<T> delivered)
    {
        if (delivered.Body is not { } body)
        {
            LogUnreadable(_plan.Queue, delivered.Unreadable?.Length ?? 0);
            return;
        }

        var started = Stopwatch.GetTimestamp();
        try
        {
            await _plan.Receive(body);
        }
        catch (Exception exception)
        {
            LogReceiverFailed(exception, _plan.Queue);
        }

        _plan.Counted?.OnConsumed(started);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Queue {Queue} took the place of one that was lost")]
    private partial void LogRestored(string queue);

    [LoggerMessage(Level = LogLevel.Error, Message = "Queue {Queue}: a message of {Bytes} bytes cannot be read; it was dropped")]
    private partial void LogUnreadable(string queue, int bytes);

    [LoggerMessage(Level = LogLevel.Error, Message = "Queue {Queue}: the receiver threw; the message was dropped")]
    private partial void LogReceiverFailed(Exception exception, string queue);
}
