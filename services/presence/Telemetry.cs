using System.Diagnostics.Metrics;

namespace Tertulia.Presence;

/// <summary>The service's metrics.</summary>
internal sealed class Telemetry
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Tertulia.Presence";

    private readonly Gauge<int> _nodes;
    private readonly Gauge<int> _connections;
    private readonly Gauge<int> _users;
    private readonly Gauge<int> _rooms;
    private readonly Counter<long> _reports;
    private readonly Counter<long> _asked;
    private readonly Counter<long> _told;

    public Telemetry(IMeterFactory meters)
    {
        var meter = meters.Create(MeterName);
        _nodes = meter.CreateGauge<int>("tertulia.presence.nodes", "{node}", "Connection nodes in the picture");
        _connections = meter.CreateGauge<int>("tertulia.presence.connections", "{connection}", "Connections in the picture");
        _users = meter.CreateGauge<int>("tertulia.presence.users", "{user}", "Users with at least one connection");
        _rooms = meter.CreateGauge<int>("tertulia.presence.rooms", "{room}", "Rooms with at least one connection");
        _reports = meter.CreateCounter<long>("tertulia.presence.reports", "{report}", "Reports of nodes, heartbeats included");
        _asked = meter.CreateCounter<long>("tertulia.presence.announce_requests", "{request}", "Snapshots asked for because a report was missed or a digest differed");
        _told = meter.CreateCounter<long>("tertulia.presence.changes", "{change}", "Changes told, once for each node");
        foreach (var counter in (Counter<long>[])[_reports, _asked, _told])
        {
            counter.Add(0); // The first one is a change, too: without a zero before it no rate sees it. Nor does an alert see that there are no reports.
        }
    }

    public void Picture(int nodes, int connections, int users, int rooms)
    {
        _nodes.Record(nodes);
        _connections.Record(connections);
        _users.Record(users);
        _rooms.Record(rooms);
    }

    public void Reported() => _reports.Add(1);

    public void Asked() => _asked.Add(1);

    public void Told(int changes) => _told.Add(changes);
}
