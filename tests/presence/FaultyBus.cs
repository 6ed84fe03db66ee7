using Tertulia.Bus;
using Tertulia.Contracts;

namespace Tertulia.Presence.Tests;

/// <summary>The in-process bus, with the faults of a real one.</summary>
internal sealed class FaultyBus(ILiveBus bus) : ILiveBus
{
    private readonly List<Func<ValueTask>> _restored = [];

    private int _heartbeats;

    public bool IsConnected { get; set; } = true;

    /// <summary>Heartbeats of replicas that were heard, once for each replica that heard them.</summary>
    public int Heartbeats => Volatile.Read(ref _heartbeats);

    /// <summary>Reports that get lost on the way.</summary>
    public Func<PresenceReport, bool> Loses { get; set; } = _ => false;

    /// <summary>Bytes of the largest batch that was sent to a node.</summary>
    public int LargestBatch { get; private set; }

    /// <summary>Bytes of a batch that are taken at most.</summary>
    public int MaxBytes { get; set; } = int.MaxValue;

    /// <summary>Sends that were refused for their size.</summary>
    public int TooLarge { get; private set; }

    /// <summary>What is sent to nodes does not get there, and the sender knows it.</summary>
    public bool RefusesSends { get; set; }

    /// <summary>Sends that wait until the broker confirms; null: it does at once.</summary>
    public TaskCompletionSource? Confirms { get; set; }

    /// <summary>Sends that wait for it.</summary>
    public int Waiting { get; private set; }

    /// <summary>Replicas that begin to listen wait for it; null: they do not.</summary>
    public TaskCompletionSource? Listens { get; set; }

    /// <summary>The queues are there again, empty.</summary>
    public async Task RestoreAsync()
    {
        IsConnected = true;
        foreach (var restored in _restored)
        {
            await restored();
        }
    }

    public async Task<IReadOnlyCollection<string>> SendToNodesAsync(IReadOnlyCollection<NodeSend> sends, CancellationToken cancellationToken)
    {
        if (!IsConnected || RefusesSends)
        {
            throw new BusUnavailableException("no broker");
        }

        if (sends.Any(send => send.Batch.CalculateSize() > MaxBytes))
        {
            TooLarge++;
            throw new MessageTooLargeException("more than the broker takes");
        }

        LargestBatch = sends.Select(send => send.Batch.CalculateSize()).Append(LargestBatch).Max();
        var returned = await bus.SendToNodesAsync(sends, cancellationToken);
        if (Confirms is { } confirms)
        {
            Waiting++;
            await confirms.Task.WaitAsync(cancellationToken);
            Waiting--;
        }

        return returned;
    }

    public Task SendToAllNodesAsync(NodeBatch batch, CancellationToken cancellationToken) =>
        IsConnected ? bus.SendToAllNodesAsync(batch, cancellationToken) : throw new BusUnavailableException("no broker");

    public bool TrySendToNode(string nodeId, NodeBatch batch) => IsConnected && bus.TrySendToNode(nodeId, batch);

    public Task PublishPresenceAsync(PresenceReport report, CancellationToken cancellationToken) =>
        IsConnected && !Loses(report) ? bus.PublishPresenceAsync(report, cancellationToken) : Task.CompletedTask;

    public bool TryPublishHeartbeat(string service, ReplicaHeartbeat heartbeat) => IsConnected && bus.TryPublishHeartbeat(service, heartbeat);

    public bool TryPublishFeedHint(FeedHint hint) => IsConnected && bus.TryPublishFeedHint(hint);

    public Task<IAsyncDisposable> ReceiveFeedHintsAsync(
        string followerId, Func<FeedHint, ValueTask> receive, Func<ValueTask> restored, CancellationToken cancellationToken) =>
        bus.ReceiveFeedHintsAsync(followerId, receive, restored, cancellationToken);

    public Task<IAsyncDisposable> ReceiveAsNodeAsync(
        string nodeId, Func<NodeBatch, ValueTask> receive, Func<ValueTask> restored, CancellationToken cancellationToken) =>
        bus.ReceiveAsNodeAsync(nodeId, receive, restored, cancellationToken);

    public async Task<IAsyncDisposable> ReceivePresenceAsync(
        string replicaId, Func<PresenceReport, ValueTask> receive, Func<ValueTask> restored, CancellationToken cancellationToken)
    {
        await (Listens?.Task.WaitAsync(cancellationToken) ?? Task.CompletedTask);
        _restored.Add(restored);
        return await bus.ReceivePresenceAsync(replicaId, receive, restored, cancellationToken);
    }

    public Task<IAsyncDisposable> ReceiveHeartbeatsAsync(
        string service, string replicaId, Func<ReplicaHeartbeat, ValueTask> receive, CancellationToken cancellationToken) =>
        bus.ReceiveHeartbeatsAsync(
            service, replicaId,
            async heartbeat =>
            {
                await receive(heartbeat);
                Interlocked.Increment(ref _heartbeats);
            },
            cancellationToken);
}
