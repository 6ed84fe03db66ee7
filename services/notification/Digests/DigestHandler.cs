using System.Globalization;
using Tertulia.Contracts;
using Tertulia.Notifications.Inbox;
using Tertulia.Notifications.Jobs;
using Tertulia.Notifications.Preferences;
using Tertulia.Notifications.Storage;

namespace Tertulia.Notifications.Digests;

/// <summary>Sums up in one notification what a user was not pushed and has not read: what waited, that it was told and the end of the job are one round.</summary>
internal sealed class DigestHandler(NotificationStore store, InboxStore inbox, InboxNews news, TimeProvider time) : IJobHandler
{
    public const string KindName = "digest";

    private const int MaxLines = 10;
    private const int MaxRooms = 50;
    private const int MaxNameChars = 200;

    public string Kind => KindName;

    /// <param name="job">Its body is the user's id.</param>
    /// <param name="cancellationToken">The process stops.</param>
    public async Task<JobResult> RunAsync(Job job, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var (due, made) = await store.WriteAsync(round => WriteAsync(round, job, now), cancellationToken);
        if (due is { } later)
        {
            return JobResult.Later(later);
        }

        inbox.OnCommitted();
        await news.TellAsync(made, [], cancellationToken);
        return JobResult.Ended;
    }

    /// <returns>When it is due after all, by the preferences as they are now; else what came into being.</returns>
    private async Task<(DateTimeOffset? Due, List<Made> Made)> WriteAsync(IRound round, Job job, DateTimeOffset now)
    {
        var userId = job.Body;
        var digest = DigestTime.Parse(await PreferenceStore.ReadAsync(round, userId));
        var oldest = await round.Withheld.OldestAsync(userId);
        if (digest is not null && oldest is { } decided && digest.DueAfter(decided) is var due && due > now)
        {
            return (due, []);
        }

        List<RoomTally> rooms = digest is null ? [] : (await round.Withheld.SumUpAsync(userId)).ConvertAll(room => new RoomTally
        {
            RoomId = room.RoomId, Name = room.Name is { Length: > 0 and <= MaxNameChars } name ? name : room.RoomId, Count = (uint)room.Count,
        });
        await round.Withheld.ToldAsync(userId);
        if (!await round.Jobs.EndAsync(job))
        {
            throw new InvalidOperationException("Another replica has the job"); // Nothing of this counts; the attempt after this finds no job.
        }

        // Summed up again, because a process died before it was over, it is the same one.
        var eventId = string.Create(CultureInfo.InvariantCulture, $"digest:{(oldest ?? now).ToUnixTimeMilliseconds()}");
        return (null, rooms.Count > 0 ? await inbox.AddAsync(round, [new Wanted(userId, eventId, Compose(rooms, now))]) : []);
    }

    private static Notification Compose(List<RoomTally> rooms, DateTimeOffset now)
    {
        var total = rooms.Sum(room => room.Count);
        var lines = rooms.Take(MaxLines).Select(room => string.Create(CultureInfo.InvariantCulture, $"{(room.Name.Length > 0 ? room.Name : "Other")}: {room.Count}")).ToList();
        if (rooms.Count > MaxLines)
        {
            lines.Add(string.Create(
                CultureInfo.InvariantCulture, $"{rooms.Count - MaxLines} more rooms: {rooms.Skip(MaxLines).Sum(room => room.Count)}"));
        }

        return new Notification
        {
            Kind = NotificationKinds.Digest,
            Title = string.Create(CultureInfo.InvariantCulture, $"{total} unread {(total == 1 ? "notification" : "notifications")}"),
            Body = string.Join('\n', lines),
            CreatedAtMs = now.ToUnixTimeMilliseconds(),
            Rooms = { rooms.Take(MaxRooms) },
        };
    }
}
