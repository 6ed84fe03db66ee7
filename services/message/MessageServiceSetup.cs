using Microsoft.Extensions.Options;
using Tertulia.Bus;
using Tertulia.Hosting;
using Tertulia.Messages.History;
using Tertulia.Messages.Partitions;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Sending;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Storage.Sql;

namespace Tertulia.Messages;

/// <summary>The message service's parts, feature by feature.</summary>
public static class MessageServiceSetup
{
    /// <summary>The service's name among replicas and in configuration.</summary>
    internal const string Service = "message";

    /// <summary>Everything the message service consists of. Needs <c>AddDefaults</c> and <c>AddLiveBus</c>.</summary>
    public static IServiceCollection AddMessageService(this IServiceCollection services)
    {
        services.AddSingleton<Telemetry>();
        services.AddStore();
        services.AddRooms();
        services.AddHistory();
        services.AddSending();
        services.AddPartitions(); // Last: what starts last stops first, so the partitions are given up while everything they need still runs.
        return services;
    }

    /// <summary>Maps the gRPC service.</summary>
    public static WebApplication MapMessageService(this WebApplication app)
    {
        app.MapGrpcService<MessageGrpc>();
        return app;
    }

    private static void AddStore(this IServiceCollection services)
    {
        services.AddSingleton<IValidateOptions<StoreOptions>, StoreOptionsValidator>();
        services.AddSingleton<IValidateOptions<StoreOptions>, StoreOptionsRules>();
        services.AddOptions<StoreOptions>().BindConfiguration(StoreOptions.Section).ValidateOnStart();
        services.AddSingleton<IMessageStore>(provider => OpenStore(provider.GetRequiredService<IOptions<StoreOptions>>().Value));
        services.AddSingleton<StoreStart>();
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<StoreStart>());
        services.AddReadinessCheck<StoreReadiness>("store");
    }

    private static SqlMessageStore OpenStore(StoreOptions options) =>
        new(options.Kind == StoreKind.Postgres ? new PostgresDialect(options) : new SqliteDialect(options));

    private static void AddRooms(this IServiceCollection services)
    {
        services.AddSingleton<IValidateOptions<RoomOptions>, RoomOptionsValidator>();
        services.AddOptions<RoomOptions>().BindConfiguration(RoomOptions.Section).ValidateOnStart();
        services.AddSingleton(provider =>
        {
            var rooms = provider.GetRequiredService<IOptions<RoomOptions>>().Value;
            return new RoomCache(provider.GetRequiredService<IOptions<LiveBusOptions>>().Value.Partitions, rooms.CachedRooms, rooms.CachedMembers);
        });
        services.AddSingleton<JoinHandler>();
    }

    private static void AddHistory(this IServiceCollection services)
    {
        services.AddSingleton<Snapshots>();
        services.AddSingleton<HistoryPages>();
        services.AddGrpc().AddServiceOptions<MessageGrpc>(options => options.Interceptors.Add<StoreInterceptor>());
    }

    private static void AddSending(this IServiceCollection services)
    {
        services.AddLimitOptions();
        services.AddSingleton<IValidateOptions<SendOptions>, SendOptionsValidator>();
        services.AddOptions<SendOptions>().BindConfiguration(SendOptions.Section).ValidateOnStart();
        services.AddSingleton(provider => new RecentKeys(provider.GetRequiredService<IOptions<SendOptions>>().Value.RecentKeys));
        services.AddSingleton<SendHandler>();
        services.AddSingleton<FlushDecider>();
        services.AddSingleton<Publisher>();
        services.AddSingleton<SubmitConsumer>();
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<Publisher>());
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<SubmitConsumer>());
    }

    private static void AddPartitions(this IServiceCollection services)
    {
        // Registered as IHostedService themselves: AddHostedService takes the replicas of two services in one process for the same.
        services.AddKeyedSingleton(Service, (provider, _) => new Replicas(
            provider.GetRequiredService<ILiveBus>(), Service, provider.GetRequiredService<ProcessIdentity>().Id, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredKeyedService<Replicas>(Service));
        services.AddSingleton<Takeovers>();
        services.AddSingleton<OwnedPartitions>();
        services.AddSingleton<PartitionOwnership>();
        services.AddSingleton<IHostedService, OwnerAnnouncer>();
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<PartitionOwnership>());
    }
}
