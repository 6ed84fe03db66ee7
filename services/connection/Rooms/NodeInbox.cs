using Microsoft.Extensions.Diagnostics.HealthChecks;
using Tertulia.Bus;
using Tertulia.Connections.Announcing;
using Tertulia.Connections.Events;
using Tertulia.Connections.Explaining;
using Tertulia.Connections.Rebalancing;
using Tertulia.Connections.Submitting;
using Tertulia.Connections.Users;
using Tertulia.Connections.Watching;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Rooms;

/// <summary>What comes to this node through the bus, given to whom it concerns.</summary>
internal sealed partial class NodeInbox(
    ILiveBus bus, ProcessIdentity node, RoomHub hub, PendingAcks pending, GapRepair repair, Subscriptions subscriptions, SubmitBatcher batcher, TypingTracker typing,
    PresenceReporter reporter, PresenceFlow presence, WatchList watches, RoomCounts counts, RateExchange rates, SharedUsers shared, UserEvents users, Trails trails,
    ServerOrders orders, Rebalancer rebalancer, TimeProvider time, ILogger<NodeInbox> logger)
    : BackgroundService, IHealthCheck
{
    private volatile bool _receiving;

    /// <summary>The node's queue exists: before, no answer to a join can arrive.</summary>
    public bool IsReceiving => _receiving;

    Task<HealthCheckResult> IHealthCheck.CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken) =>
        Task.FromResult(_receiving ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy("the node's queue does not exist yet"));

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await using var reception = await bus.ReceiveAsNodeAsync(node.Id, ReceiveAsync, RestoredAsync, stoppingToken);
            _receiving = true;
            await Task.Delay(Timeout.InfiniteTimeSpan, stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            return; // The queue is gone; its senders notice.
        }
    }

    internal ValueTask ReceiveAsync(NodeBatch batch)
    {
        try
        {
            using (DeliveryBatch.Begin()) // Acknowledgement, event and whatever else the batch has for a client are one write.
            {
                Dispatch(batch);
            }
        }
        catch (Exception exception)
        {
            LogFailed(exception, batch.From); // An edge: the next batch must be received. What this one held is repaired by seq.
        }

        return ValueTask.CompletedTask;
    }

    internal ValueTask RestoredAsync()
    {
        LogRestored();
        subscriptions.OnQueueRestored();
        return ValueTask.CompletedTask;
    }

    private void Dispatch(NodeBatch batch)
    {
        foreach (var reply in batch.Replies)
        {
            if (reply.Joined is { } joined)
            {
                // Before the events: the first answer says from where on they count.
                var room = hub.Find(reply.RoomId);
                room?.SetBase(joined.Epoch, joined.Seq, joined.Members, joined.OwnerEpoch);
                if (room is not null)
                {
                    room.IsArchived = joined.Archived;
                }

                if (room?.SetAuditorium(joined.Kind == RoomBinding.Auditorium) == true)
                {
                    reporter.SetAuditorium(reply.RoomId, room.IsAuditorium);
                }
            }
        }

        for (var index = 0; index < batch.Rooms.Count; index++)
        {
            OnEvents(batch.Rooms[index]);
        }

        foreach (var reply in batch.Replies)
        {
            OnReply(reply);
        }

        foreach (var topology in batch.Topologies)
        {
            hub.Find(topology.RoomId)?.SetTopology(topology.NodeIds, node.Id);
        }

        foreach (var ephemeral in batch.Ephemerals)
        {
            if (hub.Find(ephemeral.RoomId) is { } room)
            {
                OnEphemeral(batch.From, room, ephemeral);
            }
        }

        foreach (var change in batch.Presence)
        {
            if (hub.Find(change.RoomId) is { } room)
            {
                room.OnPresence(change, time);
                if (change.CountsOnly)
                {
                    counts.Follow(room);
                }
            }
        }

        foreach (var told in batch.UserEvents)
        {
            users.Deliver(told);
        }

        shared.OnBatch(batch);
        trails.OnBatch(batch);
        orders.OnBatch(batch);
        rebalancer.OnBatch(batch);
        foreach (var chosen in batch.Chosen)
        {
            presence.OnChosen(chosen);
        }

        foreach (var user in batch.Watched)
        {
            watches.OnChanged(user);
        }

        rates.OnBatch(batch);
        if (batch.Owners.Count > 0 && batcher.OnOwners(batch.From, batch.Owners))
        {
            subscriptions.OnNewOwners();
        }

        if (batch.Announce is { } request)
        {
            reporter.OnAnnounceRequest(request);
        }
    }

    private void OnEphemeral(string from, RoomBinding room, Ephemeral ephemeral)
    {
        switch (ephemeral.BodyCase)
        {
            case Ephemeral.BodyOneofCase.Typing:
                typing.OnOtherNode(from, room, ephemeral);
                break;
            case Ephemeral.BodyOneofCase.Broadcast:
                room.OnBroadcast(ephemeral);
                break;
            case Ephemeral.BodyOneofCase.ReadReceipt:
                room.OnReadReceipt(ephemeral.UserId, ephemeral.ReadReceipt.Seq);
                break;
        }
    }

    private void OnEvents(RoomEvents entries)
    {
        // A sender hears of its message before everybody sees it.
        for (var index = 0; index < entries.Events.Count; index++)
        {
            var entry = entries.Events[index];
            if (entry.CommandId != 0 && entry.OriginNodeId == node.Id)
            {
                pending.Take(entry.CommandId)?.OnEvent(entries.RoomId, entries.Epoch, entry);
            }
        }

        if (hub.Find(entries.RoomId) is not { } room)
        {
            return;
        }

        if (room.OnEvents(entries))
        {
            repair.Start(room, atOnce: false);
        }

        if (room.TakeKindChange())
        {
            reporter.SetAuditorium(room.RoomId, room.IsAuditorium);
        }
    }

    private void OnReply(CommandReply reply)
    {
        if (hub.Find(reply.RoomId) is { } room)
        {
            switch (reply.OutcomeCase)
            {
                case CommandReply.OutcomeOneofCase.Joined:
                    OnPosition(room, reply.Joined.Epoch, reply.Joined.Seq, reply.Joined.OwnerEpoch, reply.Joined.Members);
                    break;
                case CommandReply.OutcomeOneofCase.Subscribed:
                    OnPosition(room, reply.Subscribed.Epoch, reply.Subscribed.Seq, reply.Subscribed.OwnerEpoch, reply.Subscribed.Members);
                    break;
            }
        }

        if (pending.Take(reply.CommandId) is { } command)
        {
            command.OnReply(reply);
        }
        else if (reply.Refused is { Code: ErrorCode.RoomNotFound })
        {
            hub.Find(reply.RoomId)?.OnDoubt(); // The answer to a check.
        }
    }

    // What the owner has told of was sent before: if it is not here by now, it does not come.
    private void OnPosition(RoomBinding room, string epoch, long seq, long ownerEpoch, uint members)
    {
        room.OnSubscribed(ownerEpoch);
        if (room.OnPosition(epoch, seq, members, ownerEpoch))
        {
            repair.Start(room, atOnce: true);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "A batch from {From} could not be handled")]
    private partial void LogFailed(Exception exception, string from);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The node's queue was lost and is there again: all rooms are subscribed again and repaired")]
    private partial void LogRestored();
}
