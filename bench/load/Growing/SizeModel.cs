using Tertulia.Load.Fitting;

namespace Tertulia.Load.Growing;

/// <summary>What a deployment is asked to carry.</summary>
/// <param name="Connections">Open at the same time.</param>
/// <param name="MessagesPerSecond">All rooms together.</param>
/// <param name="Members">Who get a message: members of its room who are connected.</param>
/// <param name="TextBytes">Of a message.</param>
internal sealed record Demand(string Name, double Connections, double MessagesPerSecond, double Members, double TextBytes);

/// <summary>CPU and memory of one kind of process, all of its instances together.</summary>
/// <param name="Kind"><c>gateway</c>, <c>connection</c>, …</param>
/// <param name="Cpu">Cores, of <see cref="SizeModel.Terms"/>.</param>
/// <param name="Memory">MiB: at rest, and per 1,000 connections; null when no idle connections were measured.</param>
internal sealed record KindModel(string Kind, Fit Cpu, Fit? Memory)
{
    /// <summary>Cores for a demand.</summary>
    public double Cores(Demand demand, double nodes) => Cpu.At(SizeModel.Terms(
        demand.MessagesPerSecond, demand.MessagesPerSecond * demand.Members, demand.TextBytes, demand.Connections, nodes));

    /// <summary>MiB for a demand.</summary>
    public double Mebibytes(Demand demand) => Memory is null ? 0 : Memory.At(1, demand.Connections / 1000);
}

/// <summary>One formula for all curves of a contender: what rest, messages, deliveries, bytes, nodes and connections cost.</summary>
internal sealed record SizeModel(string Contender, IReadOnlyList<KindModel> Kinds)
{
    // Times are counted in hundredths of a second: below this share of a core only the rounding is seen.
    private const double Floor = 0.02;

    /// <summary>Names of the terms, with the unit of a coefficient and the factor to it from cores.</summary>
    public static IReadOnlyList<(string Name, double Factor, string Format)> TermNames { get; } =
    [
        ("% of a core at rest", 100, "0.0"), ("µs per message", 1e6, "0"), ("µs per message and node", 1e6, "0"), ("µs per delivery", 1e6, "0.00"),
        ("µs per KiB delivered", 1e6, "0.00"), ("% of a core per 1,000 connections", 100, "0.00"),
    ];

    /// <summary>In the order in which a message passes them.</summary>
    private static readonly string[] Order = ["allinone", "gateway", "connection", "rabbitmq", "message", "postgres", "presence"];

    /// <summary>What a coefficient is multiplied with.</summary>
    public static double[] Terms(double messages, double deliveries, double textBytes, double connections, double nodes) =>
        [1, messages, messages * nodes, deliveries, deliveries * textBytes / 1024, connections / 1000];

    /// <summary>Fits all kinds of processes of a contender; null without points.</summary>
    public static SizeModel? Of(string contender, GrowthReport report)
    {
        var points = CurveFit.Usable([.. Curve.All.SelectMany(curve => report.Of(curve, contender))]);
        if (points.Count < TermNames.Count)
        {
            return null;
        }

        var terms = points.Select(TermsOf).ToArray();
        var idle = points.Where(point => point.Idle is not null).ToArray();
        return new SizeModel(contender,
        [
            .. points.SelectMany(point => point.CpuSeconds.Keys).Select(KindOf).Distinct().OrderBy(kind => Array.IndexOf(Order, kind)).Select(kind => new KindModel(
                kind,
                LeastSquares.Solve(terms, [.. points.Select(point => Sum(point.CpuSeconds, kind) / point.Seconds)], Floor),
                idle.Length < 2 ? null : LeastSquares.Solve(
                    [.. idle.Select(point => (double[])[1, point.X / 1000])], [.. idle.Select(point => Sum(point.ResidentBytes, kind) / (1 << 20))]))),
        ]);
    }

    /// <summary><c>connection-2</c> is a <c>connection</c>.</summary>
    public static string KindOf(string process) => process.LastIndexOf('-') is var dash and > 0 ? process[..dash] : process;

    private static double[] TermsOf(GrowthPoint point) => Terms(
        (point.Window?.Messages ?? 0) / point.Seconds, (point.Window?.Deliveries ?? 0) / point.Seconds, point.Shape.TextBytes, point.Shape.Clients,
        Math.Min(point.Nodes, point.Shape.Members));

    private static double Sum(IReadOnlyDictionary<string, double> processes, string kind) =>
        processes.Where(process => KindOf(process.Key) == kind).Sum(process => process.Value);

    private static double Sum(IReadOnlyDictionary<string, long> processes, string kind) =>
        processes.Where(process => KindOf(process.Key) == kind).Sum(process => (double)process.Value);
}
