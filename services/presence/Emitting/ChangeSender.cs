using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Presence.Tracking;

namespace Tertulia.Presence.Emitting;

/// <summary>Tells the nodes what changed. The next flush fills while this one waits for the broker: no timer, no linger.</summary>
/// <remarks>
/// Presence is told at most once. A flush that the broker did not confirm is not sent again: whoever enters the room next gets the
/// whole list. Each room and each user has one emitting replica; while replicas come and go two of them may see different sets for
/// about a second, and a change in this time is told twice or not at all. Both are harmless to a client, which keeps a set of users.
/// </remarks>
internal sealed partial class ChangeSender(
    ILiveBus bus, ProcessIdentity identity, PendingChanges changes, PresenceMap map, RoomCounts counts,
    PresenceReplicas replicas, Telemetry telemetry, ILogger<ChangeSender> logger)
{
    /// <summary>Rooms and users in one flush: with at most 100 changes a room a few megabytes for one node, if all of them concern it.</summary>
    private const int MaxPerFlush = 2_000;

    /// <summary>The sends of the next flush; empty when there is nothing to tell.</summary>
    /// <param name="withCounts">A second has passed since the counts of large rooms were told.</param>
    public IReadOnlyCollection<NodeSend> Take(bool withCounts)
    {
        var batches = new ChangeBatches(identity.Id);
        foreach (var (roomId, pending) in changes.TakeRooms(MaxPerFlush))
        {
            if (map.Rooms.TryGetValue(roomId, out var room) && replicas.Owns(roomId) && Difference(room, pending) is { } change)
            {
                batches.AddRoom(room, change);
            }
        }

        foreach (var (userId, before) in changes.TakeUsers(MaxPerFlush))
        {
            if (map.Users.TryGetValue(userId, out var user) && NodesChanged(user, before) && replicas.Owns(userId))
            {
                batches.AddUser(user);
            }
        }

        if (withCounts)
        {
            counts.AddTo(batches, replicas.Owns);
        }

        return batches.ToSends();
    }

    /// <summary>Sends one flush. Does not throw.</summary>
    public async Task SendAsync(IReadOnlyCollection<NodeSend> sends, CancellationToken cancellationToken)
    {
        try
        {
            await bus.SendToNodesAsync(sends, cancellationToken);
            telemetry.Told(sends.Sum(send => send.Batch.Presence.Count + send.Batch.UserNodes.Count));
        }
        catch (BusUnavailableException exception)
        {
            LogNotSent(sends.Count, exception.Message);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            LogNotSent(sends.Count, "the process stops");
        }
    }

    private RoomPresenceChange? Difference(RoomEntry room, PendingRoom pending)
    {
        var change = new RoomPresenceChange { RoomId = room.RoomId, Online = (uint)room.Users.Count };
        foreach (var (userId, before) in pending.Before)
        {
            var user = map.Users.GetValueOrDefault(userId);
            var present = user is not null && room.Users.Times(user) > 0;
            if (present && !before.Present)
            {
                change.Joined.Add(PresenceMap.Online(userId, user!.Username));
            }
            else if (!present && before.Present)
            {
                change.Left.Add(PresenceMap.Online(userId, before.Username));
            }
        }

        return change.Joined.Count + change.Left.Count > 0 ? change : null;
    }

    private static bool NodesChanged(UserEntry user, string[] before)
    {
        var now = user.Nodes.ToArray();
        return (now.Length > 1 || before.Length > 1)
            && (now.Length != before.Length || !Array.TrueForAll(now, node => before.Contains(node.NodeId)));
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Presence changes for {Nodes} nodes were not sent: {Reason}")]
    private partial void LogNotSent(int nodes, string reason);
}
