using System.Data.Common;
using Tertulia.Notifications.Storage;

namespace Tertulia.Notifications.Jobs;

/// <summary>A job in the error queue.</summary>
internal sealed record FailedJob(string Key, string Kind, int Attempts, string Error, DateTimeOffset CreatedAt, DateTimeOffset FailedAt);

/// <summary>The jobs in the store: put there by whoever decides something, in the same transaction; gone when they are done.</summary>
/// <remarks>A job is given out under a lease. Who comes with an older claim finds nothing, so that one that was given out twice is done by one.</remarks>
internal sealed class JobStore(NotificationStore store, TimeProvider time)
{
    private const int MaxErrorChars = 1_000;

    private const string Put = """
        insert into notification_jobs
            (job_key, kind, body, version, claim, attempts, created_at_ms, due_at_ms, leased_until_ms, next_at_ms)
        values (@key, @kind, @body, 1, 0, 0, @now, @due, 0, @due)
        on conflict (job_key) do update set
            body = excluded.body, version = notification_jobs.version + 1, attempts = 0, created_at_ms = excluded.created_at_ms,
            failed_at_ms = null, error = null,
            due_at_ms = case
                when notification_jobs.leased_until_ms <= @now and notification_jobs.failed_at_ms is null and notification_jobs.due_at_ms < @due
                then notification_jobs.due_at_ms else @due end,
            next_at_ms = case
                when notification_jobs.leased_until_ms > @now then notification_jobs.leased_until_ms
                when notification_jobs.failed_at_ms is null and notification_jobs.due_at_ms < @due then notification_jobs.due_at_ms
                else @due end
        """;

    // The condition stands twice: PostgreSQL looks at the outer one again when another replica was faster.
    private const string Claim = """
        update notification_jobs set claim = claim + 1, leased_until_ms = @until, next_at_ms = @until
        where failed_at_ms is null and next_at_ms <= @now and job_key in (
            select job_key from notification_jobs where failed_at_ms is null and next_at_ms <= @now order by next_at_ms limit @limit)
        returning job_key, kind, claim
        """;

    private const string Begin = """
        update notification_jobs set leased_until_ms = @until, next_at_ms = @until
        where job_key = @key and claim = @claim and failed_at_ms is null and leased_until_ms > 0
        returning job_key, kind, body, version, claim, attempts, created_at_ms
        """;

    private const string Ours = "where job_key = @key and version = @version and claim = @claim";
    private const string End = "delete from notification_jobs " + Ours;
    private const string PutOff = "update notification_jobs set attempts = attempts + 1, leased_until_ms = 0, due_at_ms = @due, next_at_ms = @due " + Ours;
    private const string Fail = "update notification_jobs set failed_at_ms = @now, error = @error, leased_until_ms = 0 " + Ours;
    private const string Release = "update notification_jobs set leased_until_ms = 0, next_at_ms = due_at_ms where job_key = @key and claim = @claim";

    private const string ReleaseAll = "update notification_jobs set leased_until_ms = 0, next_at_ms = due_at_ms where failed_at_ms is null and leased_until_ms > 0";

    private const string FailedPage = """
        select job_key, kind, attempts, error, created_at_ms, failed_at_ms from notification_jobs
        where failed_at_ms is not null and (failed_at_ms, job_key) > (@failed_at, @after) and (@kind = '' or kind = @kind)
        order by failed_at_ms, job_key limit @limit
        """;

    private const string Chosen = "where failed_at_ms is not null and failed_at_ms <= @until and (@kind = '' or kind = @kind) and (@key = '' or job_key = @key)";
    private const string Replay = "update notification_jobs set failed_at_ms = null, error = null, attempts = 0, due_at_ms = @now, next_at_ms = @now " + Chosen;
    private const string Drop = "delete from notification_jobs " + Chosen;

    /// <summary>Raised when a job that is due was put by this process. Any thread.</summary>
    public event Action? Due;

    /// <summary>Decides a job, in the transaction of a command. One with the same key that waits takes the new body, and is due at the earlier time; one that is
    /// given out is done again afterwards, at the new time.</summary>
    public static Task PutAsync(DbCommand command, string key, string kind, string body, DateTimeOffset due, DateTimeOffset now) => command.With(
        Put, ("key", key), ("kind", kind), ("body", body), ("due", due.ToUnixTimeMilliseconds()), ("now", now.ToUnixTimeMilliseconds())).RunAsync();

    /// <summary>Puts a job into the error queue at once.</summary>
    public static Task PutFailedAsync(DbCommand command, string key, string kind, string body, string error, DateTimeOffset now) => command.With(
        """
        insert into notification_jobs
            (job_key, kind, body, version, claim, attempts, created_at_ms, due_at_ms, leased_until_ms, next_at_ms, failed_at_ms, error)
        values (@key, @kind, @body, 1, 0, 0, @now, @now, 0, @now, @now, @error) on conflict do nothing
        """,
        ("key", key), ("kind", kind), ("body", body), ("now", now.ToUnixTimeMilliseconds()), ("error", Shorten(error))).RunAsync();

    /// <summary>Ends a job together with what its handler writes.</summary>
    /// <returns>False when somebody else has it meanwhile: then nothing of this may be committed.</returns>
    public static async Task<bool> EndAsync(DbCommand command, Job job) =>
        await Mine(command, End, job).RunAsync() > 0 || await Mine(command, Release, job).RunAsync() > 0;

