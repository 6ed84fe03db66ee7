using Tertulia.Feed;
using Tertulia.Notifications.Jobs;
using Tertulia.Notifications.Storage;

namespace Tertulia.Notifications.Webhooks;

/// <summary>Follows the feed: what webhooks are to be told and how far it came are one round.</summary>
internal sealed class WebhookFollower(NotificationStore store, WebhookStore webhooks, JobStore jobs, TimeProvider time) : IFeedHandler
{
    /// <summary>Of the follower.</summary>
    public const string Name = "webhooks";

    // What a store that went back may have lost and been told again; older entries were told under the epoch before.
    private static readonly TimeSpan ToldAgain = TimeSpan.FromMinutes(15);

    /// <inheritdoc />
    public Task<FeedMark> OpenAsync(int partition, CancellationToken cancellationToken) => store.ReadMarkAsync(Name, partition, cancellationToken);

    /// <inheritdoc />
    public async Task<FeedOutcome[]> HandleAsync(IReadOnlyList<FeedBatch> batches, CancellationToken cancellationToken)
    {
        var outcomes = new FeedOutcome[batches.Count];
        if (batches.All(batch => batch.MayWait) && !await IsAnyWantedAsync(batches, cancellationToken))
        {
            Array.Fill(outcomes, FeedOutcome.Nothing);
            return outcomes;
        }

        outcomes = await store.WriteAsync(
            async round =>
            {
                for (var i = 0; i < outcomes.Length; i++)
                {
                    outcomes[i] = await WriteAsync(round, batches[i]) ? FeedOutcome.Stored : FeedOutcome.Lost;
                }

                return outcomes;
            },
            cancellationToken);
        jobs.Ring();
        return outcomes;
    }

    /// <summary>Whether there is a webhook for what happened. One that comes later is told nothing of before.</summary>
    private async Task<bool> IsAnyWantedAsync(IReadOnlyList<FeedBatch> batches, CancellationToken cancellationToken)
    {
        var known = await webhooks.ListAsync(cancellationToken);
        return known.Count > 0 && batches.SelectMany(batch => batch.Entries.Select(entry => WebhookEvents.Of(batch.To.Epoch, entry.RoomId, entry.Event)))
            .OfType<WebhookEvent>().Any(one => known.Any(webhook => webhook.Wants(one)));
    }

    private async Task<bool> WriteAsync(IRound round, FeedBatch page)
    {
        if (!await round.MoveMarkAsync(Name, page))
        {
            return false;
        }

        if (page.IsOfAnotherEpoch)
        {
            await round.Webhooks.AddEpochAsync(page.Partition, page.To.Epoch, (time.GetUtcNow() - ToldAgain).ToUnixTimeMilliseconds());
        }

        if (page.Entries.Count > 0)
        {
            var since = await round.Webhooks.EpochSinceAsync(page.Partition, page.To.Epoch);
            var events = page.Entries.Where(entry => entry.Event.CreatedAtMs >= since)
                .Select(entry => WebhookEvents.Of(page.To.Epoch, entry.RoomId, entry.Event)).OfType<WebhookEvent>().ToArray();
            await webhooks.AddAsync(round, events);
        }

        return true;
    }
}
