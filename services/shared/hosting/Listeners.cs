using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Tertulia.Hosting;

/// <summary>The two doors of a process: HTTP/1.1 for clients and probes, HTTP/2 for gRPC and the gateway, with its links beside. The second is for processes of the
/// cluster only (<see cref="InternalAuth"/>), and has TLS when <see cref="InternalTls"/> says so.</summary>
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
            Listen(kestrel, url, HttpProtocols.Http2, withTls: InternalTls.IsWanted(context.Configuration));
        }
    });

    /// <exception cref="StartupException">Another process listens at one of the addresses, or there is no such address.</exception>
    internal static void CheckFree(IConfiguration configuration)
    {
        foreach (var url in Addresses(configuration["urls"] ?? DefaultUrl).Concat(Addresses(configuration["Listen:Http2"])))
        {
            if (IsUnix(url))
            {
                continue;
            }

            try
            {
                var (port, ip) = EndPointOf(url);
                using var socket = new Socket(ip.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
                socket.Bind(new IPEndPoint(ip, port));
                socket.Listen();
            }
            catch (SocketException taken) when (taken.SocketErrorCode == SocketError.AddressAlreadyInUse)
            {
                throw new StartupException($"{url} is in use by another process: stop it, or choose another port with --urls.", taken);
            }
            catch (SocketException refused)
            {
                throw new StartupException($"Cannot listen at {url}: {refused.Message}.", refused);
            }
        }
    }

    private static (int Port, IPAddress Ip) EndPointOf(string url)
    {
        try
        {
            var address = BindingAddress.Parse(url);
            var ip = string.Equals(address.Host, "localhost", StringComparison.OrdinalIgnoreCase) ? IPAddress.Loopback
                : IPAddress.TryParse(address.Host.Trim('[', ']'), out var parsed) ? parsed
                : IPAddress.Any;
            return (address.Port, ip);
        }
        catch (FormatException bad)
        {
            throw new StartupException($"{url} is no address: use http://127.0.0.1:8000, http://[::1]:8000, http://*:8000 or unix:/path.", bad);
        }
    }

    internal static string[] Addresses(string? list) =>
        (list ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    internal static bool IsUnix(string url) => url.StartsWith("unix:", StringComparison.Ordinal);

    private static void Listen(KestrelServerOptions kestrel, string url, HttpProtocols protocols, bool withTls = false)
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
                if (withTls && !IsUnix(url))
                {
                    options.ApplicationServices.GetRequiredService<InternalTls>().Use(options);
                }

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
