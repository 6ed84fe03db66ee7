using Google.Protobuf;
using Tertulia.Contracts;

namespace Tertulia.Bus.RabbitMq;

/// <summary>The submit queues over RabbitMQ: quorum queues with a single active consumer, published to and consumed with the bare client (ADR 0002).</summary>
internal sealed class RabbitMqSubmitQueue : ISubmitQueue, IAsyncDisposable
{
    private readonly RabbitMqBroker _broker;
    private readonly ConfirmedPublisher _publisher;

    public RabbitMqSubmitQueue(RabbitMqBroker broker)
    {
        _broker = broker;
        _publisher = new(broker.Publishing, "submit", persistent: true,
            (connection, token) => broker.Topology.DeclareSubmitQueuesAsync(connection, broker.Partitions, token), broker.Logger);
    }

    public async Task PublishAsync(SubmitBatch batch, CancellationToken cancellationToken)
    {
        var partition = (int)batch.Partition;
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(partition, _broker.Partitions, nameof(batch));
        var publication = new Publication(new OutgoingMessage("", _broker.Topology.Submit(partition), Mandatory: true, batch));
        await _publisher.PublishAsync(publication, cancellationToken);
        if (publication.Returned.Count > 0)
        {
            await RedeclareAsync(partition, cancellationToken);
            throw new BusUnavailableException($"the submit queue of partition {partition} was gone; it was declared again");
        }
    }

    public async Task<IPartitionConsumer> ConsumeAsync(
        int partition, Func<SubmitDelivery, ValueTask> receive, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(partition);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(partition, _broker.Partitions);
        return await WithDeadlineAsync(
            token => PartitionConsumer.StartAsync(_broker, partition, receive, DeadLetterAsync, token), cancellationToken);
    }

    public ValueTask DisposeAsync() => _publisher.DisposeAsync();

    private Task<int> RedeclareAsync(int partition, CancellationToken cancellationToken) => WithDeadlineAsync(
        async token =>
        {
            var connection = await _broker.Publishing.GetAsync(token);
            await _broker.Topology.DeclareSubmitQueueAsync(connection, partition, token);
            return partition;
        },
        cancellationToken);

    private Task DeadLetterAsync(int partition, IMessage body, string reason, CancellationToken cancellationToken)
    {
        var headers = new Dictionary<string, object?>
        {
            ["reason"] = reason,
            ["partition"] = partition,
            ["at"] = _broker.Publishing.Time.GetUtcNow().ToString("O"),
        };
        var message = new OutgoingMessage("", _broker.Topology.SubmitErrors, Mandatory: true, body);
        return _publisher.PublishAsync(new Publication(message) { Headers = headers }, cancellationToken);
    }

    private async Task<T> WithDeadlineAsync<T>(Func<CancellationToken, Task<T>> callAsync, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(_broker.Receiving.Options.Timeout);
        try
        {
            return await callAsync(deadline.Token);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw new BusUnavailableException("the broker did not answer", exception);
        }
    }
}
