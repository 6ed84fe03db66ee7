using Microsoft.Extensions.Options;
using Tertulia.Hosting;

namespace Tertulia.Connections.Doors;

/// <summary>Which web pages may connect. Programs send no <c>Origin</c> and are not asked.</summary>
internal sealed class OriginRules(IOptions<SocketOptions> options, IHostEnvironment environment)
{
    private readonly HashSet<WebOrigin> _allowed = [.. options.Value.AllowedOrigins.Select(origin => WebOrigin.TryParse(origin, out var parsed) ? parsed : default)];
    private readonly bool _all = options.Value.AllowedOrigins.Contains("*") || (options.Value.AllowedOrigins.Count == 0 && environment.IsDevelopment());

    /// <param name="origin">The <c>Origin</c> header; null when absent.</param>
    /// <param name="host">The host, with port unless it is the scheme's own, that the page's request names.</param>
    public bool Allows(string? origin, string host) =>
        _all || string.IsNullOrEmpty(origin)
        || (WebOrigin.TryParse(origin, out var page) && (_allowed.Count > 0 ? _allowed.Contains(page) : page.IsSameHost(host)));
}
