using Tertulia.Contracts;

namespace Tertulia.Bus;

/// <summary>One node and what it is to receive.</summary>
/// <param name="NodeId">Id of a connection node.</param>
/// <param name="Batch">Not changed after it was handed over: the in-process bus passes it by reference.</param>
public readonly record struct NodeSend(string NodeId, NodeBatch Batch);

/// <summary>The live ways through the broker: to one node, to all nodes, to the presence replicas, between replicas.</summary>
/// <remarks>
/// Nothing that goes this way is stored by the broker beyond its queues: durable state is in the room log, and a receiver that
/// missed something repairs itself by seq. Every receiver is called by one caller at a time, in the order of its queue; it must not
/// throw and should return quickly, because its queue waits for it. Receptions survive a lost broker: the adapter declares its
/// queue again with back-off and then says so.
/// </remarks>
public interface ILiveBus
{
    /// <summary>False while there is no connection to the broker.</summary>
    bool IsConnected { get; }

    /// <summary>Sends each node its batch and completes when the broker has confirmed all of them.</summary>
    /// <remarks>Two calls one after the other arrive in that order at every node they have in common, even when the first is not yet confirmed.</remarks>
    /// <returns>Ids of the nodes whose queue no longer exists; empty when all were reached.</returns>
    /// <exception cref="BusUnavailableException">The broker did not confirm: what was sent may or may not arrive. Send it again.</exception>
    /// <exception cref="MessageTooLargeException">Nothing was sent.</exception>
    Task<IReadOnlyCollection<string>> SendToNodesAsync(IReadOnlyCollection<NodeSend> sends, CancellationToken cancellationToken);

    /// <summary>Sends every node the batch and completes when the broker has confirmed it.</summary>
    /// <exception cref="BusUnavailableException">The broker did not confirm.</exception>
    /// <exception cref="MessageTooLargeException">Nothing was sent.</exception>
    Task SendToAllNodesAsync(NodeBatch batch, CancellationToken cancellationToken);

    /// <summary>Sends one node something ephemeral, without confirmation.</summary>
    /// <returns>False when it was dropped: no broker, or too much waits already.</returns>
    bool TrySendToNode(string nodeId, NodeBatch batch);

    /// <summary>Tells every presence replica. Transient: a replica that misses a report notices it by its version.</summary>
    /// <exception cref="BusUnavailableException">The broker did not confirm.</exception>
    /// <exception cref="MessageTooLargeException">Nothing was sent.</exception>
    Task PublishPresenceAsync(PresenceReport report, CancellationToken cancellationToken);

    /// <summary>Tells the other replicas of a service that this one is alive. Does nothing without a broker.</summary>
    /// <param name="service"><c>message</c>, <c>presence</c> or <c>notification</c>.</param>
    /// <param name="heartbeat">Who is alive, or leaves.</param>
    bool TryPublishHeartbeat(string service, ReplicaHeartbeat heartbeat);

    /// <summary>Tells those who follow the feed that there is news. Does nothing without a broker.</summary>
    bool TryPublishFeedHint(FeedHint hint);

    /// <summary>Receives what is sent to this node and to all nodes.</summary>
    /// <param name="nodeId">Unique for every start of a process.</param>
    /// <param name="receive">One batch.</param>
    /// <param name="restored">The queue was lost and is there again, empty: whatever came meanwhile is missing.</param>
    /// <param name="cancellationToken">Gives up waiting for the broker.</param>
    /// <returns>Ends the reception when disposed; the queue is then gone.</returns>
    Task<IAsyncDisposable> ReceiveAsNodeAsync(
        string nodeId, Func<NodeBatch, ValueTask> receive, Func<ValueTask> restored, CancellationToken cancellationToken);

    /// <summary>Receives every node's presence reports.</summary>
    /// <inheritdoc cref="ReceiveAsNodeAsync" path="/param"/>
    Task<IAsyncDisposable> ReceivePresenceAsync(
        string replicaId, Func<PresenceReport, ValueTask> receive, Func<ValueTask> restored, CancellationToken cancellationToken);

    /// <summary>Receives the heartbeats of the replicas of a service, one's own included.</summary>
    Task<IAsyncDisposable> ReceiveHeartbeatsAsync(
        string service, string replicaId, Func<ReplicaHeartbeat, ValueTask> receive, CancellationToken cancellationToken);

    /// <summary>Receives hints that the feed has news. Some may be missing.</summary>
    /// <param name="followerId">Unique for every start of a process and every follower in it.</param>
    /// <param name="receive">One hint.</param>
    /// <param name="restored">The queue was lost and is there again, empty: hints of that time are missing.</param>
    /// <param name="cancellationToken">Gives up waiting for the broker.</param>
    Task<IAsyncDisposable> ReceiveFeedHintsAsync(
        string followerId, Func<FeedHint, ValueTask> receive, Func<ValueTask> restored, CancellationToken cancellationToken);
}

/// <summary>A message is larger than the broker takes. It can never be sent as it is: divide it or give it up, do not send it again.</summary>
public sealed class MessageTooLargeException : Exception
{
    /// <inheritdoc />
    public MessageTooLargeException() { }

    /// <inheritdoc />
    public MessageTooLargeException(string message) : base(message) { }

    /// <inheritdoc />
    public MessageTooLargeException(string message, Exception innerException) : base(message, innerException) { }
}

/// <summary>The broker is not reachable, or did not confirm in time. What failed may be sent again.</summary>
public sealed class BusUnavailableException : Exception
{
    /// <inheritdoc />
    public BusUnavailableException() { }

    /// <inheritdoc />
    public BusUnavailableException(string message) : base(message) { }

    /// <inheritdoc />
    public BusUnavailableException(string message, Exception innerException) : base(message, innerException) { }
}
