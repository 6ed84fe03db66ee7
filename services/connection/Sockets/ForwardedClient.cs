using System.Net;
using Microsoft.Extensions.Options;

namespace Tertulia.Connections.Sockets;

/// <summary>Who a request really comes from: behind proxies that are trusted, what they say; else the peer itself.</summary>
internal sealed class ForwardedClient(IOptions<SocketOptions> options)
{
    private readonly System.Net.IPNetwork[] _trusted =
        [.. new[] { "127.0.0.0/8", "::1/128" }.Concat(options.Value.TrustedProxies).Select(System.Net.IPNetwork.Parse)];

    /// <summary>The client's address, and the host its request named. The address is null when there is none (a Unix socket without a proxy's word).</summary>
    public (IPAddress? Address, string Host) Of(HttpContext context)
    {
        var peer = Plain(context.Connection.RemoteIpAddress);
        if (!IsTrusted(peer))
        {
            return (peer, context.Request.Host.Value ?? "");
        }

        // Each proxy appends the peer it saw. From the end: the first that is not one of ours; what stands before it, anybody may have written.
        var address = peer;
        var hops = context.Request.Headers.GetCommaSeparatedValues("X-Forwarded-For");
        for (var i = hops.Length - 1; i >= 0 && IsTrusted(address); i--)
        {
            if (!TryParse(hops[i], out var hop))
            {
                break;
            }

            address = hop;
        }

        var hosts = context.Request.Headers.GetCommaSeparatedValues("X-Forwarded-Host");
        return (address, hosts.Length > 0 ? hosts[0].Trim() : context.Request.Host.Value ?? "");
    }

    private bool IsTrusted(IPAddress? address) => address is null || Array.Exists(_trusted, network => network.Contains(address));

    private static bool TryParse(string hop, out IPAddress? address)
    {
        // Some proxies add the port.
        var isAddress = IPAddress.TryParse(hop, out var parsed);
        if (!isAddress && IPEndPoint.TryParse(hop, out var endPoint))
        {
            (isAddress, parsed) = (true, endPoint.Address);
        }

        address = Plain(parsed);
        return isAddress;
    }

    private static IPAddress? Plain(IPAddress? address) => address is { IsIPv4MappedToIPv6: true } ? address.MapToIPv4() : address;
}
