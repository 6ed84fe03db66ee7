using Tertulia.Bus;
using Tertulia.Connections.Limits;
using Tertulia.Connections.Users;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Announcing;

/// <summary>Nodes that share a user tell each other what the user did, so that all of the user's sockets share one limit.</summary>
internal sealed class RateExchange(
    ILiveBus bus, ProcessIdentity node, UserRates rates, SharedUsers shared, UserSessions users, TimeProvider time) : BackgroundService
{
    private const int MaxUsagesInBatch = 1_000; // User ids have 128 characters at most: less than half a mebibyte.
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>What users did on their other nodes.</summary>
    public void OnBatch(NodeBatch batch)
    {
        foreach (var usage in batch.RateUsage)
        {
            rates.TakeRemote(usage.UserId, (int)Math.Min(usage.Events, int.MaxValue));
        }
    }

    /// <summary>One round: each node is told of the users it shares with this one.</summary>
    internal void Exchange()
    {
        var batches = new Dictionary<string, NodeBatch>(StringComparer.Ordinal);
        foreach (var (userId, others) in shared.All)
        {
            if (users.Of(userId).Length == 0)
            {
                shared.Forget(userId);
            }
            else if (rates.CollectUsage(userId) is > 0 and var events)
            {
                var usage = new RateUsage { UserId = userId, Events = (uint)events };
                foreach (var other in others)
                {
                    if (!batches.TryGetValue(other, out var batch))
                    {
                        batches[other] = batch = new NodeBatch { From = node.Id };
                    }

                    batch.RateUsage.Add(usage);
                    if (batch.RateUsage.Count == MaxUsagesInBatch)
                    {
                        batches.Remove(other);
                        bus.TrySendToNode(other, batch);
                    }
                }
            }
        }

        foreach (var (other, batch) in batches)
        {
            bus.TrySendToNode(other, batch); // At most once: what is lost lets a user do a little more for a second.
        }
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                Exchange();
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            return;
        }
    }
}
