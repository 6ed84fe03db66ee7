using Tertulia.Contracts;

namespace Tertulia.Bus;

/// <summary>The way of commands to the replicas of the message service, each of which has one queue.</summary>
/// <remarks>
/// The queues carry, they do not keep: a replica's queue is gone when the replica is, and with it what waited there. Whoever sends a command
/// waits for its outcome, and sends it again when another replica owns its partition, or the same one under a newer epoch. The writes
/// are idempotent (ADR 0006).
/// </remarks>
public interface ISubmitQueue
{
    /// <summary>Least time between two batches to a replica while commands come so fast that several would go together; zero where a batch costs
    /// nothing that would be worth a wait.</summary>
    TimeSpan Pace { get; }

    /// <summary>Sends a batch to a replica and completes when the batch is in its queue.</summary>
    /// <remarks>Batches of one sender, sent one after the other's completion, are received in that order.</remarks>
    /// <returns>False when the replica has no queue: it is gone, or comes back under a newer epoch.</returns>
    /// <exception cref="BusUnavailableException">Not confirmed: it may or may not arrive. It may be sent again.</exception>
    /// <exception cref="QueueFullException">The queue holds as much as it may.</exception>
    /// <exception cref="MessageTooLargeException">The batch was not sent.</exception>
    Task<bool> PublishAsync(string replicaId, SubmitBatch batch, CancellationToken cancellationToken);

    /// <summary>Receives what is sent to a replica.</summary>
    /// <param name="replicaId">Unique for every start of a process.</param>
    /// <param name="receive">One batch, called by one caller at a time in the order of the queue. It must not throw; while it waits the queue waits.</param>
    /// <param name="restored">The queue was lost and is there again, empty. Called before the first batch that comes through the new one.</param>
    /// <param name="cancellationToken">Gives up waiting for the broker.</param>
    /// <returns>Ends the reception when disposed; the queue is then gone.</returns>
    Task<IAsyncDisposable> ReceiveAsync(
        string replicaId, Func<SubmitBatch, ValueTask> receive, Func<ValueTask> restored, CancellationToken cancellationToken);

    /// <summary>Puts a batch that can never be handled into the durable queue <c>tertulia.submit_error</c>, with the reason.</summary>
    /// <exception cref="BusUnavailableException">Not confirmed.</exception>
    /// <exception cref="MessageTooLargeException">The batch was not kept.</exception>
    Task DeadLetterAsync(SubmitBatch batch, string reason, CancellationToken cancellationToken);
}

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
