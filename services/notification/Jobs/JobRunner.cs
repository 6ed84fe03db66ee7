using Microsoft.Extensions.Options;

namespace Tertulia.Notifications.Jobs;

/// <summary>Does a job that came through the broker, and notes what became of it.</summary>
internal sealed partial class JobRunner(
    JobStore jobs, IEnumerable<IJobHandler> handlers, IOptions<JobsOptions> options, Telemetry telemetry, ILogger<JobRunner> logger)
{
    private readonly Dictionary<string, IJobHandler> _handlers = handlers.ToDictionary(handler => handler.Kind, StringComparer.Ordinal);

    /// <summary>The kinds there are.</summary>
    public IReadOnlyCollection<string> Kinds => _handlers.Keys;

    /// <summary>Throwing means trying again.</summary>
    public async Task RunAsync(JobMessage message, CancellationToken cancellationToken)
    {
        if (await jobs.BeginAsync(message, options.Value.Lease, cancellationToken) is not { } job)
        {
            return;
        }

        var result = await _handlers[job.Kind].RunAsync(job, cancellationToken);
        if (result.Outcome != JobOutcome.Ended)
        {
            await jobs.NoteAsync(job, result, cancellationToken);
        }

        if (result.Outcome == JobOutcome.Failed)
        {
            LogFailed(null, job.Kind, job.Key, result.Error);
        }

        telemetry.JobEnded(job.Kind, result.Outcome);
    }

    /// <summary>The last attempt threw.</summary>
    public async Task FailAsync(JobMessage message, Exception exception, CancellationToken cancellationToken)
    {
        LogFailed(exception, message.Kind, message.Key, exception.Message);
        await jobs.FailAsync(message, $"{exception.GetType().Name}: {exception.Message}", options.Value.Lease, cancellationToken);
        telemetry.JobEnded(message.Kind, JobOutcome.Failed);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The {Kind} job {Key} is in the error queue: {Error}")]
    private partial void LogFailed(Exception? exception, string kind, string key, string error);
}
