using System.Collections.Concurrent;
using Tertulia.Connections.Submitting;
using Tertulia.Contracts;

namespace Tertulia.Connections.Rooms;

/// <summary>Keeps this node subscribed to the rooms that have members here: again after every change of a partition's owner and every loss of
/// the node's queue, compared with the owners while nothing happens, and no longer some time after the last member left.</summary>
internal sealed class Subscriptions(RoomHub hub, SubmitBatcher batcher, TimeProvider time, ILogger<Subscriptions> logger) : BackgroundService
{
    /// <summary>Time for which a room without members is kept: a client that reconnects finds it subscribed.</summary>
    public static readonly TimeSpan Linger = TimeSpan.FromSeconds(30);

    /// <summary>Time after which a room in which nothing happened is compared with its owner; longer when the node has very many rooms.</summary>
    public static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(5);

    private const int ChecksPerSecond = 1000;
    private const int MaxUnderWay = 512; // The lanes are for clients' commands: subscribing again must not fill them.
    private static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(1);

    private readonly ConcurrentQueue<RoomBinding> _due = [];
    private int _underWay;

    /// <summary>Partitions have new owners, who do not know this node.</summary>
    public void OnNewOwners()
    {
        foreach (var room in hub.Rooms)
        {
            if (room.OnOwner(batcher.OwnerEpochOf(room.RoomId)))
            {
                _due.Enqueue(room);
            }
        }

        Continue();
    }

    /// <summary>The node's queue was lost and is there again.</summary>
    public void OnQueueRestored()
    {
        foreach (var room in hub.Rooms)
        {
            room.OnQueueLost();
            _due.Enqueue(room);
        }

        Continue();
    }

    /// <summary>One round: gives up rooms that stayed empty, tries again what did not succeed, and compares some of the quiet rooms.</summary>
    internal void Sweep()
    {
        var spread = TimeSpan.FromSeconds((double)hub.Count / ChecksPerSecond);
        var checks = ChecksPerSecond;
        foreach (var room in hub.Rooms)
        {
            if (room.TryGiveUp(batcher, time, Linger))
            {
                hub.Forget(room);
            }
            else if (room.OnOwner(batcher.OwnerEpochOf(room.RoomId)))
            {
                _due.Enqueue(room);
            }
            else if (checks > 0 && room.TakeCheck(time, spread > CheckInterval ? spread : CheckInterval) is { } check)
            {
                checks = batcher.TrySubmit(new Command { RoomId = room.RoomId, Subscribe = check }, waiter: null) ? checks - 1 : 0;
            }
        }

        Continue();
    }

    /// <inheritdoc />
    /// <remarks>The owners drop this node when its queue is gone.</remarks>
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Rounds.RunAsync(Sweep, SweepInterval, time, logger, stoppingToken);

    private void Continue()
    {
        while (Volatile.Read(ref _underWay) < MaxUnderWay && _due.TryDequeue(out var room))
        {
            if (room.TryBeginSubscribe() is not { } subscribe)
            {
                continue;
            }

            Interlocked.Increment(ref _underWay);
            if (!batcher.TrySubmit(new Command { RoomId = room.RoomId, Subscribe = subscribe }, new PendingSubscribe(room, subscribe, this)))
            {
                Interlocked.Decrement(ref _underWay);
                room.EndSubscribe(subscribe, answer: null);
                return; // The lane is full: the next round tries again.
            }
        }
    }

    private void Ended(RoomBinding room, Subscribe sent, Subscribed? answer, bool isRoomUnknown = false)
    {
        Interlocked.Decrement(ref _underWay);
        if (isRoomUnknown)
        {
            room.EndSubscribeWithoutRoom();
        }
        else
        {
            room.EndSubscribe(sent, answer);
        }

        Continue();
    }

    private sealed class PendingSubscribe(RoomBinding room, Subscribe sent, Subscriptions subscriptions) : PendingCommand
    {
        // The inbox has told the room its position.
        public override void OnReply(CommandReply reply) =>
            subscriptions.Ended(room, sent, reply.Subscribed, reply.Refused is { Code: ErrorCode.RoomNotFound });

        public override void OnEvent(string roomId, string epoch, RoomEvent entry) => subscriptions.Ended(room, sent, answer: null);

        public override void OnRefused(Refusal refusal) => subscriptions.Ended(room, sent, answer: null);
    }
}
