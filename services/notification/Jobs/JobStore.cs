using Tertulia.Notifications.Storage;

namespace Tertulia.Notifications.Jobs;

/// <summary>A job in the error queue.</summary>
internal sealed record FailedJob(string Key, string Kind, int Attempts, string Error, DateTimeOffset CreatedAt, DateTimeOffset FailedAt);

/// <summary>The jobs in the store: put there by whoever decides something, in the same round; gone when they are done.</summary>
/// <remarks>A job is given out under a lease. Who comes with an older claim finds nothing, so that one that was given out twice is done by one.</remarks>
internal sealed class JobStore(NotificationStore store, TimeProvider time)
{
    private const int MaxErrorChars = 1_000;

    /// <summary>Raised when a job that is due was put by this process. Any thread.</summary>
    public event Action? Due;

    /// <summary>What operators are shown of an error.</summary>
    public static string Shorten(string error) => error.Length > MaxErrorChars ? error[..MaxErrorChars] : error;

    /// <summary>After the round that put jobs: they are begun at once.</summary>
    public void Ring() => Due?.Invoke();

    /// <summary>Gives out what is due.</summary>
    public Task<List<JobMessage>> ClaimAsync(TimeSpan lease, int limit, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        return store.WriteAsync(round => round.Jobs.ClaimAsync(now, now + lease, limit), cancellationToken);
    }

    /// <summary>Takes back what was given out and reached nobody.</summary>
    public Task ReleaseAsync(JobMessage message, CancellationToken cancellationToken) => store.WriteAsync(
        async round =>
        {
            await round.Jobs.ReleaseAsync(message.Key, message.Claim);
            return true;
        },
        cancellationToken);

    /// <summary>Takes back all that was given out: nobody is there who has it.</summary>
    /// <returns>How many were.</returns>
    public Task<int> ReleaseAllAsync(CancellationToken cancellationToken) => store.WriteAsync(round => round.Jobs.ReleaseAllAsync(), cancellationToken);

    /// <summary>Takes up a job that was given out.</summary>
    /// <returns>Null when it was done, or given out again.</returns>
    public Task<Job?> BeginAsync(JobMessage message, TimeSpan lease, CancellationToken cancellationToken)
    {
        var until = time.GetUtcNow() + lease;
        return store.WriteAsync(round => round.Jobs.BeginAsync(message, until), cancellationToken);
    }

    /// <inheritdoc cref="IJobRows.NoteAsync"/>
    public Task NoteAsync(Job job, JobResult result, CancellationToken cancellationToken) => store.WriteAsync(
        async round =>
        {
            await round.Jobs.NoteAsync(job, result with { Error = Shorten(result.Error ?? "") }, time.GetUtcNow());
            return true;
        },
        cancellationToken);

    /// <summary>Moves a job that was given out to the error queue.</summary>
    public async Task FailAsync(JobMessage message, string error, TimeSpan lease, CancellationToken cancellationToken)
    {
        if (await BeginAsync(message, lease, cancellationToken) is { } job)
        {
            await NoteAsync(job, JobResult.Failed(error), cancellationToken);
        }
    }

    /// <summary>The error queue, oldest first.</summary>
    /// <param name="kind">Only this one; empty: all.</param>
    /// <param name="after">The last one of the page before; null: from the beginning.</param>
    /// <param name="limit">At most this many.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public Task<List<FailedJob>> ListFailedAsync(string kind, FailedJob? after, int limit, CancellationToken cancellationToken) =>
        store.ReadAsync(round => round.Jobs.ListFailedAsync(kind, after, limit), cancellationToken);

    /// <summary>Gives jobs of the error queue another chance, at once.</summary>
    /// <param name="kind">Only these; empty: all.</param>
    /// <param name="key">Only this one; empty: all.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <param name="record">Writes down in the same round how many it were; null: nobody needs to know.</param>
    /// <returns>How many.</returns>
    public async Task<int> ReplayAsync(string kind, string key, CancellationToken cancellationToken, Func<IRound, int, Task>? record = null)
    {
        var replayed = await ChangeFailedAsync((jobs, now) => jobs.ReplayAsync(kind, key, now), record, cancellationToken);
        Ring();
        return replayed;
    }

    /// <summary>Gives jobs of the error queue up.</summary>
    /// <inheritdoc cref="ReplayAsync"/>
    public async Task<int> DropAsync(string kind, string key, CancellationToken cancellationToken, Func<IRound, int, Task>? record = null)
    {
        var dropped = await ChangeFailedAsync((jobs, now) => jobs.DropAsync(kind, key, now), record, cancellationToken);
        Ring();
        return dropped;
    }

    private Task<int> ChangeFailedAsync(
        Func<IJobRows, DateTimeOffset, Task<int>> change, Func<IRound, int, Task>? record, CancellationToken cancellationToken) => store.WriteAsync(
        async round =>
        {
            var count = await change(round.Jobs, time.GetUtcNow());
            await (record?.Invoke(round, count) ?? Task.CompletedTask);
            return count;
        },
        cancellationToken);
}
