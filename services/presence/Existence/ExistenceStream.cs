using System.Threading.Channels;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Presence.Emitting;
using Tertulia.Presence.Tracking;

namespace Tertulia.Presence.Existence;

/// <summary>Tells somebody which rooms are occupied and which users are online, and then what changes. Each replica has the whole picture, so that any one can be
/// asked; who decides what is made of it is who asks.</summary>
internal sealed class ExistenceStream(PresenceLoop loop, PendingChanges changes, TimeProvider time)
{
    /// <summary>Time between two parts.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    private const int MaxIds = 2_000; // In one part: a quarter of a MiB of the longest ids.

    /// <summary>Writes until it is cancelled.</summary>
    /// <param name="write">Takes one part; one at a time.</param>
    /// <param name="cancellationToken">The other side went, or the process stops.</param>
    public async Task WriteAsync(Func<ExistencePart, Task> write, CancellationToken cancellationToken)
    {
        var watch = new ExistenceWatch();
        try
        {
            using var timer = new PeriodicTimer(Interval, time);
            var all = await loop.AskAsync(map => Begin(map, watch), cancellationToken);
            for (var isComplete = false; !cancellationToken.IsCancellationRequested; isComplete = true)
            {
                var parts = Parts(isComplete ? await loop.AskAsync(map => Changed(map, watch), cancellationToken) : all);
                parts[^1].Complete = !isComplete;
                foreach (var part in parts)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    await write(part);
                }

                await timer.WaitForNextTickAsync(cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return; // The stream ends, and its reader asks another replica.
        }
        catch (ChannelClosedException)
        {
            return; // So it does when the loop stops.
        }
        finally
        {
            await EndAsync(watch);
        }
    }

    private Picture Begin(PresenceMap map, ExistenceWatch watch)
    {
        changes.Existence.Add(watch);
        return new Picture(
            [.. map.Rooms.Values.Where(room => room.Online > 0).Select(room => room.RoomId)], [],
            [.. map.Users.Values.Where(user => user.Look is not null).Select(user => user.UserId)], []);
    }

    private static Picture Changed(PresenceMap map, ExistenceWatch watch)
    {
        if (watch.IsLost)
        {
            throw RpcErrors.Refuse(ErrorCode.Unavailable, "too much changed while nobody read it: ask again");
        }

        var picture = new Picture([], [], [], []);
        var (rooms, users) = watch.Take();
        foreach (var roomId in rooms)
        {
            (map.Rooms.TryGetValue(roomId, out var room) && room.Online > 0 ? picture.Occupied : picture.Vacated).Add(roomId);
        }

        foreach (var userId in users)
        {
            (map.Users.TryGetValue(userId, out var user) && user.Look is not null ? picture.Online : picture.Offline).Add(userId);
        }

        return picture;
    }

    /// <returns>One part at least.</returns>
    private static List<ExistencePart> Parts(Picture picture)
    {
        List<ExistencePart> parts = [new()];
        Add(picture.Occupied, part => part.OccupiedRooms);
        Add(picture.Vacated, part => part.VacatedRooms);
        Add(picture.Online, part => part.OnlineUsers);
        Add(picture.Offline, part => part.OfflineUsers);
        return parts;

        void Add(List<string> ids, Func<ExistencePart, ICollection<string>> list)
        {
            foreach (var chunk in ids.Chunk(MaxIds))
            {
                if (parts[^1] is var last && last.OccupiedRooms.Count + last.VacatedRooms.Count + last.OnlineUsers.Count + last.OfflineUsers.Count + chunk.Length > MaxIds)
                {
                    parts.Add(new ExistencePart());
                }

                var to = list(parts[^1]);
                foreach (var id in chunk)
                {
                    to.Add(id);
                }
            }
        }
    }

    private async Task EndAsync(ExistenceWatch watch)
    {
        try
        {
            await loop.AskAsync(
                _ =>
                {
                    changes.Existence.Remove(watch);
                    return true;
                },
                CancellationToken.None);
        }
        catch (ChannelClosedException)
        {
            return; // The loop is gone, and what it held.
        }
    }

    private sealed record Picture(List<string> Occupied, List<string> Vacated, List<string> Online, List<string> Offline);
}
