using System.Collections.Concurrent;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Users;

/// <summary>The users of this node who have connections to other nodes, too, as the presence service tells it.</summary>
internal sealed class SharedUsers(ProcessIdentity node)
{
    // User id to the user's other nodes; only users who have some.
    private readonly ConcurrentDictionary<string, string[]> _others = new(StringComparer.Ordinal);

    /// <summary>Users and their other nodes, at this moment.</summary>
    public IEnumerable<KeyValuePair<string, string[]>> All => _others;

    /// <summary>The user's other nodes.</summary>
    public IReadOnlyList<string> OthersOf(string userId) => _others.GetValueOrDefault(userId) ?? [];

    /// <summary>Where users have connections.</summary>
    public void OnBatch(NodeBatch batch)
    {
        foreach (var user in batch.UserNodes)
        {
            string[] others = user.NodeIds.Contains(node.Id) ? [.. user.NodeIds.Where(id => id != node.Id)] : [];
            if (others.Length > 0)
            {
                _others[user.UserId] = others;
            }
            else
            {
                _others.TryRemove(user.UserId, out _);
            }
        }
    }

    /// <summary>The last connection here is gone: this node is not told of the user any more.</summary>
    public void Forget(string userId) => _others.TryRemove(userId, out _);
}
