using System.Text.Json.Serialization;
using Grpc.Core;
using Microsoft.AspNetCore.Http.HttpResults;
using Tertulia.Connections.Auth;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Link;

namespace Tertulia.Connections.Rest;

/// <summary><c>GET /ws/stats</c>: connections and users of the whole cluster, by room.</summary>
internal static class StatsEndpoint
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2);

    /// <summary>What <see cref="Map"/> needs.</summary>
    public static IServiceCollection AddStats(this IServiceCollection services) =>
        services.Configure<RouteOptions>(options => options.SetParameterPolicy<NotARoom>(nameof(NotARoom)));

    public static void Map(IEndpointRouteBuilder app) => app.MapGet($"/ws/{{name:{nameof(NotARoom)}}}", GetStatsAsync);

    /// <param name="request">Carries a token of role <c>admin</c> or <c>service</c>, outside the Development environment.</param>
    /// <param name="environment">Where the process runs.</param>
    /// <param name="identity">Reads the token.</param>
    /// <param name="presence">Knows the cluster.</param>
    /// <param name="cancellationToken">The client went.</param>
    /// <returns>200 and the counts, or 401 <c>auth_required</c>, <c>invalid_token</c>, <c>token_expired</c>, 403 <c>forbidden</c>, 503 <c>unavailable</c>.</returns>
    internal static async Task<Results<JsonHttpResult<StatsAnswer>, ProblemHttpResult>> GetStatsAsync(
        HttpRequest request, IHostEnvironment environment, RequestIdentity identity, PresenceService.PresenceServiceClient presence,
        CancellationToken cancellationToken)
    {
        if (!environment.IsDevelopment() && await RefusalAsync(request, identity, cancellationToken) is { } refusal)
        {
            return Problems.From(refusal);
        }

        try
        {
            var stats = await presence.GetStatsAsync(new GetStatsRequest(), deadline: DateTime.UtcNow + Deadline, cancellationToken: cancellationToken);
            return TypedResults.Json(StatsAnswer.From(stats));
        }
        catch (RpcException exception)
        {
            return Problems.From(RpcErrors.ToRefusal(exception));
        }
    }

    /// <summary>Exactly <c>stats</c>, because room ids mind the case, and no WebSocket: that is a room's, and is told there that the name is reserved.</summary>
    private sealed class NotARoom : IRouteConstraint
    {
        public bool Match(HttpContext? httpContext, IRouter? route, string routeKey, RouteValueDictionary values, RouteDirection routeDirection) =>
            values[routeKey] is "stats" && (httpContext is null || WebSocketRequest.Of(httpContext) is null);
    }

    private static async Task<ErrorCode?> RefusalAsync(HttpRequest request, RequestIdentity identity, CancellationToken cancellationToken)
    {
        var (caller, error) = await identity.OfAsync(request, cancellationToken);
        if (caller is null)
        {
            return error == ErrorCode.Unspecified ? ErrorCode.AuthRequired : error;
        }

        return caller.IsPrivileged ? null : ErrorCode.Forbidden;
    }
}

/// <summary>Answer of <c>GET /ws/stats</c>.</summary>
/// <param name="TotalConnections">Open connections.</param>
/// <param name="TotalRooms">Rooms with connections in them.</param>
/// <param name="Rooms">By room id.</param>
internal sealed record StatsAnswer(
    [property: JsonPropertyName("total_connections")] uint TotalConnections,
    [property: JsonPropertyName("total_rooms")] int TotalRooms,
    [property: JsonPropertyName("rooms")] Dictionary<string, RoomAnswer> Rooms)
{
    public static StatsAnswer From(Stats stats) => new(
        stats.TotalConnections,
        stats.Rooms.Count,
        stats.Rooms.ToDictionary(room => room.Key, room => new RoomAnswer(room.Value.Connections, room.Value.Users), StringComparer.Ordinal));
}

/// <summary>One room in the answer of <c>GET /ws/stats</c>.</summary>
/// <param name="Connections">In the room.</param>
/// <param name="Users">In the room, each once.</param>
internal sealed record RoomAnswer(
    [property: JsonPropertyName("connections")] uint Connections,
    [property: JsonPropertyName("users")] uint Users);
