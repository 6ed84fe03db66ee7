using System.Globalization;

namespace Tertulia.Hosting;

/// <summary>The origin of a web page (RFC 6454): scheme, host and port. A host in punycode (<c>xn--…</c>) is the host that it names.</summary>
/// <param name="Scheme">In lower case.</param>
/// <param name="Host">In lower case, as ASCII (RFC 5891).</param>
/// <param name="Port">The scheme's own when none was named; -1 when the scheme has none.</param>
public readonly record struct WebOrigin(string Scheme, string Host, int Port)
{
    private static readonly IdnMapping Idn = new();

    /// <summary>Reads what stands in an <c>Origin</c> header or in a list of origins.</summary>
    /// <returns>False when no page has it as its origin: there is no scheme or host, or more than scheme, host and port.</returns>
    public static bool TryParse(string text, out WebOrigin origin)
    {
        origin = default;
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Host.Length == 0 || uri.IsUnc || text.EndsWith('/') || text.Contains('*', StringComparison.Ordinal)
            || uri.UserInfo.Length > 0 || uri.PathAndQuery is not ("" or "/") || uri.Fragment.Length > 0 || !text.Contains("://", StringComparison.Ordinal))
        {
            return false;
        }

        origin = new WebOrigin(uri.Scheme, ToAscii(uri.Host), uri.Port);
        return true;
    }

    /// <summary>Whether a page of this origin asks the host that it came from.</summary>
    /// <param name="host">Of the request, with its port unless it is the scheme's own.</param>
    public bool IsSameHost(string host)
    {
        var port = host.LastIndexOf(':') is var colon && colon > host.LastIndexOf(']') ? host[(colon + 1)..] : null;
        var name = ToAscii(port is null ? host : host[..^(port.Length + 1)]);
        return string.Equals(name, Host, StringComparison.Ordinal)
            && (port is null ? Port == -1 || IsOwnPort() : port == Port.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>As browsers write it.</summary>
    public override string ToString() => Port == -1 || IsOwnPort() ? $"{Scheme}://{Host}" : string.Create(CultureInfo.InvariantCulture, $"{Scheme}://{Host}:{Port}");

    private static string ToAscii(string host)
    {
        try
        {
            return host.StartsWith('[') ? host.ToLowerInvariant() : Idn.GetAscii(host).ToLowerInvariant();
        }
        catch (ArgumentException)
        {
            return host.ToLowerInvariant(); // No name that could be registered: equal to itself only.
        }
    }

    private bool IsOwnPort() => (Scheme, Port) is ("http", 80) or ("https", 443);
}
