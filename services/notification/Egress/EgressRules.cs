using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Options;

namespace Tertulia.Notifications.Egress;

/// <summary>An address that must not be reached.</summary>
internal sealed class AddressRefusedException(string message) : Exception(message);

/// <summary>What may be called of the addresses that users and administrators name: never an internal one unless it is allowed.</summary>
/// <remarks>Checked where the connection is made, with the address that is connected to: a name that resolves differently a moment later gains nothing.
/// No proxy, no redirects.</remarks>
internal sealed class EgressRules(IOptions<EgressOptions> options)
{
    /// <summary>UTF-16 units of an address that is taken.</summary>
    public const int MaxUrlChars = 2048;

    private static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(5); // Then names are resolved again.

    private readonly IPNetwork[] _allowed = [.. options.Value.AllowedNetworks.Select(IPNetwork.Parse)];
    private readonly EgressOptions _options = options.Value;

    /// <summary>Whether a URL can be taken, as far as it can be said without looking its host up.</summary>
    /// <returns>Null, or a sentence for the person who named it.</returns>
    public string? Refusal(string url, out Uri? parsed)
    {
        parsed = null;
        if (url.Length > MaxUrlChars || url.Any(char.IsControl) || !Uri.TryCreate(url, UriKind.Absolute, out var uri))
        {
            return $"the address is not a URL of at most {MaxUrlChars} characters";
        }

        if (uri.Scheme != Uri.UriSchemeHttps && !(_options.AllowHttp && uri.Scheme == Uri.UriSchemeHttp))
        {
            return _options.AllowHttp ? "the address is neither https nor http" : "the address is not https";
        }

        if (uri.UserInfo.Length > 0 || uri.Fragment.Length > 0)
        {
            return "the address holds a user or a fragment";
        }

        if (IPAddress.TryParse(uri.Host.Trim('[', ']'), out var address) && !Permits(address))
        {
            return "the address is internal";
        }

        parsed = uri;
        return null;
    }

    /// <summary>Whether an address may be connected to.</summary>
    public bool Permits(IPAddress address) =>
        !InternalAddresses.Contain(address) || Allows(address) || (InternalAddresses.Embedded(address) is { } embedded && Allows(embedded));

    /// <summary>A client that holds to the rules. For the life of the process.</summary>
    public HttpClient NewClient()
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            ActivityHeadersPropagator = null, // Outsiders learn no trace ids, and no span holds their addresses, which are secrets.
            PooledConnectionLifetime = ConnectionLifetime,
            MaxResponseHeadersLength = 16, // KiB
            ConnectTimeout = _options.Timeout,
            ConnectCallback = ConnectAsync,
        };
        return new HttpClient(handler) { Timeout = _options.Timeout };
    }

    private bool Allows(IPAddress address) => Array.Exists(_allowed, network => network.Contains(address));

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var addresses = await Dns.GetHostAddressesAsync(context.DnsEndPoint.Host, cancellationToken);
        Exception failure = new AddressRefusedException("the address is internal, or there is none");
        foreach (var address in addresses.Where(Permits))
        {
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(address, context.DnsEndPoint.Port, cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (SocketException failed)
            {
                socket.Dispose();
                failure = failed;
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }

        throw failure;
    }
}
