using Tertulia.Contracts;

namespace Tertulia.Bus;

/// <summary>The durable queues of commands, one per partition, each with one active consumer in the cluster.</summary>
public interface ISubmitQueue
{
    /// <summary>Puts a batch into its partition's queue and completes when it is durable there.</summary>
    /// <remarks>Batches of a partition published one after the other (each after the other's completion) are consumed in that order.</remarks>
    /// <exception cref="BusUnavailableException">Not confirmed: it may or may not be in the queue. The writes are idempotent, so it may be sent again.</exception>
    /// <exception cref="QueueFullException">The queue holds as much as it may.</exception>
    Task PublishAsync(SubmitBatch batch, CancellationToken cancellationToken);

    /// <summary>Becomes a candidate for the single active consumer of a partition.</summary>
    /// <param name="partition">0 to partitions - 1.</param>
    /// <param name="receive">One batch, called by one caller at a time in the order of the queue, never after the consumer was disposed or lost.
    /// Its first call proves that this consumer is the active one.</param>
    /// <param name="cancellationToken">Gives up waiting for the broker.</param>
    /// <exception cref="BusUnavailableException">There is no broker.</exception>
    Task<IPartitionConsumer> ConsumeAsync(int partition, Func<SubmitDelivery, ValueTask> receive, CancellationToken cancellationToken);
}

/// <summary>A candidate for, or the, active consumer of one partition.</summary>
/// <remarks>Disposing it gives unacknowledged batches back to the queue in their order, and only then lets another consumer become active.</remarks>
public interface IPartitionConsumer : IAsyncDisposable
{
    /// <summary>0 to partitions - 1.</summary>
    int Partition { get; }

    /// <summary>Completes when the broker took the consumer away (connection lost, queue gone). It then must be disposed and made again.</summary>
    Task Lost { get; }

    /// <summary>Removes this batch, and all of the partition that were received before it, from the queue.</summary>
    ValueTask AcknowledgeAsync(SubmitDelivery upTo, CancellationToken cancellationToken);

    /// <summary>Moves a batch that can never be handled to the dead-letter queue <c>tertulia.submit_error</c>, with the reason.</summary>
    ValueTask DeadLetterAsync(SubmitDelivery delivery, string reason, CancellationToken cancellationToken);
}

/// <summary>A batch as it came out of a partition's queue.</summary>
/// <param name="Batch">Not to be changed.</param>
/// <param name="Tag">Position in the consumer's deliveries, growing.</param>
/// <param name="Redelivered">An earlier consumer may have handled it already.</param>
public sealed record SubmitDelivery(SubmitBatch Batch, ulong Tag, bool Redelivered);

/// <summary>A bounded queue holds as much as it may: say <c>overloaded</c>.</summary>
public sealed class QueueFullException : Exception
{
    /// <inheritdoc />
    public QueueFullException() { }

    /// <inheritdoc />
    public QueueFullException(string message) : base(message) { }

    /// <inheritdoc />
    public QueueFullException(string message, Exception innerException) : base(message, innerException) { }
}
