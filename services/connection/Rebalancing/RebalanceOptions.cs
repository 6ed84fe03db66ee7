using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Tertulia.Connections.Rebalancing;

/// <summary>How a node that has more than its share of the connections lets some go, after others were added.</summary>
public sealed class RebalanceOptions
{
    internal const string Section = "Rebalance";

    /// <summary>Whether clients are moved at all.</summary>
    /// <value>Default true.</value>
    public bool Enabled { get; set; } = true;

    /// <summary>Part of its share that a node may have on top of it. Above it, clients are moved until it has its share.</summary>
    /// <value>0.02 to 10; default 0.1: ten percent.</value>
    [Range(0.02, 10)]
    public double Tolerance { get; set; } = 0.1;

    /// <summary>Connections below which a node moves none, however few the others have.</summary>
    /// <value>2 to 1,000,000; default 500.</value>
    [Range(2, 1_000_000)]
    public int Least { get; set; } = 500;

    /// <summary>Connections that a node moves in a second at most, in percent of those that it has. 500 a second are never exceeded.</summary>
    /// <value>0.1 to 100; default 1.</value>
    [Range(0.1, 100)]
    public double PercentPerSecond { get; set; } = 1;

    /// <summary>Time in which no node has come, gone or begun to leave, and this one has had too many, before it moves the first.</summary>
    /// <value>0 seconds to 1 hour; default 10 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan After { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How often the nodes tell each other how many connections they have. One that was silent three times as long does not count. Give every node the same value.</summary>
    /// <value>200 milliseconds to 1 minute; default 5 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:00.200", "00:01:00")]
    public TimeSpan Interval { get; set; } = TimeSpan.FromSeconds(5);
}

[OptionsValidator]
internal sealed partial class RebalanceOptionsValidator : IValidateOptions<RebalanceOptions>;
