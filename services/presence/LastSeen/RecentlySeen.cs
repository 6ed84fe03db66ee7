using Tertulia.Presence.Storage;
using Tertulia.Presence.Tracking;

namespace Tertulia.Presence.LastSeen;

/// <summary>Who went offline lately, on whatever node, and when. Touched by <see cref="PresenceLoop"/> only.</summary>
internal sealed class RecentlySeen(TimeProvider time)
{
    /// <summary>Longer than it takes until another replica's death is noticed, and until a batch is stored.</summary>
    private static readonly TimeSpan Memory = TimeSpan.FromSeconds(20);

    private readonly List<Seen> _new = [];
    private Dictionary<string, long> _recent = new(StringComparer.Ordinal);
    private Dictionary<string, long> _older = new(StringComparer.Ordinal);
    private long _agedAt = time.GetTimestamp();

    /// <summary>All who went offline lately.</summary>
    public IEnumerable<Seen> All => _older.Concat(_recent).Select(seen => new Seen(seen.Key, seen.Value));

    /// <summary>A user is offline to others from now on.</summary>
    /// <param name="userId">Who.</param>
    /// <param name="ago">How long it has been so: a node that is silent was heard before.</param>
    public void Note(string userId, TimeSpan ago)
    {
        var seen = new Seen(userId, (time.GetUtcNow() - ago).ToUnixTimeMilliseconds());
        _recent[userId] = seen.SeenMs;
        _new.Add(seen);
    }

    /// <returns>Unix milliseconds; 0 when the user did not go lately.</returns>
    public long Find(string userId) => _recent.TryGetValue(userId, out var seen) ? seen : _older.GetValueOrDefault(userId);

    /// <summary>Takes out who went since the last call. Called about once a second.</summary>
    public IReadOnlyList<Seen> TakeNew()
    {
        Seen[] taken = [.. _new];
        _new.Clear();
        if (time.GetElapsedTime(_agedAt) >= Memory)
        {
            (_older, _recent) = (_recent, new Dictionary<string, long>(StringComparer.Ordinal));
            _agedAt = time.GetTimestamp();
        }

        return taken;
    }
}
