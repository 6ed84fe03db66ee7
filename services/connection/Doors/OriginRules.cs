using Microsoft.Extensions.Options;

namespace Tertulia.Connections.Doors;

/// <summary>Which web pages may connect. Programs send no <c>Origin</c> and are not asked.</summary>
internal sealed class OriginRules(IOptions<SocketOptions> options, IHostEnvironment environment)
{
    private readonly HashSet<string> _allowed = options.Value.AllowedOrigins.Select(origin => origin.TrimEnd('/')).ToHashSet(StringComparer.OrdinalIgnoreCase);
    private readonly bool _all = options.Value.AllowedOrigins.Contains("*") || (options.Value.AllowedOrigins.Count == 0 && environment.IsDevelopment());

    /// <param name="origin">The <c>Origin</c> header; null when absent.</param>
    /// <param name="host">The host, with port unless it is the scheme's own, that the page's request names.</param>
    public bool Allows(string? origin, string host)
    {
        if (_all || string.IsNullOrEmpty(origin))
        {
            return true;
        }

        return _allowed.Count > 0
            ? _allowed.Contains(origin)
            : Uri.TryCreate(origin, UriKind.Absolute, out var page) && (IsSame(page.Authority, host) || IsSame($"{page.Host}:{page.Port}", host));
    }

    private static bool IsSame(string authority, string host) => string.Equals(authority, host, StringComparison.OrdinalIgnoreCase);
}
