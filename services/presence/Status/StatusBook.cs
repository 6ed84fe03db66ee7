using Microsoft.Extensions.Options;
using Tertulia.Contracts;
using Tertulia.Presence.Tracking;

namespace Tertulia.Presence.Status;

/// <summary>The statuses that users have chosen and that say more than <c>online</c>, of users who are connected and of those who are not.
/// Touched by <see cref="PresenceLoop"/> only.</summary>
internal sealed class StatusBook(IOptions<PresenceOptions> options, TimeProvider time)
{
    /// <summary>Bits of a stamp that make it unique.</summary>
    public const int StampBits = 20;

    private const int EntryBytes = 320; // The message, its place in the table and in the queue.

    private readonly Dictionary<string, ChosenStatus> _chosen = new(StringComparer.Ordinal);
    private readonly PriorityQueue<ChosenStatus, long> _ends = new();

    /// <summary>About what the book takes in memory.</summary>
    public long Bytes { get; private set; }

    /// <summary>No room for the status of one more user.</summary>
    public bool IsFull => Bytes >= options.Value.StatusBytes;

    /// <summary>Statuses in the book.</summary>
    public int Count => _chosen.Count;

    /// <returns>Null when the user has chosen nothing.</returns>
    public ChosenStatus? Find(string userId) => _chosen.GetValueOrDefault(userId);

    /// <summary>As nodes are told of a user: <c>online</c> with the stamp 0 when the user has chosen nothing, or it has ended.</summary>
    public ChosenStatus Of(string userId) => Find(userId) is { } chosen ? Current(chosen) : NothingOf(userId);

    /// <summary>What who has chosen nothing has chosen.</summary>
    public static ChosenStatus NothingOf(string userId) => new() { UserId = userId, Status = PresenceStatus.Online };

    /// <summary>A stamp for what is chosen now, larger than that of what was chosen before.</summary>
    /// <param name="before">Of the user; 0 when there is none.</param>
    public long NewStamp(long before) =>
        Math.Max(before + 1, (time.GetUtcNow().ToUnixTimeMilliseconds() << StampBits) | (uint)Random.Shared.Next(1 << StampBits));

    /// <summary>What counts now of what a user has chosen.</summary>
    public ChosenStatus Current(ChosenStatus chosen) => HasEnded(chosen) ? Ended(chosen) : chosen;

    /// <summary>Takes in what a user has chosen.</summary>
    /// <returns>False when it is older than what is known.</returns>
    public bool TryAdd(ChosenStatus chosen)
    {
        var known = _chosen.GetValueOrDefault(chosen.UserId);
        if (known is not null && known.Stamp >= chosen.Stamp)
        {
            return false;
        }

        Remove(known);
        if (chosen is not { Status: PresenceStatus.Online, Text: "", Emoji: "" })
        {
            _chosen[chosen.UserId] = chosen;
            Bytes += SizeOf(chosen);
            if (chosen.UntilMs > 0)
            {
                _ends.Enqueue(chosen, chosen.UntilMs);
            }
        }

        return true;
    }

    /// <summary>Takes out the next status that has ended.</summary>
    /// <returns>What the user has chosen now: nothing but <c>online</c>. Null when no other status has ended.</returns>
    public ChosenStatus? TakeEnded()
    {
        while (_ends.TryPeek(out var next, out _) && HasEnded(next))
        {
            _ends.Dequeue();
            if (_chosen.GetValueOrDefault(next.UserId) is { } current && current.Stamp == next.Stamp)
            {
                Remove(current);
                return Ended(current);
            }
        }

        return null;
    }

    private bool HasEnded(ChosenStatus chosen) => chosen.UntilMs > 0 && chosen.UntilMs <= time.GetUtcNow().ToUnixTimeMilliseconds();

    // The same on all replicas, and newer than what has ended, so that nodes take it.
    private static ChosenStatus Ended(ChosenStatus chosen) => new() { UserId = chosen.UserId, Status = PresenceStatus.Online, Stamp = chosen.Stamp + 1 };

    private void Remove(ChosenStatus? known)
    {
        if (known is not null && _chosen.Remove(known.UserId))
        {
            Bytes -= SizeOf(known);
        }
    }

    private static int SizeOf(ChosenStatus chosen) => EntryBytes + (2 * (chosen.UserId.Length + chosen.Text.Length + chosen.Emoji.Length));
}
