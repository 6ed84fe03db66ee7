using System.Net;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;

namespace Tertulia.Hosting;

/// <summary>The two doors of a process: HTTP/1.1 for clients and probes, cleartext HTTP/2 for gRPC and the gateway, with its links beside. The second is for processes of the
/// cluster only (<see cref="InternalAuth"/>).</summary>
/// <remarks>Without TLS there is no ALPN, so that a port speaks one of the two. Addresses are
/// <c>http://127.0.0.1:8000</c>, <c>http://[::1]:8000</c>, <c>http://*:8000</c> (all interfaces) or <c>unix:/path/of.sock</c>.</remarks>
internal static class Listeners
{
    private const string DefaultUrl = "http://127.0.0.1:8000";

    public static void AddListeners(this IWebHostBuilder web) => web.ConfigureKestrel((context, kestrel) =>
    {
        kestrel.AddServerHeader = false;
        foreach (var url in Addresses(context.Configuration["urls"] ?? DefaultUrl))
        {
            Listen(kestrel, url, HttpProtocols.Http1);
        }

        foreach (var url in Addresses(context.Configuration["Listen:Http2"]))
        {
            Listen(kestrel, url, HttpProtocols.Http2);
        }
    });

    internal static string[] Addresses(string? list) =>
        (list ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    internal static bool IsUnix(string url) => url.StartsWith("unix:", StringComparison.Ordinal);

    private static void Listen(KestrelServerOptions kestrel, string url, HttpProtocols protocols)
    {
        if (IsUnix(url))
        {
            var path = url["unix:".Length..];
            File.Delete(path); // A socket file outlives a killed process and would keep the address in use.
            kestrel.ListenUnixSocket(path, Configure);
            return;
        }

        var address = BindingAddress.Parse(url);
        if (string.Equals(address.Host, "localhost", StringComparison.OrdinalIgnoreCase))
        {
            kestrel.ListenLocalhost(address.Port, Configure);
        }
        else if (IPAddress.TryParse(address.Host.Trim('[', ']'), out var ip))
        {
            kestrel.Listen(ip, address.Port, Configure);
        }
        else
        {
            kestrel.ListenAnyIP(address.Port, Configure);
        }

        void Configure(ListenOptions options)
        {
            options.Protocols = protocols;
            if (protocols == HttpProtocols.Http2)
            {
                options.UseInternalAuth();
                InternalProtocols.Use(options);
            }
            else
            {
                options.UseDirectOutput();
                options.UseHandover();
            }
        }
    }
}
