using System.Net;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.Options;
using Tertulia.Hosting;

namespace Tertulia.Connections.Doors;

/// <summary>Who a request really comes from: what a gateway says that has proved itself, or a proxy that is trusted; else the peer itself.</summary>
internal static class ForwardedClient
{
    private const ForwardedHeaders Believed = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedHost | ForwardedHeaders.XForwardedProto;

    /// <summary>Puts the client's address, host and scheme in the place of the peer's. Before everything that looks at them.</summary>
    public static IApplicationBuilder UseForwardedClient(this IApplicationBuilder app)
    {
        // A gateway sets the headers itself, one value each. Without a list the middleware believes every peer, and these have proved themselves.
        var gateways = Options([]);
        gateways.ForwardLimit = 1;
        app.UseWhen(InternalPeer.Sent, branch => branch.UseForwardedHeaders(gateways));

        var networks = app.ApplicationServices.GetRequiredService<IOptions<SocketOptions>>().Value.TrustedProxies;
        if (networks.Count > 0)
        {
            var proxies = Options(networks);
            proxies.ForwardLimit = null; // As far back as the proxies are trusted.
            app.UseWhen(context => !InternalPeer.Sent(context), branch => branch.UseForwardedHeaders(proxies));
        }

        return app;
    }

    /// <summary>The client's address, and the host its request named. The address is null when there is none (a Unix socket).</summary>
    public static (IPAddress? Address, string Host) Of(HttpContext context)
    {
        var address = context.Connection.RemoteIpAddress;
        return (address is { IsIPv4MappedToIPv6: true } ? address.MapToIPv4() : address, context.Request.Host.Value ?? "");
    }

    private static ForwardedHeadersOptions Options(IEnumerable<string> networks)
    {
        var options = new ForwardedHeadersOptions { ForwardedHeaders = Believed };
        options.KnownProxies.Clear();
        options.KnownIPNetworks.Clear();
        foreach (var network in networks)
        {
            options.KnownIPNetworks.Add(System.Net.IPNetwork.Parse(network));
        }

        return options;
    }
}
