using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Tertulia.Messages.Retaining;

/// <summary>Rooms whose messages are kept for so many days.</summary>
public sealed class RetentionOptions
{
    internal const string Section = "Messages:Retention";

    /// <summary>Time between two looks at the rooms: a message is gone at most so much later than its room says.</summary>
    /// <value>1 second to 1 day; default 10 minutes.</value>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan Interval { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>Entries that are looked at, or emptied, in one step; sending waits for one step at most.</summary>
    /// <value>10 to 2 000; default 200.</value>
    [Range(10, 2_000)]
    public int StepEntries { get; set; } = 200;
}

[OptionsValidator]
internal sealed partial class RetentionOptionsValidator : IValidateOptions<RetentionOptions>;
