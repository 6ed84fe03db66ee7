using System.Collections.Concurrent;
using Tertulia.Connections.Events;
using Tertulia.Connections.Submitting;

namespace Tertulia.Connections.Rooms;

/// <summary>Tells the counts of large rooms that had to wait for their second.</summary>
internal sealed class RoomCounts(TimeProvider time, ILogger<RoomCounts> logger) : BackgroundService
{
    /// <summary>Time between two looks.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    private readonly ConcurrentDictionary<RoomBinding, bool> _rooms = [];

    /// <summary>The members of this room are told counts.</summary>
    public void Follow(RoomBinding room) => _rooms.TryAdd(room, true);

    /// <summary>One look.</summary>
    internal void Look()
    {
        using var batch = DeliveryBatch.Begin();
        foreach (var (room, _) in _rooms)
        {
            // Taken out first: a count that comes between puts the room in again.
            _rooms.TryRemove(room, out _);
            if (room.TellCount(time))
            {
                _rooms.TryAdd(room, true);
            }
        }
    }

    /// <inheritdoc />
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Rounds.RunAsync(Look, Interval, time, logger, stoppingToken);
}
