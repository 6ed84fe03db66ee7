using Tertulia.Gateway.Draining;
using Tertulia.Hosting;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Model;

namespace Tertulia.Gateway;

/// <summary><c>GET /health</c>: the summary of every process, and the state of each node.</summary>
internal static class HealthEndpoint
{
    /// <summary>Takes the place of the common summary; <c>/health/live</c> and <c>/health/ready</c> are the common ones.</summary>
    public static void Map(IEndpointRouteBuilder app) => app.MapMethods("/health", [HttpMethods.Get, HttpMethods.Head], Summary).WithOrder(-1);

    /// <returns>200 <c>{"status":"ok","service":"gateway","id":…,"sockets":n,"destinations":[{"address":…,"health":"healthy"}]}</c>, or 503 with <c>status</c>
    /// <c>starting</c>, <c>draining</c> or <c>degraded</c> (no node takes clients).</returns>
    internal static IResult Summary(ProcessIdentity identity, Readiness readiness, OpenSockets sockets, IProxyStateLookup state)
    {
        var nodes = NodesReadiness.Nodes(state);
        var status = readiness switch
        {
            { Draining: true } => "draining",
            { Started: false } => "starting",
            _ => nodes.Any(NodesReadiness.TakesClients) ? "ok" : "degraded",
        };
        var body = new
        {
            status,
            service = identity.Service,
            id = identity.Id,
            sockets = sockets.Count,
            destinations = nodes.Select(node => new { address = node.Model.Config.Address, health = node.Health.Active.ToString().ToLowerInvariant() }),
        };
        return Results.Json(body, statusCode: status == "ok" ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
    }
}
