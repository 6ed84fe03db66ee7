using System.Globalization;
using Tertulia.Load.Contenders;
using Tertulia.Load.Measuring;
using Tertulia.Load.Traffic;
using Tertulia.Load.Wire;

namespace Tertulia.Load.Scenarios;

/// <summary>Runs one scenario against one contender that has been started for it.</summary>
/// <param name="profileFolder">Where samples are kept during the run; null takes none.</param>
internal sealed class ScenarioRun(
    Scenario scenario, Contender contender, Pace pace, string? profileFolder, Action<string> say, CancellationToken cancellationToken)
{
    private const double MaxP99 = 200;
    private const double Growth = 1.5;
    private const int MaxSteps = 14;

    // The search ends when the highest rate that holds and the lowest that does not are this close.
    private const double CloseEnough = 1.06;
    private static readonly TimeSpan OpenWithin = TimeSpan.FromSeconds(120);
    private static readonly TimeSpan ProfilerStart = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan SettleWithin = TimeSpan.FromSeconds(10);

    /// <summary>Of idle connections: how many are open before the first look, so that code and pools are there already.</summary>
    private const int IdleBase = 500;

    /// <summary>What the samples say, when they were wanted.</summary>
    public string? Profile { get; private set; }

    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public Measurement Run(int repeat)
    {
        var startedAt = DateTimeOffset.UtcNow;
        var shape = scenario.Shape;
        using var crowd = new Crowd(shape, contender.Dialect, contender.Ports, cancellationToken);
        var blank = new Measurement(scenario.Name, "", repeat, startedAt, shape.Clients, shape.Rooms, shape.TextBytes, null, null, null);
        switch (scenario.Course)
        {
            case Course.Idle:
                return blank with { Idle = RunIdle(crowd) };
            case Course.Steady:
                crowd.Open(shape.Clients, OpenWithin);
                crowd.Send(scenario.Rate, pace.WarmUp);
                return blank with { Window = profileFolder is null ? Measure(crowd, scenario.Rate, pace.Window) : MeasureProfiled(crowd) };
            default:
                crowd.Open(shape.Clients, OpenWithin);
                crowd.Send(scenario.Rate, pace.WarmUp);
                var steps = Ramp(crowd);
                return blank with { Steps = steps, Window = steps.Where(Holds).MaxBy(step => step.OfferedRate) };
        }
    }

    private static bool Holds(Window window) => window.IsClean && window.Latency?.P99 < MaxP99;

    private IdleCost RunIdle(Crowd crowd)
    {
        var clients = scenario.Shape.Clients;
        var first = Math.Min(IdleBase, clients / 2);
        crowd.Open(first, OpenWithin);
        crowd.Idle(pace.Idle / 3);
        var before = contender.ResidentBytes();
        crowd.Open(clients, OpenWithin);
        crowd.Idle(pace.Idle / 3);

        var (from, cpuBefore) = (Loop.Now, contender.CpuSeconds());
        crowd.Idle(pace.Idle);
        var (until, cpuAfter) = (Loop.Now, contender.CpuSeconds());
        var after = contender.ResidentBytes();
        if (crowd.Tally.Disconnects > 0)
        {
            throw new InvalidOperationException($"{crowd.Tally.Disconnects} idle connections were closed: {string.Join("; ", crowd.Tally.Complaints)}");
        }

        return new IdleCost(
            clients,
            after.ToDictionary(process => process.Key, process => Math.Round((double)(process.Value - before[process.Key]) / (clients - first))),
            after,
            Math.Round(Subtract(cpuAfter, cpuBefore).Values.Sum() / ((until - from) / 1e9), 4));
    }

    /// <summary>Up by a factor until a step fails, then between the two until they are close.</summary>
    private List<Window> Ramp(Crowd crowd)
    {
        List<Window> steps = [];
        double? holds = null;
        double? fails = null;
        var rate = scenario.Rate;
        while (steps.Count < MaxSteps && !(fails / holds < CloseEnough) && crowd.Tally.Disconnects == 0)
        {
            crowd.Send(rate, pace.Step / 3);
            var step = Measure(crowd, rate, pace.Step);
            steps.Add(step);
            say(string.Create(CultureInfo.InvariantCulture,
                $"    {rate,8:0} msg/s  {step.DeliveriesPerSecond,9:0} deliveries/s  p99 {step.Latency?.P99,8:0.0} ms  generator {step.GeneratorBusy:0%}  {(Holds(step) ? "holds" : "fails")}"));
            if (Holds(step))
            {
                holds = rate;
            }
            else
            {
                fails = rate;
                crowd.Settle(SettleWithin);
                crowd.Tally.Forget();
            }

            rate = (holds, fails) switch
            {
                (null, { } bad) => bad / 2,
                ({ } good, null) => good * Growth,
                ({ } good, { } bad) => Math.Sqrt(good * bad),
                _ => rate,
            };
        }

        return steps;
    }

    private Window MeasureProfiled(Crowd crowd)
    {
        using var profile = new Profile(contender.Processes, profileFolder!);
        crowd.Send(scenario.Rate, ProfilerStart);
        var window = Measure(crowd, scenario.Rate, pace.Window);
        Profile = profile.Stop();
        return window;
    }

    private Window Measure(Crowd crowd, double rate, TimeSpan duration)
    {
        var tally = crowd.Tally;
        var cpuBefore = contender.CpuSeconds();
        var (start, busy) = (Loop.Now, crowd.Busy);
        tally.OpenWindow(start);
        crowd.Send(rate, duration);
        var end = Loop.Now;
        tally.CloseWindow(end);
        var seconds = (end - start) / 1e9;
        var generator = (crowd.Busy - busy) / 1e9 / seconds;
        var cpu = Subtract(contender.CpuSeconds(), cpuBefore);
        string[] missing = crowd.Settle(SettleWithin) ? [] : [crowd.DescribeMissing()];
        return new Window(
            rate, Math.Round(seconds, 3), tally.WindowSent, tally.WindowDelivered, Percentiles.Of(tally.Latency), Percentiles.Of(tally.Acknowledgement),
            cpu, tally.Outstanding, tally.Duplicates, tally.Reordered, tally.Disconnects, tally.Errors, [.. tally.Complaints, .. missing],
            Math.Round(generator, 3), Percentiles.Of(tally.Lag));
    }

    private static Dictionary<string, double> Subtract(Dictionary<string, double> after, Dictionary<string, double> before) =>
        after.ToDictionary(process => process.Key, process => Math.Round(process.Value - before[process.Key], 2));
}
