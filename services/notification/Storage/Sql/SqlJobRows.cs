using System.Data.Common;
using Tertulia.Notifications.Jobs;

namespace Tertulia.Notifications.Storage.Sql;

/// <summary>Jobs on SQLite or PostgreSQL.</summary>
internal sealed class SqlJobRows(DbCommand command) : IJobRows
{
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

    public Task PutAsync(string key, string kind, string body, DateTimeOffset due, DateTimeOffset now) => command.With(
        Put, ("key", key), ("kind", kind), ("body", body), ("due", due.ToUnixTimeMilliseconds()), ("now", now.ToUnixTimeMilliseconds())).RunAsync();

    public Task PutFailedAsync(string key, string kind, string body, string error, DateTimeOffset now) => command.With(
        """
        insert into notification_jobs
            (job_key, kind, body, version, claim, attempts, created_at_ms, due_at_ms, leased_until_ms, next_at_ms, failed_at_ms, error)
        values (@key, @kind, @body, 1, 0, 0, @now, @now, 0, @now, @now, @error) on conflict do nothing
        """,
        ("key", key), ("kind", kind), ("body", body), ("now", now.ToUnixTimeMilliseconds()), ("error", error)).RunAsync();

    public async Task<bool> EndAsync(Job job) => await Mine(End, job).RunAsync() > 0 || await Mine(Release, job).RunAsync() > 0;

    public Task<List<JobMessage>> ClaimAsync(DateTimeOffset now, DateTimeOffset until, int limit) => command.With(
        Claim, ("now", now.ToUnixTimeMilliseconds()), ("until", until.ToUnixTimeMilliseconds()), ("limit", limit))
        .ListAsync(row => new JobMessage { Key = row.GetString(0), Kind = row.GetString(1), Claim = row.GetInt64(2) });

    public Task ReleaseAsync(string key, long claim) => command.With(Release, ("key", key), ("claim", claim)).RunAsync();

    public Task<int> ReleaseAllAsync() => command.With(ReleaseAll).RunAsync();

    public Task<Job?> BeginAsync(JobMessage message, DateTimeOffset until) => command.With(
        Begin, ("key", message.Key), ("claim", message.Claim), ("until", until.ToUnixTimeMilliseconds()))
        .FirstAsync(row => new Job(
            row.GetString(0), row.GetString(1), row.GetString(2), row.GetInt64(3), row.GetInt64(4), row.GetInt32(5),
            DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(6))));

    public async Task NoteAsync(Job job, JobResult result, DateTimeOffset now)
    {
        var noted = result.Outcome switch
        {
            JobOutcome.Done => await Mine(End, job).RunAsync(),
            JobOutcome.Later => await Mine(PutOff, job, ("due", result.At.ToUnixTimeMilliseconds())).RunAsync(),
            JobOutcome.Failed => await Mine(Fail, job, ("error", result.Error), ("now", now.ToUnixTimeMilliseconds())).RunAsync(),
            _ => 1,
        };
        if (noted == 0)
        {
            await Mine(Release, job).RunAsync();
        }
    }

    public Task<List<FailedJob>> ListFailedAsync(string kind, FailedJob? after, int limit) => command.With(
        FailedPage, ("kind", kind), ("failed_at", after?.FailedAt.ToUnixTimeMilliseconds() ?? -1), ("after", after?.Key ?? ""), ("limit", limit))
        .ListAsync(row => new FailedJob(
            row.GetString(0), row.GetString(1), row.GetInt32(2), row.GetString(3),
            DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(4)), DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(5))));

    public Task<int> ReplayAsync(string kind, string key, DateTimeOffset now) => Failed(Replay, kind, key, now);

    public Task<int> DropAsync(string kind, string key, DateTimeOffset now) => Failed(Drop, kind, key, now);

    private DbCommand Mine(string sql, Job job, params ReadOnlySpan<(string Name, object? Value)> more) =>
        command.With(sql, [("key", job.Key), ("claim", job.Claim), ("version", job.Version), .. more]);

    private Task<int> Failed(string sql, string kind, string key, DateTimeOffset now) => command.With(
        sql, ("kind", kind), ("key", key), ("now", now.ToUnixTimeMilliseconds()), ("until", now.ToUnixTimeMilliseconds())).RunAsync();
}
