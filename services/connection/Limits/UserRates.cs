using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using Tertulia.Hosting;

namespace Tertulia.Connections.Limits;

/// <summary>How many events each user may still cause: one bucket per user, for all of the user's sockets on this node. What other nodes report is taken from it, too.</summary>
internal sealed class UserRates(IOptions<LimitOptions> options, TimeProvider time)
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(60);

    private readonly LimitOptions _limits = options.Value;
    private readonly ConcurrentDictionary<string, Usage> _users = new(StringComparer.Ordinal);

    /// <summary>Counts one event.</summary>
    /// <param name="userId">Whose.</param>
    /// <param name="retryAfterMs">When refused: milliseconds until one is allowed, at least 1.</param>
    /// <returns>False when the limit is reached.</returns>
    public bool TryTake(string userId, out int retryAfterMs)
    {
        retryAfterMs = 0;
        if (_limits.EventsPerMinute == 0)
        {
            return true;
        }

        var usage = Of(userId);
        lock (usage)
        {
            if (usage.Bucket.TryTake(out var retryAfter))
            {
                usage.Unreported++;
                return true;
            }

            retryAfterMs = Math.Max(1, (int)Math.Ceiling(retryAfter.TotalMilliseconds));
            return false;
        }
    }

    /// <summary>Another node of the user reports events.</summary>
    public void TakeRemote(string userId, int events)
    {
        if (_limits.EventsPerMinute == 0 || events <= 0)
        {
            return;
        }

        var usage = Of(userId);
        lock (usage)
        {
            usage.Bucket.Take(events);
        }
    }

    /// <summary>Events of the user here that were not collected yet, for the user's other nodes. Events that the bucket has forgotten do not count.</summary>
    public int CollectUsage(string userId)
    {
        if (!_users.TryGetValue(userId, out var usage))
        {
            return 0;
        }

        lock (usage)
        {
            var events = Math.Min(usage.Unreported, (int)Math.Ceiling(usage.Bucket.Missing));
            usage.Unreported = 0;
            return Math.Max(0, events);
        }
    }

    /// <summary>Forgets users whose bucket is full again. Called now and then; an event that is being counted meanwhile may go uncounted.</summary>
    public void Sweep()
    {
        foreach (var entry in _users)
        {
            bool full;
            lock (entry.Value)
            {
                full = entry.Value.Bucket.Missing <= 0;
            }

            if (full)
            {
                _users.TryRemove(entry);
            }
        }
    }

    private Usage Of(string userId) => _users.GetOrAdd(userId, static (_, rates) => rates.New(), this);

    private Usage New() => new(new TokenBucket(_limits.Burst, _limits.EventsPerMinute / Window.TotalSeconds, time));

    private sealed class Usage(TokenBucket bucket)
    {
        public readonly TokenBucket Bucket = bucket;
        public int Unreported;
    }
}
