using System.Collections.Frozen;
using System.Net;
using Microsoft.Net.Http.Headers;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Yarp.ReverseProxy.Forwarder;

namespace Tertulia.Gateway.Links;

/// <summary>What a node is told of a client: as the forwarder would tell it, with the transforms of the route.</summary>
internal static class LinkRequests
{
    /// <summary>The handshake with the client is completed here, and the link has proved itself.</summary>
    private static readonly FrozenSet<string> OfTheHop =
        FrozenSet.Create(StringComparer.OrdinalIgnoreCase, HeaderNames.SecWebSocketKey, HeaderNames.Host, InternalAuth.Header);

    public static async ValueTask<LinkOpen> OfAsync(HttpContext context, HttpTransformer transformer, string node)
    {
        using var message = new HttpRequestMessage(HttpMethod.Get, (Uri?)null) { Version = HttpVersion.Version20 };
        await transformer.TransformRequestAsync(context, message, node, context.RequestAborted);
        var open = new LinkOpen
        {
            Path = context.Request.Path.Value ?? "/",
            Query = context.Request.QueryString.Value ?? "",
            Host = message.Headers.Host ?? new Uri(node).Authority,
        };
        foreach (var (name, values) in message.Headers.NonValidated)
        {
            if (OfTheHop.Contains(name))
            {
                continue;
            }

            foreach (var value in values)
            {
                open.Headers.Add(new LinkHeader { Name = name, Value = value });
            }
        }

        return open;
    }
}
