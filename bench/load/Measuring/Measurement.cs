namespace Tertulia.Load.Measuring;

/// <summary>Percentiles in milliseconds.</summary>
internal sealed record Percentiles(double P50, double P90, double P99, double P999, double Max)
{
    /// <summary>Null when nothing was recorded.</summary>
    public static Percentiles? Of(Histogram histogram) => histogram.Count == 0 ? null : new(
        Round(histogram.Milliseconds(0.5)), Round(histogram.Milliseconds(0.9)), Round(histogram.Milliseconds(0.99)),
        Round(histogram.Milliseconds(0.999)), Round(histogram.Max / 1e6));

    private static double Round(double milliseconds) => Math.Round(milliseconds, 3);
}

/// <summary>One window at one rate.</summary>
/// <param name="OfferedRate">Messages a second by the schedule.</param>
/// <param name="Seconds">Length of the window.</param>
/// <param name="Messages">Messages that were due in the window.</param>
/// <param name="Deliveries">Deliveries that arrived in the window.</param>
/// <param name="Latency">From the scheduled time of a message to each arrival.</param>
/// <param name="Acknowledgement">From the scheduled time to the sender's acknowledgement; null where the server gives none.</param>
/// <param name="CpuSeconds">User and system time of each server process and its children in the window.</param>
/// <param name="Lost">Deliveries that never arrived, of the whole run so far.</param>
/// <param name="Duplicates">Deliveries that arrived again.</param>
/// <param name="Reordered">Deliveries out of order.</param>
/// <param name="Disconnects">Connections that the server closed.</param>
/// <param name="Errors">Errors that the server answered.</param>
/// <param name="Complaints">The first few of both.</param>
/// <param name="GeneratorBusy">Share of one core that the generator worked in the window.</param>
/// <param name="GeneratorLag">From the scheduled time to the sending.</param>
internal sealed record Window(
    double OfferedRate, double Seconds, long Messages, long Deliveries, Percentiles? Latency, Percentiles? Acknowledgement,
    IReadOnlyDictionary<string, double> CpuSeconds, long Lost, long Duplicates, long Reordered, long Disconnects, long Errors,
    IReadOnlyList<string> Complaints, double GeneratorBusy, Percentiles? GeneratorLag)
{
    public double DeliveriesPerSecond => Math.Round(Deliveries / Seconds, 1);

    public double CpuMicrosPerDelivery => Math.Round(CpuSeconds.Values.Sum() * 1e6 / Math.Max(1, Deliveries), 2);

    public double CpuMicrosPerMessage => Math.Round(CpuSeconds.Values.Sum() * 1e6 / Math.Max(1, Messages), 1);

    /// <summary>Cores that the servers kept busy.</summary>
    public double CoresUsed => Math.Round(CpuSeconds.Values.Sum() / Seconds, 3);

    /// <summary>Whether what arrived was right, whatever did not.</summary>
    public bool IsOrderly => Duplicates == 0 && Reordered == 0 && Disconnects == 0 && Errors == 0;

    /// <summary>And nothing lost.</summary>
    public bool IsClean => Lost == 0 && IsOrderly;
}

/// <summary>What connections cost that do nothing.</summary>
/// <param name="Connections">Connections that were open.</param>
/// <param name="BytesPerConnectionAtOnce">Growth of the proportional set size from the first connections to the last, by process, as soon as the last is in its room.</param>
/// <param name="BytesPerConnection">The same a minute later.</param>
/// <param name="ResidentBytes">Proportional set size with all of them, by process.</param>
/// <param name="CpuShare">Share of one core that all processes took while all idled.</param>
internal sealed record IdleCost(
    int Connections, IReadOnlyDictionary<string, double> BytesPerConnectionAtOnce, IReadOnlyDictionary<string, double> BytesPerConnection, IReadOnlyDictionary<string, long> ResidentBytes, double CpuShare);

/// <summary>What the history checker said.</summary>
/// <param name="Messages">Messages sent, all rooms together.</param>
/// <param name="Acknowledged">Messages that the server said are durable.</param>
/// <param name="Shown">Deliveries, all clients together.</param>
/// <param name="LeftOut">Deliveries left out for clients that did not keep up, who were told to read them from the history; what the room's first member reads there stands for them.</param>
/// <param name="Read">Messages read back from the history; each room is read by two of its members.</param>
/// <param name="Violations">How many there are; 0 is a pass.</param>
/// <param name="Examples">The first few.</param>
internal sealed record CheckResult(long Messages, long Acknowledged, long Shown, long LeftOut, long Read, int Violations, IReadOnlyList<string> Examples);

/// <summary>One scenario against one contender.</summary>
/// <param name="Steps">Of a ramp: every rate that was tried, in order.</param>
/// <param name="Check">Of a check: its verdict.</param>
/// <param name="Steady">Of the cold row: the same rates when everything is warm.</param>
internal sealed record Measurement(
    string Scenario, string Contender, int Repeat, DateTimeOffset StartedAt, int Clients, int Rooms, int TextBytes,
    Window? Window, IdleCost? Idle, IReadOnlyList<Window>? Steps, CheckResult? Check = null, Window? Steady = null);
