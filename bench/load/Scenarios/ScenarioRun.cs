using System.Globalization;
using Tertulia.Load.Contenders;
using Tertulia.Load.Measuring;
using Tertulia.Load.Profiling;
using Tertulia.Load.Traffic;
using Tertulia.Load.Wire;

namespace Tertulia.Load.Scenarios;

/// <summary>Runs one scenario against one contender that has been started for it.</summary>
/// <param name="known">Of a ramp and a check: the highest rate that earlier repeats found; null when there are none.</param>
/// <param name="profileFolder">Where samples are kept during the run; null takes none.</param>
internal sealed class ScenarioRun(
    Scenario scenario, Contender contender, Pace pace, double? known, string? profileFolder, Action<string> say, CancellationToken cancellationToken)
{
    /// <summary>Messages a second at least while everything warms up: with fewer, .NET would still be compiling while it is measured.</summary>
    public const double WarmRate = 400;

    private const double MaxP99 = 200;

    // Steps of a search from nothing, and from what earlier repeats found.
    private const double FirstGrowth = 2;
    private const double LaterGrowth = 1.25;
    private const double StartBelowKnown = 0.8;
    private const int MaxSteps = 20;

    // The search ends when the highest rate that holds and the lowest that does not are this close.
    private const double CloseEnough = 1.12;
    private static readonly TimeSpan OpenWithin = TimeSpan.FromSeconds(120);
    private const double ConnectionsPerSecond = 250;
    private static readonly TimeSpan StarvedOpenWithin = TimeSpan.FromSeconds(60);

    // What is late is not lost; what has not come after this is.
    private static readonly TimeSpan StarvedSettleWithin = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ProfilerStart = TimeSpan.FromSeconds(1);

    /// <summary>Of idle connections: how many are open before the first look, so that code and pools are there already.</summary>
    private const int IdleBase = 500;

    private readonly ServerWatch _watch = new(contender);
    private int _crowds;

    /// <summary>What the samples say, when they were wanted.</summary>
    public Profile? Profile { get; private set; }

    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public Measurement Run(int repeat)
    {
        var shape = scenario.Shape;
        var blank = new Measurement(scenario.Name, "", repeat, DateTimeOffset.UtcNow, shape.Clients, shape.Rooms, shape.TextBytes, null, null, null);
        switch (scenario.Course)
        {
            case Course.Idle:
                return blank with { Idle = RunIdle() };
            case Course.Steady:
                using (var crowd = NewCrowd(scenario.Rate))
                {
                    return blank with { Window = profileFolder is null ? _watch.Measure(crowd, scenario.Rate, pace.Window) : MeasureProfiled(crowd) };
                }

            case Course.Cold:
                return RunCold(blank);
            case Course.Starved:
                using (var crowd = NewCrowdAtOnce(StarvedOpenWithin))
                {
                    return blank with { Window = _watch.Measure(crowd, ColdRates, pace.Starved, StarvedSettleWithin, StarvedSettleWithin) };
                }

            case Course.Check:
                var checking = new HistoryRun(contender, shape, pace, cancellationToken);
                return checking.Run(known ?? scenario.Rate, blank);
            default:
                var steps = Ramp();
                return blank with { Steps = steps, Window = steps.Where(Holds).MaxBy(step => step.OfferedRate) };
        }
    }

    private static bool Holds(Window window) => window.IsClean && window.Latency?.P99 < MaxP99;

    /// <summary>Everybody in their rooms, and everything warm.</summary>
    private Crowd NewCrowd(double rate)
    {
        var crowd = new Crowd(
            scenario.Shape, contender.Dialect, contender.Ports, new CrowdIdentity($"room{++_crowds}"), cancellationToken);
        try
        {
            crowd.Open(OpenWithin);
            crowd.Send(Math.Max(rate, WarmRate), scenario.Course == Course.Ramp ? pace.RampWarmUp : pace.WarmUp);
            crowd.Send(rate, pace.LeadIn);
            return crowd;
        }
        catch
        {
            crowd.Dispose();
            throw;
        }
    }

    // As when a process has just been deployed: everybody comes back at once, and nothing waits until it is warm.
    private double[] ColdRates => [scenario.Rate, 2 * scenario.Rate];

    private Measurement RunCold(Measurement blank)
    {
        using var crowd = NewCrowdAtOnce(OpenWithin);
        var cold = _watch.Measure(crowd, ColdRates, pace.Cold, ServerWatch.SettleWithin, ServerWatch.GiveUpAfter);
        crowd.Send(WarmRate, pace.WarmUp);
        crowd.Send(scenario.Rate, pace.LeadIn);
        return blank with { Window = cold, Steady = _watch.Measure(crowd, ColdRates, pace.Cold, ServerWatch.SettleWithin, ServerWatch.GiveUpAfter) };
    }

    private Crowd NewCrowdAtOnce(TimeSpan within)
    {
        var crowd = new Crowd(scenario.Shape, contender.Dialect, contender.Ports, new CrowdIdentity($"room{++_crowds}"), cancellationToken);
        try
        {
            crowd.Open(scenario.Shape.Clients, within, ConnectionsPerSecond);
            return crowd;
        }
        catch
        {
            crowd.Dispose();
            throw;
        }
    }

    private IdleCost RunIdle()
    {
        using var crowd = new Crowd(scenario.Shape, contender.Dialect, contender.Ports, new CrowdIdentity(), cancellationToken);
        var clients = scenario.Shape.Clients;
        var first = Math.Min(IdleBase, clients / 2);
        crowd.Open(first, OpenWithin);
        crowd.Idle(pace.Settle);
        var before = contender.ResidentBytes();
        crowd.Open(clients, OpenWithin);
        var (openedAt, atOnce) = (Loop.Now, contender.ResidentBytes());
        crowd.Idle(pace.Settle);

        var (from, cpuBefore) = (Loop.Now, contender.CpuSeconds());
        crowd.Idle(pace.Idle);
        var (until, cpuAfter) = (Loop.Now, contender.CpuSeconds());
        crowd.Idle(pace.IdleLater - TimeSpan.FromTicks((until - openedAt) / 100));
        var after = contender.ResidentBytes();
        if (crowd.Tally.Disconnects > 0)
        {
            throw new InvalidOperationException($"{crowd.Tally.Disconnects} idle connections were closed: {string.Join("; ", crowd.Tally.Complaints)}");
        }

        Dictionary<string, double> PerConnection(Dictionary<string, long> resident) =>
            resident.ToDictionary(process => process.Key, process => Math.Round((double)(process.Value - before[process.Key]) / (clients - first)));
        return new IdleCost(
            clients,
            PerConnection(atOnce),
            PerConnection(after),
            after,
            Math.Round(ServerWatch.Subtract(cpuAfter, cpuBefore).Values.Sum() / ((until - from) / 1e9), 4));
    }

    /// <summary>Up by a factor until a step fails twice, then between the two until they are close.</summary>
    private List<Window> Ramp()
    {
        var search = new RateSearch(known is { } rate ? rate * StartBelowKnown : scenario.Rate, known is null ? FirstGrowth : LaterGrowth, CloseEnough);
        List<Window> steps = [];
        var crowd = NewCrowd(search.Next);
        try
        {
            while (!search.IsDone && steps.Count < MaxSteps)
            {
                if (crowd.Tally.Disconnects > 0)
                {
                    // The server gave clients up, as it may when they are far behind: go on with new ones.
                    crowd.Dispose();
                    crowd = NewCrowd(search.Next / 2);
                    crowd.Settle(pace.Step, pace.Step);
                }

                crowd.Send(search.Next, pace.Step / 3);
                var step = _watch.Measure(crowd, search.Next, pace.Step);
                steps.Add(step);
                say(string.Create(CultureInfo.InvariantCulture,
                    $"    {step.OfferedRate,8:0} msg/s  {step.DeliveriesPerSecond,9:0} deliveries/s  p99 {step.Latency?.P99,8:0.0} ms  {step.CoresUsed:0.00} cores  generator {step.GeneratorBusy:0%}  {(Holds(step) ? "holds" : "fails")}"));
                search.Tell(Holds(step));
                crowd.Tally.Forget();
            }

            return steps;
        }
        finally
        {
            crowd.Dispose();
        }
    }

    private Window MeasureProfiled(Crowd crowd)
    {
        using var sampling = new Sampling(contender.Processes, profileFolder!);
        crowd.Send(scenario.Rate, ProfilerStart);
        var window = _watch.Measure(crowd, scenario.Rate, pace.Window);
        Profile = sampling.Stop(window);
        return window;
    }
}
