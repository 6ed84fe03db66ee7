using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Tertulia.Connections.Explaining;

/// <summary>How much a node remembers, so that it can be asked why somebody did not see a message.</summary>
public sealed class ExplainOptions
{
    internal const string Section = "Connections:Explain";

    /// <summary>Entries of rooms that a node remembers to have delivered, about 100 bytes each.</summary>
    /// <value>0 (none) to 1 000 000; default 8 192.</value>
    [Range(0, 1_000_000)]
    public int Deliveries { get; set; } = 8_192;

    /// <summary>Connections that left a room which a node remembers, about 200 bytes each.</summary>
    /// <value>0 (none) to 1 000 000; default 4 096.</value>
    [Range(0, 1_000_000)]
    public int Departures { get; set; } = 4_096;

    /// <summary>How long the nodes are given to answer. Nobody knows how many they are, so that each question takes as long.</summary>
    /// <value>50 milliseconds to 10 seconds; default 500 milliseconds.</value>
    [Range(typeof(TimeSpan), "00:00:00.050", "00:00:10")]
    public TimeSpan Patience { get; set; } = TimeSpan.FromMilliseconds(500);
}

[OptionsValidator]
internal sealed partial class ExplainOptionsValidator : IValidateOptions<ExplainOptions>;
