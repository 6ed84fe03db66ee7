using System.Net;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;

namespace Tertulia.Hosting;

/// <summary>The two doors of a process: HTTP/1.1 for clients and probes, cleartext HTTP/2 for gRPC and the gateway.</summary>
/// <remarks>Without TLS there is no ALPN, so that a port speaks one of the two. Addresses are
/// <c>http://127.0.0.1:8000</c>, <c>http://[::1]:8000</c>, <c>http://*:8000</c> (all interfaces) or <c>unix:/path/of.sock</c>.</remarks>
internal static class Listeners
{
    private const string DefaultUrl = "http://127.0.0.1:8000";

    /// <summary>Clients that share one connection of the gateway; it opens another one for the next.</summary>
    /// <remarks>One client that does not read, or whose input is not read, holds up to one stream window (64 KiB) of the window that all of
    /// them share. 512 of them hold 32 MiB: less than the 64 MiB of an HttpClient connection (fixed, credit given back in steps of 8 MiB) and
    /// than the 96 MiB here (credit given back in steps of half), so that however many are slow the others still flow.</remarks>
    private const int StreamsPerConnection = 512;
    private const int StreamWindowBytes = 64 * 1024;
    private const int ConnectionWindowBytes = 96 * 1024 * 1024;

    public static void AddListeners(this IWebHostBuilder web) => web.ConfigureKestrel((context, kestrel) =>
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.Http2.MaxStreamsPerConnection = StreamsPerConnection;
        kestrel.Limits.Http2.InitialStreamWindowSize = StreamWindowBytes;
        kestrel.Limits.Http2.InitialConnectionWindowSize = ConnectionWindowBytes;
        foreach (var url in Addresses(context.Configuration["urls"] ?? DefaultUrl))
        {
            Listen(kestrel, url, HttpProtocols.Http1);
        }

        foreach (var url in Addresses(context.Configuration["Listen:Http2"]))
        {
            Listen(kestrel, url, HttpProtocols.Http2);
        }
    });

    private static string[] Addresses(string? list) =>
        (list ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static void Listen(KestrelServerOptions kestrel, string url, HttpProtocols protocols)
    {
        if (url.StartsWith("unix:", StringComparison.Ordinal))
        {
            var path = url["unix:".Length..];
            File.Delete(path); // A socket file outlives a killed process and would keep the address in use.
            kestrel.ListenUnixSocket(path, options => options.Protocols = protocols);
            return;
        }

        var address = BindingAddress.Parse(url);
        if (string.Equals(address.Host, "localhost", StringComparison.OrdinalIgnoreCase))
        {
            kestrel.ListenLocalhost(address.Port, options => options.Protocols = protocols);
        }
        else if (IPAddress.TryParse(address.Host.Trim('[', ']'), out var ip))
        {
            kestrel.Listen(ip, address.Port, options => options.Protocols = protocols);
        }
        else
        {
            kestrel.ListenAnyIP(address.Port, options => options.Protocols = protocols);
        }
    }
}
