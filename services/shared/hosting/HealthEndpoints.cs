using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Tertulia.Hosting;

/// <summary><c>/health/live</c>: the process answers. <c>/health/ready</c>: it wants traffic and its parts work. <c>/health</c>: the summary.</summary>
internal static class HealthEndpoints
{
    private static readonly string[] Methods = [HttpMethods.Get, HttpMethods.Head];
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2);

    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapMethods("/health/live", Methods, () => Results.Json(new { status = "ok" }));
        app.MapMethods("/health/ready", Methods, SummaryAsync);
        app.MapMethods("/health", Methods, SummaryAsync);
    }

    /// <returns>200 <c>{"status":"ok","service":…,"checks":{name:"ok"}}</c>, or 503 with <c>status</c> <c>starting</c>, <c>draining</c> or <c>degraded</c>
    /// and the sentence of each check that failed.</returns>
    private static async Task<IResult> SummaryAsync(
        ProcessIdentity identity, Readiness readiness, IEnumerable<IReadinessCheck> checks, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(Deadline);
        var results = await Task.WhenAll(checks.Select(async check => (check.Name, Answer: await AnswerAsync(check, deadline.Token))));

        var status = readiness switch
        {
            { Draining: true } => "draining",
            { Started: false } => "starting",
            _ => results.All(result => result.Answer is null) ? "ok" : "degraded",
        };
        var body = new
        {
            status,
            service = identity.Service,
            id = identity.Id,
            checks = results.ToDictionary(result => result.Name, result => result.Answer ?? "ok"),
        };
        return Results.Json(body, statusCode: status == "ok" ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
    }

    private static async Task<string?> AnswerAsync(IReadinessCheck check, CancellationToken cancellationToken)
    {
        try
        {
            return await check.CheckAsync(cancellationToken).WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return "no answer in time";
        }
        catch (Exception)
        {
            return "failed"; // What failed is in that part's own log; an exception's text may hold a connection string.
        }
    }
}
