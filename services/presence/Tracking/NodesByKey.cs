namespace Tertulia.Presence.Tracking;

/// <summary>Nodes that say the same of something: that they watch a user, or that a room is an auditorium. Touched by <see cref="PresenceLoop"/> only.</summary>
internal sealed class NodesByKey
{
    private readonly Dictionary<string, NodeEntry[]> _nodes = new(StringComparer.Ordinal);

    /// <summary>All of which a node says so.</summary>
    public IReadOnlyCollection<string> Keys => _nodes.Keys;

    /// <summary>Nodes that say so.</summary>
    public IReadOnlyList<NodeEntry> Of(string key) => _nodes.GetValueOrDefault(key) ?? [];

    /// <summary>Once for each key of a node.</summary>
    public void Add(string key, NodeEntry node) => _nodes[key] = [.. Of(key), node];

    /// <summary>Without effect when it was not there.</summary>
    public void Remove(string key, NodeEntry node)
    {
        NodeEntry[] left = [.. Of(key).Where(other => other != node)];
        if (left.Length > 0)
        {
            _nodes[key] = left;
        }
        else
        {
            _nodes.Remove(key);
        }
    }
}
