using Tertulia.Notifications.Jobs;
using Tertulia.Notifications.Storage;
using Tertulia.Notifications.Webhooks;
using Tertulia.Sql;

namespace Tertulia.Notifications.Admin;

/// <summary>Counts for the metrics what waits for an operator: the error queue, and webhooks that are told nothing.</summary>
/// <remarks>Every replica counts the same; what is counted lasts until somebody acts, so an alert on it does, too.</remarks>
internal sealed class Census(
    JobStore jobs, JobRunner runner, WebhookStore webhooks, StoreStart<NotificationStore> store, Telemetry telemetry, TimeProvider time) : BackgroundService
{
    /// <summary>Jobs in the error queue that are counted; there should be none.</summary>
    private const int MostJobs = 500;

    private static readonly TimeSpan CountEvery = TimeSpan.FromSeconds(10);
    private static readonly string[] States = ["ok", "failing", "disabled"];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await store.Initialized.WaitAsync(stoppingToken);
        using var timer = new PeriodicTimer(CountEvery, time);
        do
        {
            try
            {
                await CountAsync(stoppingToken);
            }
            catch (StoreUnavailableException)
            {
                continue; // The store's own check says so; the last numbers stay.
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task CountAsync(CancellationToken cancellationToken)
    {
        var failed = await jobs.ListFailedAsync("", after: null, MostJobs, cancellationToken);
        foreach (var kind in runner.Kinds)
        {
            telemetry.InErrorQueue(kind, failed.Count(job => job.Kind == kind));
        }

        var known = await webhooks.ListAsync(cancellationToken);
        foreach (var state in States)
        {
            telemetry.Endpoints(state, known.Count(webhook => StateOf(webhook) == state));
        }
    }

    private static string StateOf(Webhook webhook) => webhook switch
    {
        { DisabledAt: not null } => "disabled",
        { FailingSince: not null } => "failing",
        _ => "ok",
    };
}
