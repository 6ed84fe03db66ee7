namespace Tertulia.Notifications.Jobs;

/// <summary>A job that is given out: a row of the store, under a claim that nobody else has.</summary>
/// <param name="Key">Unique: the same thing is to be done once.</param>
/// <param name="Kind">Which <see cref="IJobHandler"/> does it.</param>
/// <param name="Body">JSON, the handler's.</param>
/// <param name="Version">Grows when the job is decided anew.</param>
/// <param name="Claim">Grows each time it is given out.</param>
/// <param name="Attempts">How often it was put off.</param>
/// <param name="CreatedAt">When it was first decided.</param>
internal sealed record Job(string Key, string Kind, string Body, long Version, long Claim, int Attempts, DateTimeOffset CreatedAt);

/// <summary>What became of a job.</summary>
/// <param name="Outcome">Which of them.</param>
/// <param name="At">With <see cref="JobOutcome.Later"/>: when it is due again.</param>
/// <param name="Error">With <see cref="JobOutcome.Failed"/>: why, for the operator; no contents, no secrets.</param>
internal readonly record struct JobResult(JobOutcome Outcome, DateTimeOffset At = default, string Error = "")
{
    public static readonly JobResult Done = new(JobOutcome.Done);

    /// <summary>The handler has ended the job in a transaction of its own (<see cref="JobStore.EndAsync"/>).</summary>
    public static readonly JobResult Ended = new(JobOutcome.Ended);

    public static JobResult Later(DateTimeOffset at) => new(JobOutcome.Later, at);

    public static JobResult Failed(string error) => new(JobOutcome.Failed, Error: error);
}

/// <summary>As in <see cref="JobResult"/>.</summary>
internal enum JobOutcome
{
    /// <summary>Done: the row goes.</summary>
    Done,

    /// <summary>The row is already gone.</summary>
    Ended,

    /// <summary>Put off.</summary>
    Later,

    /// <summary>To the error queue.</summary>
    Failed,
}

/// <summary>Does the jobs of one kind. It must bear doing one twice: a process may die between the deed and its noting.</summary>
internal interface IJobHandler
{
    /// <summary>As in <see cref="Job.Kind"/>; also the last part of the queue's name.</summary>
    string Kind { get; }

    /// <summary>Does it. What it throws is tried again a few times, then the job is in the error queue.</summary>
    Task<JobResult> RunAsync(Job job, CancellationToken cancellationToken);
}

/// <summary>What goes through the broker: which job, not what is in it.</summary>
internal sealed record JobMessage
{
    public string Key { get; init; } = "";

    public string Kind { get; init; } = "";

    public long Claim { get; init; }
}
