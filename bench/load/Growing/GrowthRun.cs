using System.Globalization;
using Tertulia.Load.Contenders;
using Tertulia.Load.Measuring;
using Tertulia.Load.Traffic;
using Tertulia.Load.Wire;

namespace Tertulia.Load.Growing;

/// <summary>How long the parts of a curve take.</summary>
internal sealed record GrowthPace(TimeSpan WarmUp, TimeSpan LeadIn, TimeSpan Window, TimeSpan Idle)
{
    /// <summary>Idle connections are watched for one interval of their pings, so that each is sent one.</summary>
    public static GrowthPace Normal { get; } = new(TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(25));

    /// <summary>For a look.</summary>
    public static GrowthPace Quick { get; } = new(TimeSpan.FromSeconds(4), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(6));
}

/// <summary>Measures points of one curve against a contender that has been started for them.</summary>
internal sealed class GrowthRun(Curve curve, Contender contender, int nodes, GrowthPace pace, Action<string> say, CancellationToken cancellationToken) : IDisposable
{
    private static readonly TimeSpan OpenWithin = TimeSpan.FromSeconds(180);

    // Joining and leaving cost too, and go on for a while after the last client is in or out: everybody is told.
    private const double CalmCores = 0.15;
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan CalmWithin = TimeSpan.FromSeconds(6);
    private static readonly TimeSpan BeforeIdle = TimeSpan.FromSeconds(4);
    private readonly ServerWatch _watch = new(contender);
    private IdleCrowds? _idle;
    private int _crowds;

    /// <summary>Traffic for a while, so that code is compiled and pools are filled.</summary>
    public void WarmUp()
    {
        using var crowd = Open(Curve.WarmUp.Shape);
        crowd.Send(Curve.WarmUp.Rate, pace.WarmUp);
        crowd.Settle(pace.LeadIn, pace.LeadIn);
    }

    /// <summary>Measures one point.</summary>
    public GrowthPoint Measure(CurvePoint point, string name)
    {
        var blank = new GrowthPoint(curve.Name, name, point.X, point.Shape, nodes, null, null, new Dictionary<string, long>());
        return curve.IsIdle ? MeasureIdle(point, blank) : MeasureTraffic(point, blank);
    }

    public void Dispose() => _idle?.Dispose();

    private GrowthPoint MeasureTraffic(CurvePoint point, GrowthPoint blank)
    {
        using var crowd = Open(point.Shape);
        BecomeCalm(crowd);
        crowd.Send(point.Rate, pace.LeadIn);
        var window = _watch.Measure(crowd, point.Rate, pace.Window);
        say(string.Create(CultureInfo.InvariantCulture,
            $"    {point.X,8:0} {curve.Axis}  {window.CpuMicrosPerMessage,8:0} µs/message  {window.CpuMicrosPerDelivery,7:0.0} µs/delivery  p50 {window.Latency?.P50:0.0} p99 {window.Latency?.P99:0.0} ms  {(window.IsClean ? "" : "NOT CLEAN " + string.Join("; ", window.Complaints))}"));
        return blank with { Window = window, ResidentBytes = contender.ResidentBytes() };
    }

    private GrowthPoint MeasureIdle(CurvePoint point, GrowthPoint blank)
    {
        _idle ??= new IdleCrowds(curve.Points[^1].Shape.Clients, contender.Ports, OpenWithin);
        _idle.Open(point.Shape.Clients);
        Thread.Sleep(BeforeIdle);
        var (from, before) = (Loop.Now, contender.CpuSeconds());
        cancellationToken.WaitHandle.WaitOne(pace.Idle);
        cancellationToken.ThrowIfCancellationRequested();
        var (until, after) = (Loop.Now, contender.CpuSeconds());
        _idle.ExpectAll();
        var idle = new IdleWindow(Math.Round((until - from) / 1e9, 3), ServerWatch.Subtract(after, before));
        var measured = blank with { Idle = idle, ResidentBytes = contender.ResidentBytes() };
        say(string.Create(CultureInfo.InvariantCulture, $"    {point.X,8:0} {curve.Axis}  {idle.CoresUsed:0.0%} of a core  {measured.ResidentMebibytes:0} MiB"));
        return measured;
    }

    private void BecomeCalm(Crowd crowd)
    {
        var deadline = Loop.Now + CalmWithin.Ticks * 100;
        double cores;
        do
        {
            var (from, before) = (Loop.Now, contender.CpuSeconds());
            crowd.Idle(LookEvery);
            cores = ServerWatch.Subtract(contender.CpuSeconds(), before).Values.Sum() / ((Loop.Now - from) / 1e9);
        }
        while (cores > CalmCores && Loop.Now < deadline);
    }

    private Crowd Open(CrowdShape shape)
    {
        var crowd = new Crowd(shape, contender.Dialect, contender.Ports, new CrowdIdentity($"{curve.Name}{++_crowds}"), cancellationToken);
        try
        {
            crowd.Open(OpenWithin);
            return crowd;
        }
        catch
        {
            crowd.Dispose();
            throw;
        }
    }
}
