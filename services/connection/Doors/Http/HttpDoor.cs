using Microsoft.Extensions.Options;
using Tertulia.Connections.Auth;

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
        services.AddCors();
        services.AddOptions<PrivacyOptions>().BindConfiguration(PrivacyOptions.Section);
        services.AddSingleton<IValidateOptions<SyncRoomOptions>, SyncRoomOptionsRules>();
        services.AddOptions<SyncRoomOptions>().BindConfiguration(SyncRoomOptions.Section).ValidateOnStart();
        services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true); // HttpAccess answers with a problem.
        return services
            .AddOpenApiDocuments()
            .AddSingleton<HttpCommands>()
            .AddSingleton<ActionRecords>()
            .AddSingleton<UserExports>()
            .AddSingleton<FreeRates>()
            .AddSingleton<RoomWatches>()
            .AddSingleton<RoomSync>()
            .AddSingleton<EventStreams>();
    }

    /// <summary>One line for each group of endpoints.</summary>
    public static void MapHttpDoor(this WebApplication app)
    {
        app.UseHttpCors();
        app.UseMiddleware<HttpAccess>();
        var api = app.MapGroup(Root).WithMetadata(new HttpGuard());
        MessageEndpoints.Map(api);
        MessageChangeEndpoints.Map(api);
        ThreadEndpoints.Map(api);
        RoomEndpoints.Map(api);
        MemberEndpoints.Map(api);
        NotificationEndpoints.Map(api);
        SearchEndpoints.Map(api);
        TrailEndpoints.Map(api);
        CommandEndpoints.Map(api);
        PresenceEndpoints.Map(api);
        PushEndpoints.Map(api);
        SyncEndpoints.Map(api);
        EventStreams.Map(api);
        ServerEndpoints.Map(api);
        SecurityEndpoints.Map(api);
        UserEndpoints.Map(api);
        SyncRoomEndpoints.Map(app);
        app.MapOpenApiDocuments();
        DevelopmentTokens.Map(app)?
            .Describe("issue_token", "A token for anybody: in mode Development only.")
            .Takes<DevelopmentTokens.TokenBody>("""{"user_id":"ana","username":"Ana"}""")
            .Answers<DevelopmentTokens.IssuedToken>(example: """{"token":"eyJhbGciOiJIUzI1NiJ9.e30.c2ln","expires_at":"2026-11-28T09:00:00.000Z"}""");
    }
}
