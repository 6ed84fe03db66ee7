using System.Text.Json;
using Microsoft.Extensions.Options;
using Tertulia.Notifications.Jobs;

namespace Tertulia.Notifications.Push;

/// <summary>A push for one device.</summary>
internal sealed record PushJob(string UserId, string DeviceId, PushContent Content);

/// <summary>Hands a push to the device's push service, and does what that says.</summary>
internal sealed class PushHandler(
    PushSubscriptions subscriptions, PushClient client, IOptions<PushOptions> options, TimeProvider time, Telemetry telemetry) : IJobHandler
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
            return JobResult.Done;
        }

        var outcome = await client.SendAsync(subscription, push.Content, timeToLive, cancellationToken);
        telemetry.Pushed(outcome.Verdict.ToString().ToLowerInvariant());
        switch (outcome.Verdict)
        {
            case PushVerdict.Sent:
                return JobResult.Done;
            case PushVerdict.Gone:
                await subscriptions.RemoveGoneAsync(subscription, cancellationToken);
                return JobResult.Done;
            case PushVerdict.Later when job.Attempts + 1 < options.Value.Attempts:
                var pause = Pauses.After(job.Attempts, FirstPause, LongestPause);
                return JobResult.Later(time.GetUtcNow() + (outcome.RetryAfter is { } asked && asked > pause ? asked : pause));
            default:
                return JobResult.Failed($"the push service did not take it: {outcome.Reason}");
        }
    }
}
