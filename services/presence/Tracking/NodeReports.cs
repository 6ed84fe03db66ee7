using Microsoft.Extensions.Options;
using Tertulia.Contracts;
using Tertulia.Presence.Emitting;

namespace Tertulia.Presence.Tracking;

/// <summary>What the nodes say of themselves, put into the picture: versions without holes, snapshots, heartbeats, silence. Touched by <see cref="PresenceLoop"/> only.</summary>
internal sealed class NodeReports(PresenceMap map, PendingChanges changes, IOptions<PresenceOptions> options, TimeProvider time)
{
    /// <summary>Time without an answer after which a snapshot is requested again.</summary>
    private static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(2);

    /// <summary>Silence after which even the name of a node is forgotten.</summary>
    private static readonly TimeSpan ForgetAfter = TimeSpan.FromMinutes(10);

    private readonly Dictionary<string, NodeEntry> _nodes = new(StringComparer.Ordinal);
    private readonly TimeSpan _timeout = options.Value.NodeTimeout;

    public int NodeCount => _nodes.Count;

    /// <summary>Nodes that must be asked for a snapshot now; emptied by the caller.</summary>
    public List<string> ToAsk { get; } = [];

    /// <summary>Every node that was heard is in the picture.</summary>
    public bool Complete => _nodes.Values.All(node => node.Known && !node.NeedsSnapshot && node.Assembly is null);

    /// <summary>Timestamp of the last time a node was met or a snapshot was taken in.</summary>
    public long LastAddition { get; private set; } = time.GetTimestamp();

    /// <summary>Takes in one report.</summary>
    public void Apply(PresenceReport report)
    {
        if (report.BodyCase == PresenceReport.BodyOneofCase.Status)
        {
            map.Choose(report.Status);
            return;
        }

        if (report.BodyCase == PresenceReport.BodyOneofCase.Gone)
        {
            if (_nodes.Remove(report.NodeId, out var gone))
            {
                map.Clear(gone, TimeSpan.Zero);
            }

            return;
        }

        if (!_nodes.TryGetValue(report.NodeId, out var node))
        {
            _nodes[report.NodeId] = node = new NodeEntry(report.NodeId);
            LastAddition = time.GetTimestamp();
        }

        node.LastHeard = time.GetTimestamp();
        switch (report.BodyCase)
        {
            case PresenceReport.BodyOneofCase.Heartbeat:
                OnHeartbeat(node, report.Version, report.Heartbeat);
                break;
            case PresenceReport.BodyOneofCase.Delta:
                OnDelta(node, report.Version, report.Delta);
                break;
            case PresenceReport.BodyOneofCase.Snapshot:
                OnSnapshot(node, report.Version, report.Snapshot);
                break;
        }
    }

    /// <summary>Called about once a second: nodes that are silent are dead, questions without an answer are put again.</summary>
    public void Tick()
    {
        foreach (var node in _nodes.Values.ToArray())
        {
            var silence = time.GetElapsedTime(node.LastHeard);
            if (silence >= ForgetAfter || (silence >= _timeout && !node.Known && !node.Expired))
            {
                map.Clear(node, silence);
                _nodes.Remove(node.NodeId);
            }
            else if (silence >= _timeout)
            {
                Expire(node);
            }
            else if (node.NeedsSnapshot)
            {
                Ask(node);
            }
        }
    }

    /// <summary>The bus was away: nothing could be heard, so that silence means nothing.</summary>
    public void KeepAlive()
    {
        foreach (var node in _nodes.Values.Where(node => !node.Expired))
        {
            node.LastHeard = time.GetTimestamp();
        }
    }

    /// <summary>Reports were lost, of which nodes is not known. All nodes are asked at once by the caller.</summary>
    public void MistrustAll()
    {
        KeepAlive();
        foreach (var node in _nodes.Values.Where(node => !node.Expired))
        {
            node.NeedsSnapshot = true;
            node.AskedAt = time.GetTimestamp();
        }
    }

    private void OnHeartbeat(NodeEntry node, ulong version, PresenceHeartbeat heartbeat)
    {
        if (!node.Known && version == 0 && heartbeat.Connections == 0)
        {
            node.Known = true; // A node that has just started: its first delta is version 1.
            node.NeedsSnapshot = false;
        }

        var same = node.Known && version == node.Version
            && heartbeat.Digest == node.Digest && heartbeat.Connections == node.Connections.Count;
        if (same)
        {
            node.NeedsSnapshot = false;
        }
        else
        {
            Ask(node);
        }
    }

