using System.ComponentModel.DataAnnotations;
using System.Net;
using Microsoft.Extensions.Options;
using Tertulia.Hosting;

namespace Tertulia.Gateway;

/// <summary>How the gateway carries WebSockets to the nodes.</summary>
public enum WebSocketWay
{
    /// <summary>All clients of a node share a few connections of an own protocol, and what several of them get crosses once.</summary>
    Link,

    /// <summary>Each client is an HTTP/2 stream of its own (RFC 8441), by the proxy's own forwarder.</summary>
    Proxy,
}

/// <summary>The public door.</summary>
public sealed class GatewayOptions
{
    internal const string Section = "Gateway";

    /// <summary>The nodes' internal addresses (<c>Listen__Http2</c>), separated by <c>;</c>: <c>http://10.0.0.5:5201;http://10.0.0.6:5201</c>.</summary>
    /// <value>No default: there is no gateway without nodes.</value>
    [Required]
    public string Nodes { get; set; } = "";

    /// <summary>Every address behind a name of <see cref="Nodes"/> is a node of its own (a headless service), looked up again at this interval.</summary>
    /// <value>1 second to 1 hour; absent: names are not looked up by the gateway.</value>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan? ResolveEvery { get; set; }

    /// <summary>Time between two health probes of a node.</summary>
    /// <value>100 milliseconds to 1 minute; default 1 second.</value>
    [Range(typeof(TimeSpan), "00:00:00.100", "00:01:00")]
    public TimeSpan HealthInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Silence in both directions after which a request or a WebSocket is cut. Nodes ping after 25 seconds and give up 20 seconds later.</summary>
    /// <value>50 seconds to 1 hour; default 2 minutes.</value>
    [Range(typeof(TimeSpan), "00:00:50", "01:00:00")]
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>How WebSockets go to the nodes.</summary>
    /// <value><c>Link</c> or <c>Proxy</c>; default <c>Link</c>, which costs less. <c>Proxy</c> has no code of ours on the way.</value>
    [EnumDataType(typeof(WebSocketWay))]
    public WebSocketWay WebSockets { get; set; }

    /// <summary>Connections to each node that its clients' WebSockets share.</summary>
    /// <value>1 to 64; absent: half as many as there are cores, 1 to 8.</value>
    [Range(1, 64)]
    public int? LinksPerNode { get; set; }

    /// <summary>Longest delay before clients' data is written to the nodes, all of them together, so that several clients' go together. It is this long when no processor
    /// is free and zero when the machine is calm, and nothing waits while few talk or on the way to the clients. 0 turns it off.</summary>
    /// <value>0 to 100 milliseconds; default 16 milliseconds.</value>
    [Range(typeof(TimeSpan), "00:00:00", "00:00:00.1")]
    public TimeSpan LinkPace { get; set; } = TimeSpan.FromMilliseconds(16);

    /// <summary>Bytes for clients that the gateway keeps at most, of all links together, because clients read more slowly than nodes send. Above it, clients that
    /// took nothing for a second are cut; they resume by seq. One client has at most 64 KiB waiting here.</summary>
    /// <value>1 MiB to 64 GiB; default 256 MiB.</value>
    [Range(1L * 1024 * 1024, 64L * 1024 * 1024 * 1024)]
    public long SlowClientBytes { get; set; } = 256L * 1024 * 1024;

    /// <summary>Largest request body. WebSocket messages have their own limit on the nodes.</summary>
    /// <value>Bytes, 1,024 to 104,857,600; default 1,048,576.</value>
    [Range(1_024, 104_857_600)]
    public long RequestBodyBytes { get; set; } = 1_048_576;

    /// <summary>Networks whose <c>X-Forwarded-For</c>, <c>-Proto</c> and <c>-Host</c> are believed, separated by <c>;</c>: <c>10.0.0.0/8;fd00::/8</c>.</summary>
    /// <value>Default none: whatever a client sends of these headers is replaced.</value>
    public string TrustedProxies { get; set; } = "";

    /// <summary>Origins of pages that may call the HTTP API, separated by <c>;</c>: <c>https://app.example.com</c>. <c>*</c> is any, without credentials.</summary>
    /// <value>Default none: same origin only. WebSockets are checked by the nodes.</value>
    public string CorsOrigins { get; set; } = "";

    internal string[] NodeList => Split(Nodes);

    internal string[] CorsOriginList => Split(CorsOrigins);

    internal IPNetwork[] TrustedNetworks => Array.ConvertAll(Split(TrustedProxies), text => IPNetwork.Parse(text));

    internal static string[] Split(string list) => list.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}

[OptionsValidator]
internal sealed partial class GatewayOptionsValidator : IValidateOptions<GatewayOptions>;

/// <summary>What the lists hold.</summary>
internal sealed class GatewayListsValidator : IValidateOptions<GatewayOptions>
{
    public ValidateOptionsResult Validate(string? name, GatewayOptions options)
    {
        var problems = new List<string>();
        foreach (var node in options.NodeList)
        {
            if (!Uri.TryCreate(node, UriKind.Absolute, out var uri) || (uri.Scheme != Uri.UriSchemeHttp && uri.Scheme != Uri.UriSchemeHttps) || uri.AbsolutePath != "/")
            {
                problems.Add($"{GatewayOptions.Section}:Nodes: '{node}' is not like http://host:port");
            }
        }

        foreach (var network in GatewayOptions.Split(options.TrustedProxies))
        {
            if (!IPNetwork.TryParse(network, out _))
            {
                problems.Add($"{GatewayOptions.Section}:TrustedProxies: '{network}' is not like 10.0.0.0/8");
            }
        }

        foreach (var origin in options.CorsOriginList)
        {
            if (origin != "*" && !WebOrigin.TryParse(origin, out _))
            {
                problems.Add($"{GatewayOptions.Section}:CorsOrigins: '{origin}' is no origin of a page, such as https://app.example.com: scheme, host and port, nothing else");
            }
        }

        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }
}
