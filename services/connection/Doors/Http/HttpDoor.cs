namespace Tertulia.Connections.Doors.Http;

/// <summary>The HTTP API (PROTOCOL §5): its table of contents.</summary>
internal static class HttpDoor
{
    /// <summary>Before every path of the API.</summary>
    public const string Root = "/api/v1";

    /// <summary>Of a single call of another service.</summary>
    public static readonly TimeSpan ReadDeadline = TimeSpan.FromSeconds(5);

    public static IServiceCollection AddHttpDoor(this IServiceCollection services)
    {
        services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true); // HttpAccess answers with a problem.
        return services
            .AddSingleton<HttpCommands>()
            .AddSingleton<FreeRates>();
    }

    /// <summary>One line for each group of endpoints.</summary>
    public static void MapHttpDoor(this WebApplication app)
    {
        app.UseMiddleware<HttpAccess>();
        var api = app.MapGroup(Root).WithMetadata(new HttpGuard());
        MessageEndpoints.Map(api);
        RoomEndpoints.Map(api);
    }
}
