using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Tertulia.Contracts;

namespace Tertulia.Hosting;

/// <summary>Refuses a path with a segment <c>.</c> or <c>..</c>, also when its dots are escaped.</summary>
/// <remarks>The server has taken such segments out when a request comes here (RFC 3986, 5.2.4), so that another thing than the one named would answer: <c>/ws/..</c>
/// is <c>/</c>. Browsers and most clients take them out before they send, and are not refused.</remarks>
internal sealed class DotSegments : IStartupFilter
{
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use(CheckAsync);
        next(app);
    };

    /// <param name="target">As it came: <c>/path?query</c>.</param>
    internal static bool Has(ReadOnlySpan<char> target)
    {
        var path = target.IndexOf('?') is var query and >= 0 ? target[..query] : target;
        foreach (var segment in path.Split('/'))
        {
            if (IsDots(path[segment]))
            {
                return true;
            }
        }

        return false;
    }

    private static Task CheckAsync(HttpContext context, RequestDelegate next) =>
        Has(context.Features.Get<IHttpRequestFeature>()!.RawTarget)
            ? Problems.WriteAsync(context, ErrorCode.BadRequest, "the path has a segment . or ..; neither is the id of a room")
            : next(context);

    private static bool IsDots(ReadOnlySpan<char> segment)
    {
        var dots = 0;
        while (!segment.IsEmpty)
        {
            var bytes = segment[0] == '.' ? 1 : segment.StartsWith("%2e", StringComparison.OrdinalIgnoreCase) ? 3 : 0;
            if (bytes == 0 || ++dots > 2)
            {
                return false;
            }

            segment = segment[bytes..];
        }

        return dots > 0;
    }
}
