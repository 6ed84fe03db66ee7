using System.Net;
using System.Text;
using Tertulia.Gateway.Links;
using Tertulia.Hosting;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;

namespace Tertulia.Gateway;

/// <summary>What goes where: the public paths, one cluster of nodes.</summary>
internal static class GatewayRoutes
{
    /// <summary>Name of the one cluster.</summary>
    public const string Cluster = "connection";

    /// <summary>Path of the probe, on the nodes' HTTP/2 port.</summary>
    public const string HealthPath = "/health/ready";

    // Whatever else a node serves (health, metrics, gRPC) is not reachable from outside.
    private static readonly (string Id, string Path)[] Public =
    [
        ("ws", "/ws/{**rest}"),
        ("api", "/api/{**rest}"),
        ("openapi", "/openapi/{**rest}"),
        ("socket.io", "/socket.io/{**rest}"),
        ("start", "/"),
        ("start.files", "/start/{**rest}"),
        ("start.icon", "/favicon.ico"),
    ];

    /// <param name="gatewayId">Stamped on every request, so that the nodes know whose client it is; a client's own header is replaced.</param>
    /// <param name="proof">Shows the nodes that it was this gateway that wrote the headers.</param>
    public static RouteConfig[] Routes(string gatewayId, string proof) => Array.ConvertAll(Public, route => new RouteConfig
    {
        RouteId = route.Id,
        ClusterId = Cluster,
        Match = new RouteMatch { Path = route.Path },
        Transforms =
        [
            new Dictionary<string, string> { ["RequestHeader"] = InternalAuthSetup.GatewayIdHeader, ["Set"] = gatewayId },
            new Dictionary<string, string> { ["RequestHeader"] = InternalAuth.Header, ["Set"] = proof },
            // X-Forwarded-For, -Proto, -Host: set from the connection, whatever the client sent.
            new Dictionary<string, string> { ["X-Forwarded"] = "Set" },
            new Dictionary<string, string> { ["RequestHeaderRemove"] = "Forwarded" },
        ],
    });

    public static ClusterConfig Nodes(GatewayOptions options) => new()
    {
        ClusterId = Cluster,
        Destinations = options.NodeList.ToDictionary(
            address => address, address => new DestinationConfig { Address = address }, StringComparer.OrdinalIgnoreCase),
        LoadBalancingPolicy = FewestClients.PolicyName,
        HealthCheck = new HealthCheckConfig
        {
            AvailableDestinationsPolicy = "HealthyAndUnknown",
            Active = new ActiveHealthCheckConfig
            {
                Enabled = true,
                Interval = options.HealthInterval,
                Timeout = TimeSpan.FromTicks(Math.Max(options.HealthInterval.Ticks, TimeSpan.TicksPerSecond * 2)),
                Policy = DrainAwareHealth.PolicyName,
                Path = HealthPath,
            },
        },
        HttpRequest = new ForwarderRequestConfig
        {
            // Prior knowledge: beside links the nodes' port speaks nothing else.
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            ActivityTimeout = options.IdleTimeout,
        },
    };

}

/// <summary>One handler for the cluster: how it knows a node, and notices one that vanished without a word.</summary>
internal sealed class NodeHttpClients(InternalTls tls) : ForwarderHttpClientFactory
{
    protected override void ConfigureHandler(ForwarderHttpClientContext context, SocketsHttpHandler handler)
    {
        base.ConfigureHandler(context, handler);
        tls.Apply(handler);
        handler.RequestHeaderEncodingSelector = (_, _) => Encoding.UTF8; // As they came: the default refuses to send what is not ASCII.
        handler.ConnectTimeout = TimeSpan.FromSeconds(5);
        handler.KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests;
        handler.KeepAlivePingDelay = TimeSpan.FromSeconds(10);
        handler.KeepAlivePingTimeout = TimeSpan.FromSeconds(30); // A gateway that gets no CPU reads the answer late.
    }
}
