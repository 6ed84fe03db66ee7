using System.Collections.Concurrent;
using Google.Protobuf;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Tertulia.Contracts;

namespace Tertulia.Bus.InProcess;

/// <summary>The live bus within one process: a bounded channel per receiver; batches go by reference.</summary>
internal sealed class InProcessLiveBus(IOptions<InProcessBusOptions> options, ILogger<InProcessLiveBus> logger) : ILiveBus
{
    private readonly ConcurrentDictionary<string, Inbox<NodeBatch>> _nodes = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Inbox<PresenceReport>> _presence = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Inbox<FeedHint>> _followers = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, ConcurrentDictionary<string, Inbox<ReplicaHeartbeat>>> _replicas = new(StringComparer.Ordinal);

    public bool IsConnected => true;

    public Task<IReadOnlyCollection<string>> SendToNodesAsync(IReadOnlyCollection<NodeSend> sends, CancellationToken cancellationToken)
    {
        List<string>? unknown = null;
        foreach (var (nodeId, batch) in sends)
        {
            if (_nodes.TryGetValue(nodeId, out var node))
            {
                node.Write(batch, batch.CalculateSize());
            }
            else
            {
                (unknown ??= []).Add(nodeId);
            }
        }

        return Task.FromResult<IReadOnlyCollection<string>>(unknown ?? (IReadOnlyCollection<string>)[]);
    }

    public Task SendToAllNodesAsync(NodeBatch batch, CancellationToken cancellationToken)
    {
        WriteToAll(_nodes, batch);
        return Task.CompletedTask;
    }

    public bool TrySendToNode(string nodeId, NodeBatch batch)
    {
        if (!_nodes.TryGetValue(nodeId, out var node) || node.IsHalfFull)
        {
            return false;
        }

        node.Write(batch, batch.CalculateSize());
        return true;
    }

    public Task PublishPresenceAsync(PresenceReport report, CancellationToken cancellationToken)
    {
        WriteToAll(_presence, report);
        return Task.CompletedTask;
    }

    public bool TryPublishHeartbeat(string service, ReplicaHeartbeat heartbeat)
    {
        WriteToAll(ReplicasOf(service), heartbeat);
        return true;
    }

    public bool TryPublishFeedHint(FeedHint hint)
    {
        WriteToAll(_followers, hint);
        return true;
    }

    /// <remarks>There is no broker to lose: <paramref name="restored"/> is never called.</remarks>
    public Task<IAsyncDisposable> ReceiveAsNodeAsync(
        string nodeId, Func<NodeBatch, ValueTask> receive, Func<ValueTask> restored, CancellationToken cancellationToken) =>
        ReceiveAsync(_nodes, nodeId, receive);

    /// <remarks>There is no broker to lose: <paramref name="restored"/> is never called.</remarks>
    public Task<IAsyncDisposable> ReceivePresenceAsync(
        string replicaId, Func<PresenceReport, ValueTask> receive, Func<ValueTask> restored, CancellationToken cancellationToken) =>
        ReceiveAsync(_presence, replicaId, receive);

    public Task<IAsyncDisposable> ReceiveHeartbeatsAsync(
        string service, string replicaId, Func<ReplicaHeartbeat, ValueTask> receive, CancellationToken cancellationToken) =>
        ReceiveAsync(ReplicasOf(service), replicaId, receive);

    /// <remarks>There is no broker to lose: <paramref name="restored"/> is never called.</remarks>
    public Task<IAsyncDisposable> ReceiveFeedHintsAsync(
        string followerId, Func<FeedHint, ValueTask> receive, Func<ValueTask> restored, CancellationToken cancellationToken) =>
        ReceiveAsync(_followers, followerId, receive);

    private static void WriteToAll<T>(ConcurrentDictionary<string, Inbox<T>> receivers, T item)
        where T : IMessage
    {
        var bytes = item.CalculateSize();
        foreach (var (_, inbox) in receivers)
        {
            inbox.Write(item, bytes);
        }
    }

    private ConcurrentDictionary<string, Inbox<ReplicaHeartbeat>> ReplicasOf(string service) =>
        _replicas.GetOrAdd(service, _ => new(StringComparer.Ordinal));

    private Task<IAsyncDisposable> ReceiveAsync<T>(ConcurrentDictionary<string, Inbox<T>> receivers, string id, Func<T, ValueTask> receive)
    {
        var inbox = new Inbox<T>(id, options.Value.InboxCapacity, options.Value.InboxBytes, receive, self => receivers.TryRemove(new(id, self)), logger);
        return receivers.TryAdd(id, inbox)
            ? Task.FromResult<IAsyncDisposable>(inbox)
            : throw new InvalidOperationException($"{id} receives already");
    }
}
