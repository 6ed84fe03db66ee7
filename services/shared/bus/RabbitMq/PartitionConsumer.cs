using Google.Protobuf;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;
using Tertulia.Contracts;

namespace Tertulia.Bus.RabbitMq;

/// <summary>A candidate for the single active consumer of one partition, on a channel of its own.</summary>
/// <remarks>Closing the channel is what hands over in order: the broker puts what is unacknowledged back to the head of the queue before it
/// activates the next consumer. Cancelling the consumer would leave it with the old channel while the new consumer goes on behind it
/// (https://www.rabbitmq.com/docs/consumers#single-active-consumer).</remarks>
internal sealed partial class PartitionConsumer : IPartitionConsumer
{
    private readonly RabbitMqBroker _broker;
    private readonly IChannel _channel;
    private readonly Func<SubmitDelivery, ValueTask> _receive;
    private readonly Func<int, IMessage, string, CancellationToken, Task> _deadLetterAsync;
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _lost = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SemaphoreSlim _settling = new(1, 1);
    private readonly HashSet<ulong> _deadLettered = [];
    private Task _pump = Task.CompletedTask;
    private ulong _acknowledged;

    private PartitionConsumer(
        RabbitMqBroker broker, int partition, IChannel channel, Func<SubmitDelivery, ValueTask> receive,
        Func<int, IMessage, string, CancellationToken, Task> deadLetterAsync)
    {
        _broker = broker;
        _channel = channel;
        _receive = receive;
        _deadLetterAsync = deadLetterAsync;
        Partition = partition;
    }

    public int Partition { get; }

    public Task Lost => _lost.Task;

    public static async Task<IPartitionConsumer> StartAsync(
        RabbitMqBroker broker, int partition, Func<SubmitDelivery, ValueTask> receive,
        Func<int, IMessage, string, CancellationToken, Task> deadLetterAsync, CancellationToken cancellationToken)
    {
        var connection = await broker.Receiving.GetAsync(cancellationToken);
        await broker.Topology.DeclareSubmitQueueAsync(connection, partition, cancellationToken);
        var channel = await connection.CreateChannelAsync(cancellationToken: cancellationToken);
        try
        {
            var consumer = new PartitionConsumer(broker, partition, channel, receive, deadLetterAsync);
            await channel.BasicQosAsync(0, (ushort)broker.Receiving.Options.SubmitPrefetch, global: false, cancellationToken);
            var deliveries = new Deliveries<SubmitBatch>(channel, SubmitBatch.Parser);
            consumer._pump = Task.Run(() => consumer.PumpAsync(deliveries), CancellationToken.None);
            await channel.BasicConsumeAsync(broker.Topology.Submit(partition), autoAck: false, deliveries, cancellationToken);
            return consumer;
        }
        catch
        {
            await channel.DisposeAsync();
            throw;
        }
    }

    public ValueTask AcknowledgeAsync(SubmitDelivery upTo, CancellationToken cancellationToken) =>
        SettleAsync(() =>
        {
            // Tags are dense. The broker closes a channel that acknowledges a tag twice, even as the end of a range.
            var tag = upTo.Tag;
            while (tag > _acknowledged && _deadLettered.Remove(tag))
            {
                tag--;
            }

            var nothing = tag <= _acknowledged;
            _acknowledged = Math.Max(_acknowledged, upTo.Tag);
            _deadLettered.RemoveWhere(dead => dead < tag);
            return nothing ? ValueTask.CompletedTask : _channel.BasicAckAsync(tag, multiple: true, cancellationToken);
        }, cancellationToken);

    public async ValueTask DeadLetterAsync(SubmitDelivery delivery, string reason, CancellationToken cancellationToken)
    {
        await _deadLetterAsync(Partition, delivery.Batch, reason, cancellationToken);
        await AcknowledgeOneAsync(delivery.Tag, cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (_stopping.IsCancellationRequested)
        {
            return;
        }

        await _stopping.CancelAsync();
        try
        {
            await _channel.DisposeAsync().AsTask().WaitAsync(_broker.Receiving.Options.Timeout, _broker.Receiving.Time);
            await _pump.WaitAsync(_broker.Receiving.Options.Timeout, _broker.Receiving.Time);
        }
        catch (Exception exception)
        {
            LogNotClosed(_broker.Logger, Partition, exception.GetBaseException().Message);
        }
    }

    private ValueTask AcknowledgeOneAsync(ulong tag, CancellationToken cancellationToken) =>
        SettleAsync(() =>
        {
            _deadLettered.Add(tag);
            return _channel.BasicAckAsync(tag, multiple: false, cancellationToken);
        }, cancellationToken);

    private async ValueTask SettleAsync(Func<ValueTask> settleAsync, CancellationToken cancellationToken)
    {
        await _settling.WaitAsync(cancellationToken);
        try
        {
            await settleAsync();
        }
        catch (Exception exception) when (exception is AlreadyClosedException or OperationInterruptedException or ObjectDisposedException)
        {
            throw new BusUnavailableException($"the consumer of partition {Partition} is closed", exception);
        }
        finally
        {
            _settling.Release();
        }
    }

    private async Task PumpAsync(Deliveries<SubmitBatch> deliveries)
    {
        try
        {
            // What was delivered before the channel closed belongs to the next consumer already.
            while (_channel.IsOpen && await deliveries.Reader.WaitToReadAsync(_stopping.Token))
            {
                while (!_stopping.IsCancellationRequested && _channel.IsOpen && deliveries.Reader.TryRead(out var delivered))
                {
                    await HandleAsync(delivered);
                }
            }

            LogLost(_broker.Logger, Partition);
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            LogLeft(_broker.Logger, Partition);
        }
        catch (Exception exception)
        {
            LogFailed(_broker.Logger, exception, Partition); // The receiver threw: what it did not acknowledge comes again.
        }
        finally
        {
            _lost.TrySetResult();
        }
    }

    private async ValueTask HandleAsync(Delivered<SubmitBatch> delivered)
    {
        if (delivered.Body is { } batch)
        {
            await _receive(new SubmitDelivery(batch, delivered.Tag, delivered.Redelivered));
            return;
        }

        var unreadable = new Google.Protobuf.WellKnownTypes.BytesValue { Value = ByteString.CopyFrom(delivered.Unreadable) };
        await _deadLetterAsync(Partition, unreadable, "not a SubmitBatch; the body is a BytesValue of what came", _stopping.Token);
        await AcknowledgeOneAsync(delivered.Tag, _stopping.Token);
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Partition {Partition}: consumer left")]
    private static partial void LogLeft(ILogger logger, int partition);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Partition {Partition}: the broker took the consumer away")]
    private static partial void LogLost(ILogger logger, int partition);

    [LoggerMessage(Level = LogLevel.Error, Message = "Partition {Partition}: the consumer failed")]
    private static partial void LogFailed(ILogger logger, Exception exception, int partition);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Partition {Partition}: the consumer did not close in time: {Reason}")]
    private static partial void LogNotClosed(ILogger logger, int partition, string reason);
}
