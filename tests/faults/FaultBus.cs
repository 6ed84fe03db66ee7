using System.Diagnostics;
using Tertulia.Bus;
using Tertulia.Contracts;

namespace Tertulia.FaultHost;

/// <summary>The real bus, and the moment between a commit and its publication: what a service is about to send to nodes is in its store.</summary>
/// <remarks>A file in the folder arms a fault, for the first process that is about to send a text with the file's name in it: <c>die-…</c> kills the process there
/// and then, <c>hold-…</c> lets it wait until there is a file <c>go</c>. The file is renamed to <c>….taken</c> then.</remarks>
internal sealed class FaultBus(ILiveBus bus, string folder) : ILiveBus
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(20);

    public bool IsConnected => bus.IsConnected;

    public async Task<IReadOnlyCollection<string>> SendToNodesAsync(IReadOnlyCollection<NodeSend> sends, CancellationToken cancellationToken)
    {
        foreach (var send in sends)
        {
            await FailAsync(send.Batch, cancellationToken);
        }

        return await bus.SendToNodesAsync(sends, cancellationToken);
    }

    public async Task SendToAllNodesAsync(NodeBatch batch, CancellationToken cancellationToken)
    {
        await FailAsync(batch, cancellationToken);
        await bus.SendToAllNodesAsync(batch, cancellationToken);
    }

    public bool TrySendToNode(string nodeId, NodeBatch batch) => bus.TrySendToNode(nodeId, batch);

    public Task PublishPresenceAsync(PresenceReport report, CancellationToken cancellationToken) => bus.PublishPresenceAsync(report, cancellationToken);

    public bool TryPublishHeartbeat(string service, ReplicaHeartbeat heartbeat) => bus.TryPublishHeartbeat(service, heartbeat);

    public bool TryPublishFeedHint(FeedHint hint) => bus.TryPublishFeedHint(hint);

    public Task<IAsyncDisposable> ReceiveAsNodeAsync(
        string nodeId, Func<NodeBatch, ValueTask> receive, Func<ValueTask> restored, CancellationToken cancellationToken) =>
        bus.ReceiveAsNodeAsync(nodeId, receive, restored, cancellationToken);

    public Task<IAsyncDisposable> ReceivePresenceAsync(
        string replicaId, Func<PresenceReport, ValueTask> receive, Func<ValueTask> restored, CancellationToken cancellationToken) =>
        bus.ReceivePresenceAsync(replicaId, receive, restored, cancellationToken);

    public Task<IAsyncDisposable> ReceiveHeartbeatsAsync(
        string service, string replicaId, Func<ReplicaHeartbeat, ValueTask> receive, CancellationToken cancellationToken) =>
        bus.ReceiveHeartbeatsAsync(service, replicaId, receive, cancellationToken);

    public Task<IAsyncDisposable> ReceiveFeedHintsAsync(
        string followerId, Func<FeedHint, ValueTask> receive, Func<ValueTask> restored, CancellationToken cancellationToken) =>
        bus.ReceiveFeedHintsAsync(followerId, receive, restored, cancellationToken);

    private async Task FailAsync(NodeBatch batch, CancellationToken cancellationToken)
    {
        string[] texts =
        [
            .. batch.Rooms.SelectMany(room => room.Events).Where(entry => entry.Message is not null).Select(entry => entry.Message.Content),
            .. batch.UserEvents.Where(told => told.Notification is not null).Select(told => $"notified {told.Notification.Body}"),
        ];
        if (texts.Length == 0)
        {
            return;
        }

        foreach (var fault in Directory.EnumerateFiles(folder).Select(file => Path.GetFileName(file)!).ToArray())
        {
            // "notified die-x" is the notification service's, "die-x" alone the message service's.
            if (texts.Any(text => text.StartsWith(fault.Replace('+', ' '), StringComparison.Ordinal)) && TryTake(fault))
            {
                if (fault.Contains("die-", StringComparison.Ordinal))
                {
                    Process.GetCurrentProcess().Kill();
                }

                while (!File.Exists(Path.Combine(folder, "go")))
                {
                    await Task.Delay(LookEvery, cancellationToken);
                }
            }
        }
    }

    private bool TryTake(string fault)
    {
        try
        {
            File.Move(Path.Combine(folder, fault), Path.Combine(folder, fault + ".taken"));
            return true;
        }
        catch (FileNotFoundException)
        {
            return false; // Another process was faster.
        }
    }
}
