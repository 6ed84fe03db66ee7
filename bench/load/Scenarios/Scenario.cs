using Tertulia.Load.Traffic;

namespace Tertulia.Load.Scenarios;

/// <summary>What is done with the clients.</summary>
internal enum Course
{
    /// <summary>One rate, one window.</summary>
    Steady,

    /// <summary>The highest rate that holds.</summary>
    Ramp,

    /// <summary>Connections that do nothing.</summary>
    Idle,

    /// <summary>From the start of the processes: nothing is warm, nobody waits for it.</summary>
    Cold,

    /// <summary>As cold, while two busy loops take what they can of the machine.</summary>
    Starved,

    /// <summary>The history checker's rules, at the highest rate that the ramp of the same shape found.</summary>
    Check,
}

/// <summary>One row of the table.</summary>
/// <param name="Name">On the command line.</param>
/// <param name="Title">In the table.</param>
/// <param name="Course">What is done.</param>
/// <param name="Shape">Clients and rooms.</param>
/// <param name="Rate">Messages a second; of a ramp, where it begins; of cold and starved, of the first half, the second has twice as many.</param>
internal sealed record Scenario(string Name, string Title, Course Course, CrowdShape Shape, double Rate)
{
    private const int TextBytes = 100;

    /// <summary>All of them, in the order of the table.</summary>
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new("fanout", "Fan-out", Course.Steady, new CrowdShape(500, 5, TextBytes), 400),
        new("small-rooms", "Small rooms", Course.Steady, new CrowdShape(2000, 1000, TextBytes), 1000),
        new("latency", "Latency", Course.Steady, new CrowdShape(200, 20, TextBytes), 100),
        new("idle", "Idle connections", Course.Idle, new CrowdShape(10_000, 1000, TextBytes), 0),
        new("cold", "Cold", Course.Cold, new CrowdShape(500, 5, TextBytes), 50),
        new("starved", "Starved", Course.Starved, new CrowdShape(500, 5, TextBytes), 50),
        new("ramp-fanout", "Highest rate, fan-out", Course.Ramp, new CrowdShape(500, 5, TextBytes), 400),
        new("ramp-small-rooms", "Highest rate, small rooms", Course.Ramp, new CrowdShape(2000, 1000, TextBytes), 1000),
        new("check-fanout", "History checker, fan-out", Course.Check, new CrowdShape(500, 5, TextBytes), 0),
        new("check-small-rooms", "History checker, small rooms", Course.Check, new CrowdShape(2000, 1000, TextBytes), 0),
    ];

    /// <summary>Of a check: the ramp whose rate it runs at.</summary>
    public string Ramp => "ramp-" + Name[(Name.IndexOf('-', StringComparison.Ordinal) + 1)..];

    /// <summary>Whether it says anything about a contender: only Tertulia has a history, and its cold and starved rows are held against itself.</summary>
    public bool IsFor(string contender) => Course is not (Course.Check or Course.Cold or Course.Starved) || contender is "allinone" or "cluster";
}

/// <summary>How long things take.</summary>
/// <param name="WarmUp">Traffic before anything is measured. Not shorter: .NET compiles its busiest code several times, each time in the background; after 8 seconds that was a fifth of a gateway's CPU.</param>
/// <param name="RampWarmUp">The same for a ramp, whose own steps are what warms most.</param>
/// <param name="LeadIn">After it, at the rate that is measured.</param>
/// <param name="Window">What is measured. 10 seconds of the latency scenario are 10,000 deliveries, 100 of them beyond the 99th percentile.</param>
/// <param name="Step">The same for each rate of a ramp.</param>
/// <param name="Settle">Before each look at idle connections.</param>
/// <param name="Idle">How long idle connections are watched: Tertulia and socket.io send each of them a ping every 25 seconds.</param>
/// <param name="IdleLater">From the moment in which all idle connections are there to the second look at the memory.</param>
/// <param name="Cold">Each of the two rates of the cold row, right after the start: both together are its first 10 seconds.</param>
/// <param name="Starved">The same of the starved row.</param>
internal sealed record Pace(
    TimeSpan WarmUp, TimeSpan RampWarmUp, TimeSpan LeadIn, TimeSpan Window, TimeSpan Step, TimeSpan Settle, TimeSpan Idle, TimeSpan IdleLater, TimeSpan Cold, TimeSpan Starved)
{
    /// <summary>For figures.</summary>
    public static Pace Normal { get; } = new(
        TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(7), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(25),
        TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(15));

    /// <summary>For a look.</summary>
    public static Pace Quick { get; } = new(
        TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(4), TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(8),
        TimeSpan.FromSeconds(15), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(8));
}
