using Microsoft.Extensions.Options;
using Tertulia.Connections.Announcing;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Explaining;
using Tertulia.Connections.Limits;
using Tertulia.Connections.Notifying;
using Tertulia.Connections.Rebalancing;
using Tertulia.Connections.Rest;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.StartPage;
using Tertulia.Connections.Doors;
using Tertulia.Connections.Submitting;
using Tertulia.Connections.Users;
using Tertulia.Connections.Verbs;
using Tertulia.Connections.Watching;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Link.Node;

namespace Tertulia.Connections;

/// <summary>The connection service's table of contents.</summary>
public static class ConnectionServiceSetup
{
    /// <summary>Client protocols in, live events out. Needs <c>AddLiveBus</c>.</summary>
    public static IServiceCollection AddConnectionService(this IServiceCollection services) => services
        .AddServicesCalled()
        .AddAuth()
        .AddLimits()
        .AddAnnouncing()
        .AddUserEvents()
        .AddNotifying()
        .AddWatching()
        .AddRooms()
        .AddSubmitting()
        .AddSessions()
        .AddVerbs()
        .AddDoors()
        .AddStats()
        .AddLinks();

    /// <summary>Maps the ways in.</summary>
    public static WebApplication MapConnectionService(this WebApplication app)
    {
        app.UseForwardedClient();
        app.MapDoors();
        StatsEndpoint.Map(app);
        StartPages.Map(app);
        app.MapGrpcService<ConnectionGrpc>();
        return app;
    }

    private static IServiceCollection AddServicesCalled(this IServiceCollection services) => services
        .AddServiceClient<MessageService.MessageServiceClient>("message")
        .AddServiceClient<SecurityService.SecurityServiceClient>("message")
        .AddServiceClient<RequestService.RequestServiceClient>("message")
        .AddServiceClient<PrivacyService.PrivacyServiceClient>("message")
        .AddServiceClient<PresenceService.PresenceServiceClient>("presence")
        .AddServiceClient<PushService.PushServiceClient>("notification")
        .AddServiceClient<NotificationService.NotificationServiceClient>("notification");

    // Services stop in the opposite order of these: the inbox is the last to go.
    private static IServiceCollection AddAnnouncing(this IServiceCollection services) => services
        .AddSingleton<ServerOrders>()
        .AddRunning<NodeInbox>()
        .AddReadinessCheck<NodeInbox>("inbox")
        .AddRunning<PresenceReporter>()
        .AddRunning<RateExchange>();

    private static IServiceCollection AddWatching(this IServiceCollection services) => services
        .AddOptionsOf<WatchOptions, WatchOptionsValidator>(WatchOptions.Section)
        .AddSingleton<ChosenStatuses>()
        .AddSingleton<WatchList>()
        .AddSingleton<PresenceFlow>();

    private static IServiceCollection AddRooms(this IServiceCollection services) => services
        .AddSingleton<RoomExits>()
        .AddOptionsOf<ExplainOptions, ExplainOptionsValidator>(ExplainOptions.Section)
        .AddSingleton<DeliveryLog>()
        .AddSingleton<Trails>()
        .AddSingleton<RoomHub>()
        .AddOptionsOf<RoomReadOptions, RoomReadOptionsValidator>(RoomReadOptions.Section)
        .AddSingleton<PatientReads>()
        .AddRunning<RoomPresent>()
        .AddRunning<RoomCounts>()
        .AddSingleton<RoomShow>()
        .AddSingleton<JoinFlow>()
        .AddSingleton<RoomReview>()
        .AddSingleton<SessionReads>()
        .AddSingleton<HistoryFlow>()
        .AddSingleton<SearchFlow>()
        .AddSingleton<RoomListFlow>()
        .AddRunning<GapRepair>()
        .AddRunning<Subscriptions>()
        .AddRunning<TypingTracker>();

    private static IServiceCollection AddNotifying(this IServiceCollection services) => services
        .AddSingleton<NotificationFlow>()
        .AddRunning<ReadReports>();

    private static IServiceCollection AddSubmitting(this IServiceCollection services) => services
        .AddSingleton<IValidateOptions<SubmitOptions>, SubmitOptionsRules>()
        .AddOptionsOf<SubmitOptions, SubmitOptionsValidator>(SubmitOptions.Section)
        .AddSingleton<PendingAcks>()
        .AddRunning<SubmitBatcher>();

    private static IServiceCollection AddSessions(this IServiceCollection services) => services
        .AddOptionsOf<HeartbeatOptions, HeartbeatOptionsValidator>(HeartbeatOptions.Section)
        .AddSingleton<SessionRegistry>()
        .AddSingleton<SessionMover>()
        .AddSingleton<Greeting>()
        .AddSingleton<AuthFlow>()
        .AddSingleton<SessionStart>()
        .AddSingleton<TokenExpiry>()
        .AddSingleton<ISessionFlow, SessionFlow>()
        .AddRunning<Heartbeat>()
        .AddRunning<RevocationFeed>()
        .AddOptionsOf<RebalanceOptions, RebalanceOptionsValidator>(RebalanceOptions.Section)
        .AddRunning<Rebalancer>()
        .AddHostedService<DrainOnStop>();

    private static IServiceCollection AddRunning<TService>(this IServiceCollection services)
        where TService : class, IHostedService => services
        .AddSingleton<TService>()
        .AddHostedService(provider => provider.GetRequiredService<TService>());

    private static IServiceCollection AddOptionsOf<TOptions, TValidator>(this IServiceCollection services, string section)
        where TOptions : class
        where TValidator : class, IValidateOptions<TOptions>
    {
        services.AddSingleton<IValidateOptions<TOptions>, TValidator>();
        services.AddOptions<TOptions>().BindConfiguration(section).ValidateOnStart();
        return services;
    }
}
