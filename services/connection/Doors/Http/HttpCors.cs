using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.Extensions.Options;
using Tertulia.Hosting;

namespace Tertulia.Connections.Doors.Http;

/// <summary>Which pages of other origins may call the HTTP API of a node that is reached without a gateway: those that may open a socket. Behind a gateway it is the
/// gateway's <c>Gateway:CorsOrigins</c> that say so.</summary>
internal static class HttpCors
{
    private const string Everybody = "*";
    private static readonly TimeSpan PreflightMaxAge = TimeSpan.FromHours(2); // As much as browsers take.

    public static void UseHttpCors(this WebApplication app)
    {
        var origins = app.Services.GetRequiredService<IOptions<SocketOptions>>().Value.AllowedOrigins;
        var policy = PolicyOf(origins, app.Environment.IsDevelopment());
        if (policy is not null)
        {
            app.UseWhen(
                context => context.Request.Path.StartsWithSegments("/api", StringComparison.Ordinal) && !InternalPeer.Sent(context),
                branch => branch.UseMiddleware<CorsMiddleware>(policy));
        }
    }

    /// <returns>Null when no page of another origin may.</returns>
    private static CorsPolicy? PolicyOf(IList<string> origins, bool isDevelopment)
    {
        var policy = new CorsPolicyBuilder().AllowAnyHeader().AllowAnyMethod().WithExposedHeaders("Retry-After", "ETag", "Location", "Idempotency-Replayed").SetPreflightMaxAge(PreflightMaxAge);
        if (origins.Contains(Everybody) || (origins.Count == 0 && isDevelopment))
        {
            return policy.AllowAnyOrigin().Build(); // Anybody means without credentials: the browser's own rule.
        }

        return origins.Count == 0 ? null : policy.WithOrigins([.. origins.Select(AsBrowsersWriteIt)]).AllowCredentials().Build();
    }

    private static string AsBrowsersWriteIt(string origin) => WebOrigin.TryParse(origin, out var parsed) ? parsed.ToString() : origin;
}
