using System.Globalization;
using System.Text;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.HttpResults;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Notifications.Admin;
using Tertulia.Notifications.Storage;

namespace Tertulia.Notifications.Jobs;

/// <summary><c>/admin/jobs/failed</c>: the error queue, read and emptied by operators.</summary>
internal static class FailedJobEndpoints
{
    private const int MaxLimit = 500;

    public static void Map(IEndpointRouteBuilder admin)
    {
        admin.MapGet("/jobs/failed", ListAsync);
        admin.MapPost("/jobs/failed/replay", ReplayAsync);
        admin.MapDelete("/jobs/failed", DropAsync);
    }

    /// <param name="jobs">The store.</param>
    /// <param name="kind">Only jobs of this kind.</param>
    /// <param name="after">As in <c>next</c> of the page before.</param>
    /// <param name="limit">Jobs, 1 to 500; default 50.</param>
    /// <param name="cancellationToken">The request's.</param>
    internal static async Task<Results<Ok<FailedJobPage>, ProblemHttpResult>> ListAsync(
        JobStore jobs, string? kind, string? after, int? limit, CancellationToken cancellationToken)
    {
        if (limit is < 1 or > MaxLimit || !TryParse(after, out var last))
        {
            return Problems.From(ErrorCode.BadRequest, $"limit is 1 to {MaxLimit}, after is the next of the page before");
        }

        var wanted = limit ?? 50;
        var page = await jobs.ListFailedAsync(kind ?? "", last, wanted, cancellationToken);
        return TypedResults.Ok(new FailedJobPage([.. page.Select(FailedJobItem.From)], page.Count == wanted ? Cursor(page[^1]) : null));
    }

    /// <summary>With neither <c>kind</c> nor <c>key</c>: all.</summary>
    internal static async Task<Ok<FailedJobCount>> ReplayAsync(JobStore jobs, TimeProvider time, string? kind, string? key, CancellationToken cancellationToken) =>
        TypedResults.Ok(new FailedJobCount(await jobs.ReplayAsync(kind ?? "", key ?? "", cancellationToken, Record("jobs_replayed", kind, key, time))));

    /// <inheritdoc cref="ReplayAsync"/>
    internal static async Task<Ok<FailedJobCount>> DropAsync(JobStore jobs, TimeProvider time, string? kind, string? key, CancellationToken cancellationToken) =>
        TypedResults.Ok(new FailedJobCount(await jobs.DropAsync(kind ?? "", key ?? "", cancellationToken, Record("jobs_dropped", kind, key, time))));

    private static Func<IRound, int, Task> Record(string action, string? kind, string? key, TimeProvider time) => (round, count) => OperatorRecords.AddAsync(
        round, action, key ?? "", string.Create(CultureInfo.InvariantCulture, $"{count}{(kind is { Length: > 0 } ? $" of {kind}" : "")}"), time.GetUtcNow());

    private static string Cursor(FailedJob job) => Convert.ToHexStringLower(
        Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{job.FailedAt.ToUnixTimeMilliseconds()} {job.Key}")));

    private static bool TryParse(string? cursor, out FailedJob? last)
    {
        last = null;
        if (string.IsNullOrEmpty(cursor))
        {
            return true;
        }

        try
        {
            var parts = Encoding.UTF8.GetString(Convert.FromHexString(cursor)).Split(' ', 2);
            last = new FailedJob(
                parts[1], "", 0, "", default, DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(parts[0], CultureInfo.InvariantCulture)));
            return !last.Key.Contains('\0', StringComparison.Ordinal);
        }
        catch (Exception exception) when (exception is FormatException or IndexOutOfRangeException or OverflowException or ArgumentOutOfRangeException)
        {
            return false;
        }
    }
}

/// <summary>A job that failed; its contents stay in the store.</summary>
internal sealed record FailedJobItem(
    string Key, string Kind, int Attempts, string Error,
    [property: JsonPropertyName("created_at")] DateTimeOffset CreatedAt, [property: JsonPropertyName("failed_at")] DateTimeOffset FailedAt)
{
    public static FailedJobItem From(FailedJob job) => new(job.Key, job.Kind, job.Attempts, job.Error, job.CreatedAt, job.FailedAt);
}

/// <summary>A page of the error queue.</summary>
/// <param name="Items">Oldest first.</param>
/// <param name="Next">Null: there are no more.</param>
internal sealed record FailedJobPage(IReadOnlyList<FailedJobItem> Items, string? Next);

/// <summary>How many.</summary>
internal sealed record FailedJobCount(int Count);
