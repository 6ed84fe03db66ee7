using Tertulia.Load.Traffic;
using Tertulia.Testing;

namespace Tertulia.Load.Growing;

/// <summary>One point of a curve: what is run, and where it stands on the axis.</summary>
/// <param name="X">On the axis.</param>
/// <param name="Shape">Clients and rooms.</param>
/// <param name="Rate">Messages a second; 0 for connections that do nothing.</param>
internal sealed record CurvePoint(double X, CrowdShape Shape, double Rate);

/// <summary>How cost grows with one thing while the others stay.</summary>
/// <param name="Name">On the command line and of the files.</param>
/// <param name="Title">Of the plot.</param>
/// <param name="Axis">What grows, with its unit.</param>
/// <param name="Per">What the slope of its fit is per.</param>
/// <param name="Unit">Of the axis, in units of <paramref name="Per"/>: the fit's x is X / Unit.</param>
/// <param name="Points">From small to large.</param>
internal sealed record Curve(string Name, string Title, string Axis, string Per, double Unit, IReadOnlyList<CurvePoint> Points)
{
    private const int TextBytes = 100;

    // A process may hold 20,000 descriptors where this is usually run, and needs some for itself.
    private const int ConnectionsPerProcess = 19_000;
    private const double ManyConnections = 50_000;
    private static readonly double[] Members = [2, 5, 10, 30, 100, 300, 1000];
    private static readonly double[] Rooms = [1, 10, 100, 1000, 10_000];
    private static readonly double[] Rates = [25, 50, 100, 200, 400, 800];
    private static readonly double[] Payloads = [100, 300, 1024, 2048, 4096, 8192];

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Curve> All { get; } =
    [
        new("members", "Members per room: about 1,000 clients, 40 messages/s", "members per room", "member", 1,
            [.. Members.Select(members => new CurvePoint(members, new CrowdShape((int)(1000 / (int)members * members), 1000 / (int)members, TextBytes), 40))]),
        new("rooms", "Rooms of two: up to 2,000 clients, up to 20 rooms each, 500 messages/s", "rooms", "1,000 rooms", 1000,
            [.. Rooms.Select(rooms => new CurvePoint(rooms, RoomsOfTwo((int)rooms), 500))]),
        new("nodes", "Connection nodes: 400 clients in rooms of 100, 200 messages/s", "connection nodes", "node", 1,
            [.. Enumerable.Range(1, 4).Select(nodes => new CurvePoint(nodes, new CrowdShape(400, 4, TextBytes), 200))]),
        new("connections", "Idle connections: rooms of 10, a WebSocket ping every 25 s each", "connections", "1,000 connections", 1000,
            [.. ((double[])[1000, 5000, 10_000, ConnectionsPerProcess, ManyConnections]).Select(count => new CurvePoint(count, new CrowdShape((int)count, (int)count / 10, TextBytes), 0))]),
        new("payload", "Text of a message: 100 clients in rooms of 10, 200 messages/s", "bytes of text", "KiB", 1024,
            [.. Payloads.Select(bytes => new CurvePoint(bytes, new CrowdShape(100, 10, (int)bytes), 200))]),
        new("rate", "Messages a second: 500 clients in rooms of 10", "messages/s", "message/s", 1,
            [.. Rates.Select(rate => new CurvePoint(rate, new CrowdShape(500, 50, TextBytes), rate))]),
    ];

    /// <summary>What every process is warmed with: as many messages a second as make .NET compile its busiest code for good.</summary>
    public static CurvePoint WarmUp { get; } = new(0, new CrowdShape(200, 20, TextBytes), 400);

    /// <summary>Whether the connections do nothing.</summary>
    public bool IsIdle => Points[0].Rate == 0;

    /// <summary>Whether every point has processes of its own.</summary>
    public bool IsRestarted => Name == "nodes";

    /// <summary>Contenders that it is measured of.</summary>
    public IReadOnlyList<string> Contenders => IsRestarted ? ["cluster"] : ["allinone", "cluster"];

    /// <summary>Whether a point can be measured of a contender: one process has descriptors for only so many.</summary>
    public bool Fits(CurvePoint point, string contender) => contender == "cluster" || point.Shape.Clients <= ConnectionsPerProcess;

    /// <summary>Processes for a point: gateways enough for the descriptors of the largest.</summary>
    public ClusterLayout Layout(CurvePoint point, ClusterLayout layout) => layout with
    {
        Connections = IsRestarted ? (int)point.X : layout.Connections,
        Gateways = IsIdle ? (int)Math.Ceiling(Points.Max(each => each.Shape.Clients) / (double)ConnectionsPerProcess) : layout.Gateways,
    };

    /// <summary>Fewer points, for a look: every second one.</summary>
    public Curve Thinned() => this with { Points = [.. Points.Where((_, number) => number % 2 == 0 && !(IsIdle && number > 2))] };

    private static CrowdShape RoomsOfTwo(int rooms)
    {
        const int MostClients = 2000;
        var clients = Math.Min(2 * rooms, MostClients);
        return new CrowdShape(clients, rooms, TextBytes, 2 * rooms / clients);
    }
}
