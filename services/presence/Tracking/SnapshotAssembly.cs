using Tertulia.Contracts;

namespace Tertulia.Presence.Tracking;

/// <summary>The parts of one node's snapshot until the last has come, and what the node reported meanwhile.</summary>
internal sealed class SnapshotAssembly(ulong version)
{
    private const int MaxWaitingChanges = 100_000;

    private readonly HashSet<uint> _parts = [];
    private readonly List<PresentConnection> _connections = [];
    private readonly Dictionary<string, int> _places = new(StringComparer.Ordinal);
    private readonly HashSet<string> _own = new(StringComparer.Ordinal); // Connections that came in several parts: copies, as others may read what was received.
    private readonly List<(ulong Version, PresenceDelta Delta)> _meanwhile = [];
    private readonly HashSet<string> _watched = new(StringComparer.Ordinal);
    private readonly HashSet<string> _auditoriums = new(StringComparer.Ordinal);
    private int _waitingChanges;

    public ulong Version { get; } = version;

    public IReadOnlyList<PresentConnection> Connections => _connections;

    /// <summary>Users whom sessions of the node watch.</summary>
    public IReadOnlySet<string> Watched => _watched;

    /// <summary>Rooms with connections of the node that are auditoriums.</summary>
    public IReadOnlySet<string> Auditoriums => _auditoriums;

    /// <summary>Newer deltas, to be applied after the snapshot, in order.</summary>
    public IReadOnlyList<(ulong Version, PresenceDelta Delta)> Meanwhile => _meanwhile;

    /// <returns>True when this was the last part.</returns>
    public bool Add(PresenceSnapshot snapshot)
    {
        // Two replicas that asked at the same time make the node send the same version twice.
        if (_parts.Add(snapshot.Part))
        {
            _watched.UnionWith(snapshot.Watched);
            _auditoriums.UnionWith(snapshot.Auditoriums);
            foreach (var connection in snapshot.Connections)
            {
                if (_places.TryAdd(connection.ConnectionId, _connections.Count))
                {
                    _connections.Add(connection);
                }
                else
                {
                    OwnOf(connection.ConnectionId).RoomIds.AddRange(connection.RoomIds); // Of one with very many rooms each part has some.
                }
            }
        }

        return _parts.Count >= snapshot.Parts;
    }

    /// <returns>False when too much waits: give up and ask for a new snapshot.</returns>
    public bool TryKeep(ulong version, PresenceDelta delta)
    {
        _waitingChanges += delta.Changes.Count;
        _meanwhile.Add((version, delta));
        return _waitingChanges <= MaxWaitingChanges;
    }

    private PresentConnection OwnOf(string connectionId)
    {
        var place = _places[connectionId];
        return _own.Add(connectionId) ? _connections[place] = _connections[place].Clone() : _connections[place];
    }
}
