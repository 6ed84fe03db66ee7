using System.Collections.Concurrent;
using Tertulia.Bus;
using Tertulia.Contracts;

namespace Tertulia.Messages.Tests;

/// <summary>The real bus, whose sending to nodes can be made to fail in ways that a test cannot cause from outside.</summary>
internal sealed class WatchedBus(ILiveBus bus) : ILiveBus
{
    /// <summary>Called before a batch is sent to a node; what it throws is what the bus answers.</summary>
    public Action<NodeBatch>? Sending { get; set; }

    /// <summary>Sizes of all batches that were to be sent, in bytes.</summary>
    public ConcurrentQueue<int> Sizes { get; } = [];

    public bool IsConnected => bus.IsConnected;

    public Task<IReadOnlyCollection<string>> SendToNodesAsync(IReadOnlyCollection<NodeSend> sends, CancellationToken cancellationToken)
    {
        try
        {
            foreach (var send in sends)
            {
                Sizes.Enqueue(send.Batch.CalculateSize());
                Sending?.Invoke(send.Batch);
            }
        }
        catch (Exception exception)
        {
            return Task.FromException<IReadOnlyCollection<string>>(exception);
        }

        return bus.SendToNodesAsync(sends, cancellationToken);
    }

    public Task SendToAllNodesAsync(NodeBatch batch, CancellationToken cancellationToken)
    {
        try
        {
            Sizes.Enqueue(batch.CalculateSize());
            Sending?.Invoke(batch);
        }
        catch (Exception exception)
        {
            return Task.FromException(exception);
        }

        return bus.SendToAllNodesAsync(batch, cancellationToken);
    }

    public bool TrySendToNode(string nodeId, NodeBatch batch) => bus.TrySendToNode(nodeId, batch);

    public Task PublishPresenceAsync(PresenceReport report, CancellationToken cancellationToken) => bus.PublishPresenceAsync(report, cancellationToken);

    public bool TryPublishHeartbeat(string service, ReplicaHeartbeat heartbeat) => bus.TryPublishHeartbeat(service, heartbeat);

    public bool TryPublishFeedHint(FeedHint hint) => bus.TryPublishFeedHint(hint);

    public Task<IAsyncDisposable> ReceiveFeedHintsAsync(
        string followerId, Func<FeedHint, ValueTask> receive, Func<ValueTask> restored, CancellationToken cancellationToken) =>
        bus.ReceiveFeedHintsAsync(followerId, receive, restored, cancellationToken);

    public Task<IAsyncDisposable> ReceiveAsNodeAsync(
        string nodeId, Func<NodeBatch, ValueTask> receive, Func<ValueTask> restored, CancellationToken cancellationToken) =>
        bus.ReceiveAsNodeAsync(nodeId, receive, restored, cancellationToken);

    public Task<IAsyncDisposable> ReceivePresenceAsync(
        string replicaId, Func<PresenceReport, ValueTask> receive, Func<ValueTask> restored, CancellationToken cancellationToken) =>
        bus.ReceivePresenceAsync(replicaId, receive, restored, cancellationToken);

    public Task<IAsyncDisposable> ReceiveHeartbeatsAsync(
        string service, string replicaId, Func<ReplicaHeartbeat, ValueTask> receive, CancellationToken cancellationToken) =>
        bus.ReceiveHeartbeatsAsync(service, replicaId, receive, cancellationToken);
}
