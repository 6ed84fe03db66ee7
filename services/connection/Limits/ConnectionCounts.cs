using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Options;
using Tertulia.Hosting;

namespace Tertulia.Connections.Limits;

/// <summary>Sockets of this node: all, by address, by user.</summary>
/// <remarks>The way in counts node and address before the session exists, and a user it knows by then. What authenticates a session later
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

    /// <summary>Counts a socket of a user on this node.</summary>
    /// <remarks>Not those on other nodes: presence holds a killed node's sockets for some seconds more, and clients that come back from it
    /// must not be turned away for good (4504) meanwhile.</remarks>
    /// <returns>False when the user has too many: then nothing was counted.</returns>
    public bool TryAddUser(string userId) => TryAdd(_users, userId, _limits.ConnectionsPerUser);

    /// <summary>A counted socket of a user is gone.</summary>
    public void RemoveUser(string userId) => Remove(_users, userId);

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
