using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Tertulia.Notifications.Jobs;

/// <summary>Jobs: pushes and webhooks that are waiting to be done.</summary>
public sealed class JobsOptions
{
    internal const string Section = "Jobs";

    /// <summary>Jobs of one kind that one replica does at the same time.</summary>
    /// <value>1 to 256; default 16.</value>
    [Range(1, 256)]
    public int Concurrency { get; set; } = 16;

    /// <summary>Attempts after a failure that is not the other side's, such as a store that does not answer, before a job goes to the error queue. The pauses
    /// grow from a fifth of a second to ten seconds.</summary>
    /// <value>0 to 10; default 5.</value>
    [Range(0, 10)]
    public int Retries { get; set; } = 5;

    /// <summary>How often a replica looks for jobs that are due. What it decides itself it begins at once.</summary>
    /// <value>100 milliseconds to 10 seconds; default half a second.</value>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:00:10")]
    public TimeSpan LookEvery { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>After this time without a result a job is given out again: its process is gone, or the broker lost it.</summary>
    /// <value>30 seconds to 1 hour; default 2 minutes.</value>
    [Range(typeof(TimeSpan), "00:00:30", "01:00:00")]
    public TimeSpan Lease { get; set; } = TimeSpan.FromMinutes(2);
}

[OptionsValidator]
internal sealed partial class JobsOptionsValidator : IValidateOptions<JobsOptions>;
