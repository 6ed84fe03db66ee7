using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Link;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace Tertulia.Gateway.Links;

/// <summary>Carries WebSockets over the links of the node that was chosen; everything else goes on to the forwarder.</summary>
internal sealed class LinkMiddleware(RequestDelegate next, AllLinks links, DrainAwareHealth health)
{
    private static readonly HashSet<string> OfTheHop = new(StringComparer.OrdinalIgnoreCase)
    {
        HeaderNames.Connection, HeaderNames.KeepAlive, HeaderNames.TransferEncoding, HeaderNames.Upgrade, HeaderNames.SecWebSocketAccept, HeaderNames.ContentLength,
    };

    public Task InvokeAsync(HttpContext context) =>
        WebSocketRequest.Of(context) is { } request && context.GetReverseProxyFeature().AvailableDestinations is [var node, ..]
            ? CarryAsync(context, request, node)
            : next(context);

    private async Task CarryAsync(HttpContext context, WebSocketRequest request, DestinationState node)
    {
        var proxy = context.GetReverseProxyFeature();
        proxy.ProxiedDestination = node;
        var nodeLinks = links.To(node.Model.Config.Address);
        var handover = Handover.Of(context);
        nodeLinks.Enter();
        LinkedSocket? socket = null;
        try
        {
            var open = await LinkRequests.OfAsync(context, proxy.Route.Transformer, node.Model.Config.Address);
            open.Elsewhere = context.Features.Get<NodeChoice>() is { HasOthers: true };
            var link = await nodeLinks.GetAsync(links.Stopping).WaitAsync(context.RequestAborted);
            socket = link.Open(open, handover is null ? context.Abort : handover.Abort);
            var (accept, refuse) = await socket.AnswerAsync(context.RequestAborted);
            if (accept is not null)
            {
                AddHeaders(context.Response, accept.Headers);
                var stream = await request.AcceptAsync(subprotocol: null, extensions: null);
                if (handover is null)
                {
                    await socket.RunAsync(stream);
                }
                else
                {
                    var carried = socket;
                    handover.Take(client => carried.RunAsync(client.Transport));
                    handover.PutOff(nodeLinks.Leave);
                }
            }
            else if (refuse!.Draining)
            {
                health.GoesAway(context.GetRouteModel().Cluster!, node);
                context.Features.Set<IForwarderErrorFeature>(new Failure(null)); // Another node is tried.
            }
            else
            {
                await RefuseAsync(context, refuse);
            }
        }
        catch (LinkLostException exception)
        {
            context.Features.Set<IForwarderErrorFeature>(new Failure(exception)); // Another node is tried.
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            context.Features.Set<IForwarderErrorFeature>(new Failure(null, ForwarderError.RequestCanceled));
        }
        finally
        {
            if (handover is not { IsTaken: true })
            {
                socket?.Leave(aborted: true);
                nodeLinks.Leave();
            }
        }
    }

    private static async Task RefuseAsync(HttpContext context, LinkRefuse refuse)
    {
        context.Response.StatusCode = (int)refuse.Status;
        AddHeaders(context.Response, refuse.Headers);
        await context.Response.Body.WriteAsync(refuse.Body.Memory, context.RequestAborted);
    }

    private static void AddHeaders(HttpResponse response, IEnumerable<LinkHeader> headers)
    {
        foreach (var header in headers)
        {
            if (!OfTheHop.Contains(header.Name))
            {
                response.Headers.Append(header.Name, header.Value);
            }
        }
    }

    private sealed class Failure(Exception? exception, ForwarderError error = ForwarderError.Request) : IForwarderErrorFeature
    {
        public ForwarderError Error => error;

        public Exception? Exception => exception;
    }
}
