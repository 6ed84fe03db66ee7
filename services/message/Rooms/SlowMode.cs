using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Permissions;

namespace Tertulia.Messages.Rooms;

/// <summary>The time between two messages of one user in a room that has slow mode.</summary>
/// <remarks>The room's writer remembers when users last wrote. It reads that from the log when it reads the room, so that a new owner knows it, too.</remarks>
internal static class SlowMode
{
    /// <returns>Milliseconds for which the command's actor, who may write, has to wait; 0 when there is nothing to wait for.</returns>
    public static uint WaitMs(in Submitted submitted, long nowMs)
    {
        var room = submitted.Room;
        if (room.Settings.SlowModeSeconds == 0 || RoomPermissions.Check(submitted, RoomAction.SlowMode) == ErrorCode.Unspecified
            || room.LastSent?.TryGetValue(submitted.Command.Actor.UserId, out var sentMs) is not true)
        {
            return 0;
        }

        if (sentMs > nowMs)
        {
            room.LastSent[submitted.Command.Actor.UserId] = sentMs = nowMs; // The clock was set back: nobody waits for longer than slow mode says.
        }

        return (uint)Math.Clamp(sentMs + (room.Settings.SlowModeSeconds * 1_000L) - nowMs, 0, uint.MaxValue);
    }

    /// <summary>The actor has written.</summary>
    public static void Note(in Submitted submitted, long nowMs)
    {
        if (submitted.Room.Settings.SlowModeSeconds > 0)
        {
            (submitted.Room.LastSent ??= new Dictionary<string, long>(StringComparer.Ordinal))[submitted.Command.Actor.UserId] = nowMs;
        }
    }
}
