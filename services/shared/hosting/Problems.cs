using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Tertulia.Contracts;

namespace Tertulia.Hosting;

/// <summary>Refusals over HTTP: <c>application/problem+json</c> (RFC 9457) with the same code and name as in an <c>error</c> frame.</summary>
public static class Problems
{
    /// <summary>The answer for a refusal.</summary>
    /// <param name="code">Decides status, name and sentence.</param>
    /// <param name="detail">A sentence for a developer; null when the catalog's own says enough.</param>
    /// <param name="retryAfterMs">Milliseconds after which trying again makes sense; null when unknown.</param>
    /// <param name="status">A more exact status than the catalog's; null for that one.</param>
    /// <param name="title">A more exact sentence than the catalog's; null for that one.</param>
    public static ProblemHttpResult From(ErrorCode code, string? detail = null, long? retryAfterMs = null, int? status = null, string? title = null)
    {
        var entry = ErrorCatalog.Of(code);
        var extensions = new Dictionary<string, object?>
        {
            ["code"] = (int)entry.Code,
            ["name"] = entry.Name,
            ["temporary"] = entry.Temporary,
        };
        if (retryAfterMs is not null)
        {
            extensions["retry_after_ms"] = retryAfterMs;
        }

        return TypedResults.Problem(detail, statusCode: status ?? entry.Status, title: title ?? entry.Message, type: $"urn:tertulia:error:{entry.Name}", extensions: extensions);
    }

    /// <summary>The answer for a refusal that came over gRPC.</summary>
    public static ProblemHttpResult From(Refusal refusal) => From(
        refusal.Code, refusal.Detail.Length > 0 ? refusal.Detail : null, refusal.RetryAfterMs > 0 ? refusal.RetryAfterMs : null);

    /// <summary>Writes the answer where there is no endpoint, with <c>Retry-After</c> in whole seconds when the time is known.</summary>
    public static Task WriteAsync(HttpContext context, ErrorCode code, string? detail = null, long? retryAfterMs = null, int? status = null, string? title = null)
    {
        if (retryAfterMs is { } milliseconds)
        {
            context.Response.Headers.RetryAfter = ((milliseconds + 999) / 1000).ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        return From(code, detail, retryAfterMs, status, title).ExecuteAsync(context);
    }
}
