using System.ComponentModel.DataAnnotations;

namespace Tertulia.Hosting;

/// <summary>How a process leaves.</summary>
public sealed class DrainOptions
{
    internal const string Section = "Drain";

    /// <summary>Longest time between SIGTERM and the exit: clients are moved, work in flight is finished.</summary>
    /// <value>0 seconds to 1 hour; default 60 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan Grace { get; set; } = TimeSpan.FromSeconds(60);
}
