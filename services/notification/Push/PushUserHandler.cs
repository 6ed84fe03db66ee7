using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Tertulia.Notifications.Jobs;
using Tertulia.Notifications.Preferences;
using Tertulia.Notifications.Storage;

namespace Tertulia.Notifications.Push;

/// <summary>The rooms that a user's focused devices show at this moment; empty when nobody knows.</summary>
internal delegate Task<IReadOnlySet<string>> FocusedRooms(string userId, CancellationToken cancellationToken);

/// <summary>Makes one push of all that waits for a user, and a job for each device.</summary>
internal sealed class PushUserHandler(
    NotificationStore store, JobStore jobs, PushSubscriptions subscriptions, FocusedRooms focused, IOptions<PushOptions> options, TimeProvider time) : IJobHandler
{
    public const string KindName = "push-user";

    /// <summary>Tag of a push that tells of several others.</summary>
    public const string SummaryTag = "summary";

    private const int SummaryLines = 3;

    public string Kind => KindName;

    /// <param name="job">Its body is the user's id.</param>
    /// <param name="cancellationToken">The process stops.</param>
    public async Task<JobResult> RunAsync(Job job, CancellationToken cancellationToken)
    {
        var userId = job.Body;
        var window = options.Value.CollapseWindow;
        var due = await store.ReadAsync(round => PendingPushes.DueAsync(round, userId, window), cancellationToken);
        if (due > time.GetUtcNow())
        {
            return JobResult.Later(due); // It was decided at the very moment in which another one was made.
        }

        var waiting = await store.ReadAsync(round => round.Pushes.WaitingAsync(userId), cancellationToken);
        var devices = waiting.Count > 0 ? await subscriptions.OfAsync(userId, cancellationToken) : [];
        var seen = devices.Count > 0 ? await focused(userId, cancellationToken) : new HashSet<string>();
        var told = waiting.Where(one => one.Content.RoomId.Length == 0 || !seen.Contains(one.Content.RoomId)).ToArray();
        await WriteAsync(job, userId, waiting, seen, devices.Count > 0 && told.Length > 0 ? Compose(told) : null, devices, cancellationToken);
        jobs.Ring();
        return JobResult.Ended;
    }

    /// <summary>One push: that of the only tag, or a summary.</summary>
    private static PushContent Compose(WaitingPush[] told)
    {
        var newest = told[^1].Content;
        var count = told.Sum(one => one.Count);
        if (told.Length == 1)
        {
            return newest with { Count = count };
        }

        var lines = told.Reverse().Take(SummaryLines).Select(one => one.Content.Title.Length > 0 ? $"{one.Content.Title}: {one.Content.Body}" : one.Content.Body);
        return newest with
        {
            Tag = SummaryTag,
            Title = string.Create(CultureInfo.InvariantCulture, $"{count} new notifications"),
            Body = string.Join('\n', lines),
            RoomId = "",
            Link = "",
            Count = count,
        };
    }

    private Task<int> WriteAsync(Job job, string userId, List<WaitingPush> waiting, IReadOnlySet<string> seen, PushContent? push, List<PushSubscription> devices, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var pushId = Guid.CreateVersion7(now).ToString();
        return store.WriteAsync(
            async round =>
            {
                if (!await round.Jobs.EndAsync(job))
                {
                    throw new InvalidOperationException("Another replica has the job"); // Nothing of this is written; the attempt after this finds no job.
                }

                if (push is not null)
                {
                    await round.Pushes.SetPushedAtAsync(userId, now);
                    foreach (var device in devices)
                    {
                        var body = JsonSerializer.Serialize(new PushJob(userId, device.DeviceId, push, pushId));
                        await round.Pushes.LogDeviceAsync(userId, pushId, device.DeviceId, new Uri(device.Endpoint).Host, now);
                        await round.Jobs.PutAsync($"push:{userId}:{device.DeviceId}:{push.Tag}", PushHandler.KindName, body, now, now);
                    }
                }

                foreach (var one in waiting)
                {
                    // What is shown is what the push names, under its own tag.
                    var shown = push?.Tag == one.Tag ? one.Content.NotificationId : null;
                    var reason = seen.Contains(one.Content.RoomId) ? Withheld.Focused : push is null ? Withheld.NoDevice : "";
                    await round.Pushes.LogAsync(userId, pushId, one.Tag, one.Content.Useq, reason, push?.NotificationId ?? "", now);
                    await round.Pushes.TakeAsync(userId, one, shown);
                }

                await round.Pushes.ForgetAsync(userId, PushLog.Kept);
                return devices.Count;
            },
            cancellationToken);
    }
}
