using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace Tertulia.Hosting;

/// <summary>In the HTTP API a <c>HEAD</c> is answered as its <c>GET</c>, with all of its headers; the server leaves the body out.</summary>
/// <remarks>Before routing, so that no endpoint has to name the method.</remarks>
internal sealed class HeadRequests : IStartupFilter
{
    private const string Api = "/api";
    private const string Stream = "/stream"; // Its answer has no end.

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use((context, following) =>
        {
            if (HttpMethods.IsHead(context.Request.Method) && Answers(context.Request.Path))
            {
                context.Request.Method = HttpMethods.Get;
            }

            return following(context);
        });
        next(app);
    };

    /// <summary>Whether a <c>HEAD</c> of the path is its <c>GET</c>.</summary>
    internal static bool Answers(PathString path) =>
        path.StartsWithSegments(Api, StringComparison.Ordinal) && !path.Value!.EndsWith(Stream, StringComparison.Ordinal);
}
