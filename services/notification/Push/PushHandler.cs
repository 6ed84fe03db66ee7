using System.Text.Json;
using Microsoft.Extensions.Options;
using Tertulia.Notifications.Jobs;

namespace Tertulia.Notifications.Push;

/// <summary>A push for one device.</summary>
internal sealed record PushJob(string UserId, string DeviceId, PushContent Content, string PushId = "");

/// <summary>Hands a push to the device's push service, and does what that says.</summary>
internal sealed class PushHandler(
    PushLog log, PushSubscriptions subscriptions, PushClient client, IOptions<PushOptions> options, TimeProvider time, Telemetry telemetry) : IJobHandler
{
    public const string KindName = "push";

    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestPause = TimeSpan.FromHours(1);

    public string Kind => KindName;

    public async Task<JobResult> RunAsync(Job job, CancellationToken cancellationToken)
    {
        var push = JsonSerializer.Deserialize<PushJob>(job.Body)!;
        var timeToLive = options.Value.TimeToLive - (time.GetUtcNow() - job.CreatedAt);
        if (timeToLive <= TimeSpan.Zero || await subscriptions.FindAsync(push.UserId, push.DeviceId, cancellationToken) is not { } subscription)
        {
            telemetry.Pushed("expired");
            await log.NoteAsync(push, job.Attempts, PushLog.Expired, "", cancellationToken);
            return JobResult.Done;
        }

        var outcome = await client.SendAsync(subscription, push.Content, timeToLive, cancellationToken);
        telemetry.Pushed(outcome.Verdict.ToString().ToLowerInvariant());
        switch (outcome.Verdict)
        {
            case PushVerdict.Sent:
                await log.NoteAsync(push, job.Attempts + 1, PushLog.Sent, "", cancellationToken);
                return JobResult.Done;
            case PushVerdict.Gone:
                await subscriptions.RemoveGoneAsync(subscription, cancellationToken);
                await log.NoteAsync(push, job.Attempts + 1, PushLog.Gone, outcome.Reason, cancellationToken);
                return JobResult.Done;
            case PushVerdict.Later when job.Attempts + 1 < options.Value.Attempts:
                await log.NoteAsync(push, job.Attempts + 1, PushLog.Retrying, outcome.Reason, cancellationToken);
                var pause = Pauses.After(job.Attempts, FirstPause, LongestPause);
                return JobResult.Later(time.GetUtcNow() + (outcome.RetryAfter is { } asked && asked > pause ? asked : pause));
            default:
                await log.NoteAsync(push, job.Attempts + 1, PushLog.Failed, outcome.Reason, cancellationToken);
                return JobResult.Failed($"the push service did not take it: {outcome.Reason}");
        }
    }
}
