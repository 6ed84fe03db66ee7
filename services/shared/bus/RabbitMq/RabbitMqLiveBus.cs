using Tertulia.Contracts;

namespace Tertulia.Bus.RabbitMq;

/// <summary>The live bus over RabbitMQ: protobuf bodies, one exclusive queue per receiver, one channel per purpose.</summary>
internal sealed class RabbitMqLiveBus : ILiveBus, IAsyncDisposable
{
    private readonly RabbitMqBroker _broker;
    private readonly Topology _topology;
    private readonly ConfirmedPublisher _toNodes;
    private readonly ConfirmedPublisher _toPresence;
    private readonly TransientPublisher _transient;
    private readonly ReceptionSet _receptions;

    public RabbitMqLiveBus(RabbitMqBroker broker)
    {
        _broker = broker;
        _topology = broker.Topology;
        _receptions = new(broker);
        _toNodes = new(broker.Publishing, "nodes", persistent: false, _topology.DeclareExchangesAsync, broker.Logger);
        _toPresence = new(broker.Publishing, "presence", persistent: false, _topology.DeclareExchangesAsync, broker.Logger);
        _transient = new(broker.Publishing, _topology.DeclareExchangesAsync, broker.Logger);
    }

    public bool IsConnected => _broker.IsConnected;

    public async Task<IReadOnlyCollection<string>> SendToNodesAsync(IReadOnlyCollection<NodeSend> sends, CancellationToken cancellationToken)
    {
        if (sends.Count == 0)
        {
            return [];
        }

        var messages = new OutgoingMessage[sends.Count];
        var count = 0;
        foreach (var send in sends)
        {
            messages[count++] = new(_topology.Node, send.NodeId, Mandatory: true, send.Batch);
        }

        var publication = new Publication(_topology.ToNode, messages);
        await PublishAsync(_toNodes, publication, cancellationToken);
        return publication.Returned;
    }

    public Task SendToAllNodesAsync(NodeBatch batch, CancellationToken cancellationToken) =>
        PublishAsync(_toNodes, new Publication(_topology.ToNodes, new OutgoingMessage(_topology.Nodes, "", Mandatory: false, batch)), cancellationToken);

    public bool TrySendToNode(string nodeId, NodeBatch batch) => _transient.TryPublish(_topology.Node, nodeId, batch);

    public Task PublishPresenceAsync(PresenceReport report, CancellationToken cancellationToken) =>
        PublishAsync(
            _toPresence, new Publication(_topology.ToPresence, new OutgoingMessage(_topology.Presence, "", Mandatory: false, report)), cancellationToken);

    public bool TryPublishHeartbeat(string service, ReplicaHeartbeat heartbeat) =>
        _transient.TryPublish(_topology.Replicas(service), "", heartbeat);

    public bool TryPublishFeedHint(FeedHint hint) => _transient.TryPublish(_topology.Feed, "", hint);

    public Task<IAsyncDisposable> ReceiveAsNodeAsync(
        string nodeId, Func<NodeBatch, ValueTask> receive, Func<ValueTask> restored, CancellationToken cancellationToken) =>
        _receptions.AddAsync(new ReceptionPlan<NodeBatch>
        {
            Queue = $"{_topology.Node}.{nodeId}",
            Counted = _topology.OfNode,
            Arguments = _topology.ReceiverArguments(),
            Bindings = [(_topology.Node, nodeId), (_topology.Nodes, "")],
            DeclareAsync = _topology.DeclareExchangesAsync,
            Parser = NodeBatch.Parser,
            Receive = receive,
            Restored = restored,
        }, cancellationToken);

    public Task<IAsyncDisposable> ReceivePresenceAsync(
        string replicaId, Func<PresenceReport, ValueTask> receive, Func<ValueTask> restored, CancellationToken cancellationToken) =>
        _receptions.AddAsync(new ReceptionPlan<PresenceReport>
        {
            Queue = $"{_topology.Presence}.{replicaId}",
            Counted = _topology.OfPresence,
            Arguments = _topology.ReceiverArguments(),
            Bindings = [(_topology.Presence, "")],
            DeclareAsync = _topology.DeclareExchangesAsync,
            Parser = PresenceReport.Parser,
            Receive = receive,
            Restored = restored,
        }, cancellationToken);

    public Task<IAsyncDisposable> ReceiveHeartbeatsAsync(
        string service, string replicaId, Func<ReplicaHeartbeat, ValueTask> receive, CancellationToken cancellationToken) =>
        _receptions.AddAsync(new ReceptionPlan<ReplicaHeartbeat>
        {
            Queue = $"{_topology.Replicas(service)}.{replicaId}",
            Arguments = _topology.ReceiverArguments(),
            Bindings = [(_topology.Replicas(service), "")],
            DeclareAsync = _topology.DeclareExchangesAsync,
            Parser = ReplicaHeartbeat.Parser,
            Receive = receive,
            Restored = () => ValueTask.CompletedTask, // The next heartbeats say all there is to know.
        }, cancellationToken);

    public Task<IAsyncDisposable> ReceiveFeedHintsAsync(
        string followerId, Func<FeedHint, ValueTask> receive, Func<ValueTask> restored, CancellationToken cancellationToken) =>
        _receptions.AddAsync(new ReceptionPlan<FeedHint>
        {
            Queue = $"{_topology.Feed}.{followerId}",
            Arguments = _topology.ReceiverArguments(),
            Bindings = [(_topology.Feed, "")],
            DeclareAsync = _topology.DeclareExchangesAsync,
            Parser = FeedHint.Parser,
            Receive = receive,
            Restored = restored,
        }, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _receptions.DisposeAsync();
        // Side by side: each waits for a broker that does not answer as long as it may.
        await Task.WhenAll(_transient.DisposeAsync().AsTask(), _toNodes.DisposeAsync().AsTask(), _toPresence.DisposeAsync().AsTask());
    }

    private static async Task PublishAsync(ConfirmedPublisher publisher, Publication publication, CancellationToken cancellationToken)
    {
        try
        {
            await publisher.PublishAsync(publication, cancellationToken);
        }
        catch (QueueFullException exception)
        {
            // Queues of receivers drop their oldest when they are full; what refuses here is a queue that broke.
            throw new BusUnavailableException("the broker refused the message", exception);
        }
    }
}
