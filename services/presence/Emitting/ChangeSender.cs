using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Presence.Status;
using Tertulia.Presence.Tracking;

namespace Tertulia.Presence.Emitting;

/// <summary>Tells the nodes what changed. The next flush fills while this one waits for the broker: no timer, no linger.</summary>
/// <remarks>
/// A flush that the broker did not confirm is not sent again: its rooms are told all of their users instead, a second later. Each room and each user
/// has one emitting replica; while replicas come and go two of them may see different sets for a moment, and a change in this time is told twice or not
/// at all. Told twice is harmless to a client, which keeps a set of users; <see cref="TakeOver"/> makes good what was not told.
/// </remarks>
internal sealed partial class ChangeSender(
    ILiveBus bus, ProcessIdentity identity, PendingChanges changes, PresenceMap map, RoomCounts counts,
    PresenceReplicas replicas, Telemetry telemetry, ILogger<ChangeSender> logger)
{
    /// <summary>Rooms and users in one flush: with at most 100 changes a room a few megabytes for one node, if all of them concern it.</summary>
    private const int MaxPerFlush = 2_000;

    /// <summary>Bytes of a batch at most, as long as the broker takes it.</summary>
    private const int MaxBatchBytes = 1024 * 1024;

    /// <summary>Below it a batch is not divided any more: it holds little more than one room.</summary>
    private const int LeastBatchBytes = 64 * 1024;

    /// <summary>Users named in a flush for rooms that are told whole, and in a second for what may have missed a change: one to two megabytes for one node, if
    /// all of it concerns it.</summary>
    private const int MaxNamed = 20_000;

    private int _maxBatchBytes = MaxBatchBytes;

    /// <summary>The sends of the next flush; empty when there is nothing to tell.</summary>
    /// <param name="withCounts">A second has passed since the counts of large rooms were told, and rooms for review.</param>
    public IReadOnlyCollection<NodeSend> Take(bool withCounts)
    {
        var batches = new ChangeBatches(identity.Id, _maxBatchBytes);
        if (withCounts)
        {
            counts.AddTo(batches, replicas.Owns);
        }

        for (var named = 0; named < MaxNamed && changes.TryTakeWhole(out var roomId);)
        {
            named += AddWhole(batches, roomId);
        }

        foreach (var (roomId, pending) in changes.TakeRooms(MaxPerFlush))
        {
            if (map.Rooms.TryGetValue(roomId, out var room) && replicas.Owns(roomId) && Difference(room, pending) is { } change)
            {
                batches.AddRoom(room, change);
            }
        }

        foreach (var (userId, before) in changes.TakeUsers(MaxPerFlush))
        {
            if (replicas.Owns(userId))
            {
                AddUser(batches, userId, before);
            }
        }

        if (withCounts)
        {
            AddReviewed(batches);
        }

        return batches.ToSends();
    }

    /// <summary>A flush may not have reached the nodes: its rooms are told whole, its users' nodes again.</summary>
    public void TellAgain(IEnumerable<NodeSend> sends)
    {
        foreach (var send in sends)
        {
            foreach (var change in send.Batch.Presence)
            {
                changes.TellWhole(change.RoomId);
            }

            foreach (var userId in send.Batch.UserNodes.Select(user => user.UserId).Concat(send.Batch.Chosen.Select(chosen => chosen.UserId)))
            {
                changes.ForgetNodesOf(userId);
            }

            foreach (var user in send.Batch.Watched)
            {
                changes.ReviewUser(user.UserId);
            }
        }
    }

    /// <summary>Sends one flush. Does not throw.</summary>
    /// <returns>False when the broker did not confirm it, and it may do so next time.</returns>
    public async Task<bool> SendAsync(IReadOnlyCollection<NodeSend> sends, CancellationToken cancellationToken)
    {
        try
        {
            await bus.SendToNodesAsync(sends, cancellationToken);
            telemetry.Told(sends.Sum(send => send.Batch.Presence.Count + send.Batch.UserNodes.Count + send.Batch.Watched.Count + send.Batch.Chosen.Count));
            return true;
        }
        catch (BusUnavailableException exception)
        {
            LogNotSent(sends.Count, exception.Message);
        }
        catch (MessageTooLargeException exception)
        {
            if (_maxBatchBytes <= LeastBatchBytes)
            {
                LogGivenUp(sends.Count, exception.Message); // It would be refused again, each second.
                return true;
            }

            _maxBatchBytes /= 2; // Told again it is in smaller batches.
            LogNotSent(sends.Count, exception.Message);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            LogNotSent(sends.Count, "the process stops");
        }

        return false;
    }

    // After the changes: what could be told as a change is not news any more when the list comes.
    private void AddReviewed(ChangeBatches batches)
    {
        var named = 0;
        while (named < MaxNamed && changes.TryTakeReview(out var roomId))
        {
            named += AddWhole(batches, roomId);
        }

        while (named < MaxNamed && changes.TryTakeUserReview(out var userId))
        {
            if (map.Watchers.Of(userId) is { Count: > 0 } nodes && replicas.Owns(userId))
            {
                batches.AddWatched(nodes, map.Shown(userId));
                named++;
            }
        }
    }

    /// <returns>How many users were named, and one for the room.</returns>
    private int AddWhole(ChangeBatches batches, string roomId)
    {
        if (!map.Rooms.TryGetValue(roomId, out var room) || !replicas.Owns(roomId))
        {
            return 0;
        }

        if (changes.IsLarge(room))
        {
            counts.Forget(room.RoomId); // The next tick tells how many there are.
            return 1;
        }

        var whole = new RoomPresenceChange { RoomId = room.RoomId, Online = (uint)room.Online, Complete = true };
        foreach (var user in room.Users.ToArray())
        {
            if (user.Look is { } look)
            {
                whole.Joined.Add(look.Show(user.UserId, user.Username));
            }
        }

        batches.AddRoom(room, whole);
        return 1 + whole.Joined.Count;
    }

    private RoomPresenceChange? Difference(RoomEntry room, PendingRoom pending)
    {
        var change = new RoomPresenceChange { RoomId = room.RoomId, Online = (uint)room.Online };
        foreach (var (userId, before) in pending.Before)
        {
            var user = map.Users.GetValueOrDefault(userId);
            if (user?.Look is { } look && room.Users.Times(user) > 0)
            {
                if (before.Look is null || before.Username != user.Username)
                {
                    change.Joined.Add(look.Show(userId, user.Username));
                }
                else if (before.Look != look)
                {
                    change.Changed.Add(look.Show(userId, user.Username));
                }
            }
            else if (before.Look is not null)
            {
                change.Left.Add(new PresentUser { UserId = userId, Username = before.Username, Status = PresenceStatus.Offline });
            }
        }

        return change.Joined.Count + change.Left.Count + change.Changed.Count > 0 ? change : null;
    }

    private void AddUser(ChangeBatches batches, string userId, UserBefore before)
    {
        var user = map.Users.GetValueOrDefault(userId);
        if (user is not null)
        {
            if (NodesChanged(user, before.Nodes))
            {
                batches.AddUser(user);
            }

            // Also that it is nothing: until a node knows, it takes the user for one who is invisible.
            if ((user.Chosen?.Stamp ?? 0) != before.Stamp || HasNew(user, before.Nodes))
            {
                batches.AddChosen(user, user.Chosen ?? StatusBook.NothingOf(userId));
            }
        }

        if (map.Watchers.Of(userId) is { Count: > 0 } nodes && (user?.Look != before.Look || (user?.Look is not null && user.Username != before.Username)))
        {
            var shown = map.Shown(userId);
            shown.Username = user?.Username ?? before.Username;
            batches.AddWatched(nodes, shown);
        }
    }

    private static bool NodesChanged(UserEntry user, string[] before)
    {
        var now = user.Nodes.ToArray();
        return (now.Length > 1 || before.Length > 1)
            && (now.Length != before.Length || !Array.TrueForAll(now, node => before.Contains(node.NodeId)));
    }

    private static bool HasNew(UserEntry user, string[] before) => Array.Exists(user.Nodes.ToArray(), node => !before.Contains(node.NodeId));

    [LoggerMessage(Level = LogLevel.Warning, Message = "Presence changes for {Nodes} nodes were not sent: {Reason}")]
    private partial void LogNotSent(int nodes, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "Presence changes for {Nodes} nodes can not be sent and are given up: {Reason}")]
    private partial void LogGivenUp(int nodes, string reason);
}
