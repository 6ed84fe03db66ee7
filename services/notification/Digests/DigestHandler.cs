using System.Data.Common;
using System.Globalization;
using Tertulia.Contracts;
using Tertulia.Notifications.Inbox;
using Tertulia.Notifications.Jobs;
using Tertulia.Notifications.Preferences;
using Tertulia.Notifications.Storage;

namespace Tertulia.Notifications.Digests;

/// <summary>Sums up in one notification what a user was not pushed and has not read: what waited, that it was told and the end of the job are one transaction.</summary>
internal sealed class DigestHandler(NotificationStore store, InboxStore inbox, InboxNews news, TimeProvider time) : IJobHandler
{
    public const string KindName = "digest";

    private const int MaxLines = 10;
    private const int MaxRooms = 50;
    private const int MaxNameChars = 200;

    // What is in the inbox counts while it is there and unread; what was kept out of it until its room was read so far. What is of no entry cannot be read.
    private const string Unread = """
        select w.room_id, coalesce(max(case when n.kind = 'direct' then i.actor_name else n.name end), ''), count(*) from notification_withheld w
        left join notification_inbox i on i.user_id = w.user_id and i.event_id = w.event_id
        left join notification_reads r on r.user_id = w.user_id and r.room_id = w.room_id
        left join notification_rooms n on n.room_id = w.room_id
        where w.user_id = @user and w.digest = 1
            and case when w.notification_id <> '' then not i.is_read when i.user_id is not null then false else w.seq = 0 or coalesce(r.seq, 0) < w.seq end
        group by w.room_id order by count(*) desc, w.room_id
        """;

    public string Kind => KindName;

    /// <param name="job">Its body is the user's id.</param>
    /// <param name="cancellationToken">The process stops.</param>
    public async Task<JobResult> RunAsync(Job job, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var (due, made) = await store.WriteAsync(command => WriteAsync(command, job, now), cancellationToken);
        if (due is { } later)
        {
            return JobResult.Later(later);
        }

        inbox.OnCommitted();
        await news.TellAsync(made, [], cancellationToken);
        return JobResult.Ended;
    }

    /// <returns>When it is due after all, by the preferences as they are now; else what came into being.</returns>
    private async Task<(DateTimeOffset? Due, List<Made> Made)> WriteAsync(DbCommand command, Job job, DateTimeOffset now)
    {
        var userId = job.Body;
        var digest = DigestTime.Parse(await PreferenceStore.ReadAsync(command, userId));
        var oldest = await WithheldItems.OldestAsync(command, userId);
        if (digest is not null && oldest is { } decided && digest.DueAfter(decided) is var due && due > now)
        {
            return (due, []);
        }

        List<RoomTally> rooms = digest is null ? [] : await command.With(Unread, ("user", userId)).ListAsync(row => new RoomTally
        {
            RoomId = row.GetString(0), Name = row.GetString(1) is { Length: > 0 and <= MaxNameChars } name ? name : row.GetString(0), Count = (uint)row.GetInt64(2),
        });
        await command.With("update notification_withheld set digest = @told where user_id = @user and digest = 1", ("told", WithheldItems.Told), ("user", userId)).RunAsync();
        if (!await JobStore.EndAsync(command, job))
        {
            throw new InvalidOperationException("Another replica has the job"); // Nothing of this is committed; the attempt after this finds no job.
        }

        var eventId = string.Create(CultureInfo.InvariantCulture, $"digest:{now.ToUnixTimeMilliseconds()}");
        return (null, rooms.Count > 0 ? await inbox.AddAsync(command, [new Wanted(userId, eventId, Compose(rooms, now))]) : []);
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
