using Microsoft.AspNetCore.Cors.Infrastructure;
using Tertulia.Hosting;

namespace Tertulia.Gateway;

/// <summary>Which pages of other origins may call the HTTP API.</summary>
internal static class CorsPolicies
{
    private static readonly TimeSpan PreflightMaxAge = TimeSpan.FromHours(2); // As much as browsers take.

    public static CorsPolicy Of(GatewayOptions options)
    {
        var policy = new CorsPolicyBuilder().AllowAnyHeader().AllowAnyMethod().WithExposedHeaders("Retry-After", "ETag", "Location", "Idempotency-Replayed").SetPreflightMaxAge(PreflightMaxAge);
        return options.CorsOriginList is ["*"]
            ? policy.AllowAnyOrigin().Build()
            : policy.WithOrigins(Array.ConvertAll(options.CorsOriginList, AsBrowsersWriteIt)).AllowCredentials().Build();
    }

    private static string AsBrowsersWriteIt(string origin) => WebOrigin.TryParse(origin, out var parsed) ? parsed.ToString() : origin;
}
