using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.ServiceDiscovery;

namespace Tertulia.Gateway;

/// <summary>Every address behind a name of <c>Gateway:Nodes</c> is a node, looked up again and again.</summary>
/// <remarks>The proxy's own resolver ends the process when a name is not known yet, which is so while an installation starts. Here it has no nodes
/// until it is, and
/// those that it had while the name cannot be looked up.</remarks>
internal sealed partial class NodeNames(IOptions<GatewayOptions> options, TimeProvider time, ILogger<NodeNames> logger) : IDestinationResolver
{
    private readonly ConcurrentDictionary<string, IPAddress[]> _known = new(StringComparer.OrdinalIgnoreCase);
    private readonly ConcurrentDictionary<string, bool> _missing = new(StringComparer.OrdinalIgnoreCase); // Told once.

    /// <summary>Addresses of a name; a test has its own.</summary>
    internal Func<string, CancellationToken, Task<IPAddress[]>> LookUp { get; init; } = Dns.GetHostAddressesAsync;

    public async ValueTask<ResolvedDestinationCollection> ResolveDestinationsAsync(
        IReadOnlyDictionary<string, DestinationConfig> destinations, CancellationToken cancellationToken)
    {
        var nodes = new Dictionary<string, DestinationConfig>(StringComparer.OrdinalIgnoreCase);
        foreach (var destination in destinations.Values)
        {
            var named = new Uri(destination.Address);
            foreach (var address in await AddressesAsync(named.IdnHost, cancellationToken))
            {
                var node = new UriBuilder(named) { Host = address.ToString() }.Uri.GetLeftPart(UriPartial.Authority);
                nodes[node] = destination with { Address = node };
            }
        }

        return new ResolvedDestinationCollection(nodes, new CancellationChangeToken(NextLook()));
    }

    private async Task<IPAddress[]> AddressesAsync(string name, CancellationToken cancellationToken)
    {
        try
        {
            var found = await LookUp(name, cancellationToken);
            _missing.TryRemove(name, out _);
            return _known[name] = found;
        }
        catch (SocketException failed)
        {
            var known = _known.GetValueOrDefault(name, []);
            if (_missing.TryAdd(name, true))
            {
                LogUnknown(name, failed.SocketErrorCode, known.Length);
            }

            return known;
        }
    }

    // Its timer ends with it; who listens lets go of it when it has fired.
    private CancellationToken NextLook() => new CancellationTokenSource(options.Value.ResolveEvery!.Value, time).Token;

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Name} could not be looked up ({Error}): {Known} nodes are known of it")]
    private partial void LogUnknown(string name, SocketError error, int known);
}
