using Microsoft.Extensions.Options;
using Tertulia.Hosting;
using Tertulia.Presence.Emitting;
using Tertulia.Presence.Existence;
using Tertulia.Presence.LastSeen;
using Tertulia.Presence.Querying;
using Tertulia.Presence.Status;
using Tertulia.Presence.Storage;
using Tertulia.Presence.Tracking;

namespace Tertulia.Presence;

/// <summary>Who is online, on which node, in which room: held in memory, rebuilt from the nodes at any time. What users have chosen and when they were last seen is stored.</summary>
public static class PresenceServiceSetup
{
    /// <summary>Tracking, emitting and querying. Needs <c>AddLiveBus</c>.</summary>
    public static IServiceCollection AddPresenceService(this IServiceCollection services)
    {
        services.AddSingleton<IValidateOptions<PresenceOptions>, PresenceOptionsValidator>();
        services.AddOptions<PresenceOptions>().BindConfiguration(PresenceOptions.Section).ValidateOnStart();
        services.AddMetrics();
        services.AddSingleton<Telemetry>();

        services.AddSingleton(provider => new PendingChanges(provider.GetRequiredService<IOptions<PresenceOptions>>().Value.LargeRoomUsers));
        services.AddStore<IPresenceStore>("presence-store", PresenceStores.Open);
        services.AddSingleton<RecentlySeen>();
        services.AddSingleton<SeenWriter>();
        services.AddSingleton<UserQuery>();
        services.AddSingleton<StatusBook>();
        services.AddSingleton<StatusSetter>();
        services.AddSingleton<PresenceMap>();
        services.AddSingleton<NodeReports>();
        services.AddSingleton<RoomCounts>();
        services.AddSingleton<PresenceReplicas>();
        services.AddSingleton<ChangeSender>();
        services.AddSingleton<TakeOver>();
        services.AddSingleton<ExistenceStream>();
        services.AddSingleton<PresenceLoop>();
        services.AddHostedService(provider => provider.GetRequiredService<PresenceLoop>());
        services.AddHostedService<StatusFollower>();
        services.AddReadinessCheck<PresenceReadiness>("presence");
        return services;
    }

    /// <summary>The gRPC service.</summary>
    public static WebApplication MapPresenceService(this WebApplication app)
    {
        app.MapGrpcService<PresenceGrpc>();
        return app;
    }
}
