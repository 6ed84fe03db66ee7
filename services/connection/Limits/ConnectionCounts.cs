using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Options;

namespace Tertulia.Connections.Limits;

/// <summary>Sockets of this node: all, by address, by user.</summary>
/// <remarks>The way in counts node and address before the session exists, and a user it knows by then. Whoever authenticates a session later
/// (<c>auth</c>) calls <see cref="TryAddUser"/> before setting the caller; the way in removes the caller's count when the socket is gone.</remarks>
internal sealed class ConnectionCounts(IOptions<LimitOptions> options)
{
    private readonly LimitOptions _limits = options.Value;
    private readonly ConcurrentDictionary<IPAddress, int> _addresses = new();
    private readonly ConcurrentDictionary<string, int> _users = new(StringComparer.Ordinal);
    private int _total;

    /// <summary>Sockets of this node.</summary>
    public int Total => Volatile.Read(ref _total);

    /// <summary>Counts a socket.</summary>
    /// <returns>False when node or address has too many: then nothing was counted.</returns>
    public bool TryAdd(IPAddress? address)
    {
        var total = Interlocked.Increment(ref _total);
        if ((_limits.ConnectionsPerNode == 0 || total <= _limits.ConnectionsPerNode)
            && (address is null || TryAdd(_addresses, address, _limits.ConnectionsPerAddress)))
        {
            return true;
        }

        Interlocked.Decrement(ref _total);
        return false;
    }

    /// <summary>A counted socket is gone.</summary>
    public void Remove(IPAddress? address)
    {
        Interlocked.Decrement(ref _total);
        if (address is not null)
        {
            Remove(_addresses, address);
        }
    }

    /// <summary>Counts a socket of a user.</summary>
    /// <param name="userId">Whose.</param>
    /// <param name="elsewhere">The user's sockets on other nodes, where known.</param>
    /// <returns>False when the user has too many: then nothing was counted.</returns>
    public bool TryAddUser(string userId, int elsewhere = 0) =>
        TryAdd(_users, userId, _limits.ConnectionsPerUser == 0 ? 0 : Math.Max(1, _limits.ConnectionsPerUser - elsewhere))
        && (elsewhere < _limits.ConnectionsPerUser || _limits.ConnectionsPerUser == 0 || Refuse(userId));

    /// <summary>A counted socket of a user is gone.</summary>
    public void RemoveUser(string userId) => Remove(_users, userId);

    private bool Refuse(string userId)
    {
        RemoveUser(userId);
        return false;
    }

    private static bool TryAdd<TKey>(ConcurrentDictionary<TKey, int> counts, TKey key, int limit)
        where TKey : notnull
    {
        while (true)
        {
            if (!counts.TryGetValue(key, out var count))
            {
                if (counts.TryAdd(key, 1))
                {
                    return true;
                }
            }
            else if (limit != 0 && count >= limit)
            {
                return false;
            }
            else if (counts.TryUpdate(key, count + 1, count))
            {
                return true;
            }
        }
    }

    private static void Remove<TKey>(ConcurrentDictionary<TKey, int> counts, TKey key)
        where TKey : notnull
    {
        while (counts.TryGetValue(key, out var count))
        {
            if (count > 1 ? counts.TryUpdate(key, count - 1, count) : counts.TryRemove(KeyValuePair.Create(key, count)))
            {
                return;
            }
        }
    }
}
