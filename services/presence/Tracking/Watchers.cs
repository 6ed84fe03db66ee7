namespace Tertulia.Presence.Tracking;

/// <summary>Which nodes must be told of which users. Touched by <see cref="PresenceLoop"/> only.</summary>
internal sealed class Watchers
{
    private readonly Dictionary<string, NodeEntry[]> _nodes = new(StringComparer.Ordinal);

    /// <summary>Users who are watched.</summary>
    public IReadOnlyCollection<string> Users => _nodes.Keys;

    /// <summary>Nodes with sessions that watch the user.</summary>
    public IReadOnlyList<NodeEntry> Of(string userId) => _nodes.GetValueOrDefault(userId) ?? [];

    /// <summary>Once for each user of a node.</summary>
    public void Add(string userId, NodeEntry node) => _nodes[userId] = [.. Of(userId), node];

    /// <summary>Without effect when it was not there.</summary>
    public void Remove(string userId, NodeEntry node)
    {
        NodeEntry[] left = [.. Of(userId).Where(other => other != node)];
        if (left.Length > 0)
        {
            _nodes[userId] = left;
        }
        else
        {
            _nodes.Remove(userId);
        }
    }
}
