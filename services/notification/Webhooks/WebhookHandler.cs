using System.Text.Json;
using Microsoft.Extensions.Options;
using Tertulia.Notifications.Jobs;

namespace Tertulia.Notifications.Webhooks;

/// <summary>What waits in a lane of a webhook is to be told; or one event that was given up, when an operator replays it.</summary>
internal sealed record WebhookJob(string WebhookId, string Lane, string? EventId = null, string? Body = null);

/// <summary>Tells webhooks, in the order of each room. One that fails holds up its own rooms only.</summary>
internal sealed partial class WebhookHandler(
    WebhookStore webhooks, WebhookClient client, IOptions<WebhookOptions> options, TimeProvider time, Telemetry telemetry, ILogger<WebhookHandler> logger) : IJobHandler
{
    public const string KindName = "webhook";

    private const int AtOnce = 50;
    private static readonly TimeSpan OneRun = TimeSpan.FromSeconds(30); // With the longest request far below a lease.
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestPause = TimeSpan.FromHours(1);

    public string Kind => KindName;

    public async Task<JobResult> RunAsync(Job job, CancellationToken cancellationToken)
    {
        var what = JsonSerializer.Deserialize<WebhookJob>(job.Body)!;
        if (await webhooks.FindAsync(what.WebhookId, cancellationToken) is not { DisabledAt: null } webhook)
        {
            return JobResult.Done; // What waits goes on when it is enabled.
        }

        return what.EventId is not null
            ? await TellAloneAsync(webhook, what, cancellationToken)
            : await TellAsync(webhook, what.Lane, cancellationToken);
    }

    private async Task<JobResult> TellAsync(Webhook webhook, string lane, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        var waiting = await webhooks.WaitingAsync(webhook.Id, lane, AtOnce, cancellationToken);
        foreach (var one in waiting)
        {
            if (one.NotBefore > time.GetUtcNow())
            {
                return JobResult.Later(one.NotBefore);
            }

            if (time.GetElapsedTime(started) > OneRun)
            {
                return JobResult.Later(time.GetUtcNow());
            }

            if (await TellAsync(webhook, lane, one, cancellationToken) is { } result)
            {
                return result;
            }
        }

        return waiting.Count == AtOnce ? JobResult.Later(time.GetUtcNow()) : JobResult.Done;
    }

    /// <returns>Null: go on with the next one.</returns>
    private async Task<JobResult?> TellAsync(Webhook webhook, string lane, WaitingEvent one, CancellationToken cancellationToken)
    {
        var outcome = await client.SendAsync(webhook, one.EventId, one.Body, cancellationToken);
        telemetry.Told(outcome.IsTaken);
        var now = time.GetUtcNow();
        if (outcome.IsTaken)
        {
            await webhooks.ToldAsync(webhook.Id, lane, one, cancellationToken);
            return null;
        }

        var current = await webhooks.FindAsync(webhook.Id, cancellationToken); // Other rooms may have been told meanwhile.
        if (outcome.IsGone || now - (current?.FailingSince ?? now) >= options.Value.DisableAfter)
        {
            await webhooks.DisableAsync(webhook.Id, outcome.Error, cancellationToken);
            LogDisabled(webhook.Id, outcome.Error);
            return JobResult.Done;
        }

        if (current?.SucceededAt > one.CreatedAt && now - one.CreatedAt >= options.Value.GiveUpAfter)
        {
            await webhooks.GiveUpAsync(webhook.Id, lane, one, outcome.Error, cancellationToken);
            LogGivenUp(webhook.Id, one.EventId, outcome.Error);
            return null;
        }

        var pause = Pauses.After(one.Attempts, FirstPause, LongestPause);
        var notBefore = now + (outcome.RetryAfter is { } asked && asked > pause ? asked : pause);
        await webhooks.FailedAsync(webhook.Id, lane, one, notBefore, outcome.Error, cancellationToken);
        return JobResult.Later(notBefore);
    }

    private async Task<JobResult> TellAloneAsync(Webhook webhook, WebhookJob what, CancellationToken cancellationToken)
    {
        var outcome = await client.SendAsync(webhook, what.EventId!, what.Body!, cancellationToken);
        telemetry.Told(outcome.IsTaken);
        if (!outcome.IsTaken)
        {
            return JobResult.Failed(outcome.Error);
        }

        await webhooks.SucceededAsync(webhook.Id, cancellationToken);
        return JobResult.Done;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The webhook {WebhookId} is disabled: {Error}")]
    private partial void LogDisabled(string webhookId, string error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The webhook {WebhookId} does not take the event {EventId}, which is in the error queue: {Error}")]
    private partial void LogGivenUp(string webhookId, string eventId, string error);
}