    /// <summary>After the transaction that put jobs was committed: they are begun at once.</summary>
    public void Ring() => Due?.Invoke();

    /// <summary>Gives out what is due.</summary>
    public Task<List<JobMessage>> ClaimAsync(TimeSpan lease, int limit, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        return store.WriteAsync(
            command => command.With(
                Claim, ("now", now.ToUnixTimeMilliseconds()), ("until", (now + lease).ToUnixTimeMilliseconds()), ("limit", limit))
                .ListAsync(row => new JobMessage { Key = row.GetString(0), Kind = row.GetString(1), Claim = row.GetInt64(2) }),
            cancellationToken);
    }

    /// <summary>Takes back what was given out and reached nobody.</summary>
    public Task ReleaseAsync(JobMessage message, CancellationToken cancellationToken) => store.WriteAsync(
        command => command.With(Release, ("key", message.Key), ("claim", message.Claim)).RunAsync(), cancellationToken);

    /// <summary>Takes back all that was given out: nobody is there who has it.</summary>
    /// <returns>How many were.</returns>
    public Task<int> ReleaseAllAsync(CancellationToken cancellationToken) => store.WriteAsync(command => command.With(ReleaseAll).RunAsync(), cancellationToken);

    /// <summary>Takes up a job that was given out.</summary>
    /// <returns>Null when it was done, or given out again.</returns>
    public Task<Job?> BeginAsync(JobMessage message, TimeSpan lease, CancellationToken cancellationToken) => store.WriteAsync(
        command => command.With(
            Begin, ("key", message.Key), ("claim", message.Claim), ("until", (time.GetUtcNow() + lease).ToUnixTimeMilliseconds()))
            .FirstAsync(row => new Job(
                row.GetString(0), row.GetString(1), row.GetString(2), row.GetInt64(3), row.GetInt64(4), row.GetInt32(5),
                DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(6)))),
        cancellationToken);

    /// <summary>Notes what became of a job. When it was decided anew meanwhile, it is due again, whatever became of it.</summary>
    public Task NoteAsync(Job job, JobResult result, CancellationToken cancellationToken) => store.WriteAsync(
        async command =>
        {
            var noted = result.Outcome switch
            {
                JobOutcome.Done => await Mine(command, End, job).RunAsync(),
                JobOutcome.Later => await Mine(command, PutOff, job, ("due", result.At.ToUnixTimeMilliseconds())).RunAsync(),
                JobOutcome.Failed => await Mine(
                    command, Fail, job, ("error", Shorten(result.Error)), ("now", time.GetUtcNow().ToUnixTimeMilliseconds())).RunAsync(),
                _ => 1,
            };
            return noted > 0 ? noted : await Mine(command, Release, job).RunAsync();
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
    public Task<List<FailedJob>> ListFailedAsync(string kind, FailedJob? after, int limit, CancellationToken cancellationToken) => store.ReadAsync(
        command => command.With(
            FailedPage, ("kind", kind), ("failed_at", after?.FailedAt.ToUnixTimeMilliseconds() ?? -1), ("after", after?.Key ?? ""), ("limit", limit))
            .ListAsync(row => new FailedJob(
                row.GetString(0), row.GetString(1), row.GetInt32(2), row.GetString(3),
                DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(4)), DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(5)))),
        cancellationToken);

    /// <summary>Gives jobs of the error queue another chance, at once.</summary>
    /// <param name="kind">Only these; empty: all.</param>
    /// <param name="key">Only this one; empty: all.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <param name="record">Writes down in the same transaction how many it were; null: nobody needs to know.</param>
    /// <returns>How many.</returns>
    public async Task<int> ReplayAsync(string kind, string key, CancellationToken cancellationToken, Func<DbCommand, int, Task>? record = null)
    {
        var replayed = await ChangeFailedAsync(Replay, kind, key, record, cancellationToken);
        Ring();
        return replayed;
    }

    /// <summary>Gives jobs of the error queue up.</summary>
    /// <inheritdoc cref="ReplayAsync"/>
    public async Task<int> DropAsync(string kind, string key, CancellationToken cancellationToken, Func<DbCommand, int, Task>? record = null)
    {
        var dropped = await ChangeFailedAsync(Drop, kind, key, record, cancellationToken);
        Ring();
        return dropped;
    }

    private static DbCommand Mine(DbCommand command, string sql, Job job, params ReadOnlySpan<(string Name, object? Value)> more) =>
        command.With(sql, [("key", job.Key), ("claim", job.Claim), ("version", job.Version), .. more]);

    private static string Shorten(string error) => error.Length > MaxErrorChars ? error[..MaxErrorChars] : error;

    private Task<int> ChangeFailedAsync(
        string sql, string kind, string key, Func<DbCommand, int, Task>? record, CancellationToken cancellationToken) => store.WriteAsync(
        async command =>
        {
            var count = await Failed(command, sql, kind, key).RunAsync();
            await (record?.Invoke(command, count) ?? Task.CompletedTask);
            return count;
        },
        cancellationToken);

    private DbCommand Failed(DbCommand command, string sql, string kind, string key)
    {
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        return command.With(sql, ("kind", kind), ("key", key), ("now", now), ("until", now));
    }
}