    private void OnDelta(NodeEntry node, ulong version, PresenceDelta delta)
    {
        if (node.Assembly is { } assembly && version > assembly.Version && !assembly.TryKeep(version, delta))
        {
            node.Assembly = null;
            Ask(node);
        }

        if (!node.Known && version == 1)
        {
            node.Known = true;
            node.Version = 0;
        }

        if (node.Known && version == node.Version + 1)
        {
            Apply(node, version, delta);
        }
        else if (!node.Known || version > node.Version)
        {
            Ask(node);
        }
    }

    private void OnSnapshot(NodeEntry node, ulong version, PresenceSnapshot snapshot)
    {
        if (node.Known && !node.NeedsSnapshot && version <= node.Version)
        {
            return; // Another replica asked for it; here it says what is known.
        }

        if (node.Assembly?.Version != version)
        {
            node.Assembly = new SnapshotAssembly(version);
        }

        node.NeedsSnapshot = true;
        node.AskedAt = time.GetTimestamp();
        if (!node.Assembly.Add(snapshot))
        {
            return;
        }

        var complete = node.Assembly;
        // What a node brings that this replica has never known is not news to the rooms, only to this replica.
        var wasMuted = changes.Muted;
        changes.Muted = wasMuted || (!node.Known && !node.Expired);
        map.Replace(node, complete.Connections, complete.Watched, complete.Auditoriums);
        changes.Muted = wasMuted;
        if (!wasMuted && !node.Known)
        {
            ReviewFor(node);
        }

        (node.Version, node.Known, node.Expired) = (version, true, false);
        (node.NeedsSnapshot, node.AskedAt, node.Assembly) = (false, null, null);
        LastAddition = time.GetTimestamp();
        foreach (var (later, delta) in complete.Meanwhile)
        {
            OnDelta(node, later, delta);
        }
    }

    // While the node was not in the picture, it was not told who came and went in its rooms, nor of whom its sessions watch.
    private void ReviewFor(NodeEntry node)
    {
        foreach (var room in node.Connections.Values.SelectMany(connection => connection.Rooms))
        {
            changes.Review(room.RoomId);
        }

        foreach (var userId in node.Watched)
        {
            changes.ReviewUser(userId);
        }
    }

    private void Apply(NodeEntry node, ulong version, PresenceDelta delta)
    {
        foreach (var change in delta.Changes)
        {
            switch (change.ChangeCase)
            {
                case PresenceChange.ChangeOneofCase.Opened:
                    map.Open(node, change.ConnectionId, change.Opened.UserId, change.Opened.Username);
                    break;
                case PresenceChange.ChangeOneofCase.Closed:
                    map.Close(node, change.ConnectionId);
                    break;
                case PresenceChange.ChangeOneofCase.Entered:
                    map.Enter(node, change.ConnectionId, change.Entered);
                    break;
                case PresenceChange.ChangeOneofCase.Left:
                    map.Leave(node, change.ConnectionId, change.Left);
                    break;
                case PresenceChange.ChangeOneofCase.Away:
                    map.SetAway(node, change.ConnectionId, change.Away);
                    break;
                case PresenceChange.ChangeOneofCase.Focused:
                    node.SetFocus(change.ConnectionId, change.Focused);
                    break;
                case PresenceChange.ChangeOneofCase.Watched:
                    map.Watch(node, change.Watched);
                    break;
                case PresenceChange.ChangeOneofCase.Unwatched:
                    map.Unwatch(node, change.Unwatched);
                    break;
                case PresenceChange.ChangeOneofCase.Auditorium:
                    map.MarkAuditorium(node, change.Auditorium);
                    break;
                case PresenceChange.ChangeOneofCase.NoAuditorium:
                    map.UnmarkAuditorium(node, change.NoAuditorium);
                    break;
                case PresenceChange.ChangeOneofCase.Review:
                    changes.Review(change.Review);
                    break;
            }
        }

        node.Version = version;
    }

    private void Expire(NodeEntry node)
    {
        if (!node.Expired)
        {
            map.Clear(node, time.GetElapsedTime(node.LastHeard));
            (node.Expired, node.Known, node.Version) = (true, false, 0);
            (node.NeedsSnapshot, node.AskedAt, node.Assembly) = (false, null, null);
        }
    }

    private void Ask(NodeEntry node)
    {
        node.NeedsSnapshot = true;
        if (node.AskedAt is not { } askedAt || time.GetElapsedTime(askedAt) >= AskAgain)
        {
            node.AskedAt = time.GetTimestamp();
            ToAsk.Add(node.NodeId);
        }
    }
}
