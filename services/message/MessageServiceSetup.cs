using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Feed;
using Tertulia.Hosting;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Following;
using Tertulia.Messages.History;
using Tertulia.Messages.Joining;
using Tertulia.Messages.Members;
using Tertulia.Messages.Moderation;
using Tertulia.Messages.Partitions;
using Tertulia.Messages.Pinning;
using Tertulia.Messages.Privacy;
using Tertulia.Messages.Reading;
using Tertulia.Messages.Repeating;
using Tertulia.Messages.Retaining;
using Tertulia.Messages.Revoking;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Searching;
using Tertulia.Messages.Sending;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Threads;
using Tertulia.Messages.Verbs;

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
        services.AddDatabase();
        services.AddRooms();
        services.AddHistory();
        services.AddReading();
        services.AddSearching();
        services.AddGrpc().AddServiceOptions<SecurityGrpc>(options => options.Interceptors.Add<StoreInterceptor>());
        services.AddRepeating();
        services.AddFollowing();
        services.AddVerbs();
        services.AddFlushing();
        services.AddRetaining();
        services.AddPrivacy();
        services.AddPartitions(); // Last: what starts last stops first, so the partitions are given up while everything they need still runs.
        return services;
    }

    /// <summary>Maps the gRPC service.</summary>
    public static WebApplication MapMessageService(this WebApplication app)
    {
        app.MapGrpcService<MessageGrpc>();
        app.MapGrpcService<FeedGrpc>();
        app.MapGrpcService<SecurityGrpc>();
        app.MapGrpcService<PrivacyGrpc>();
        app.MapGrpcService<RequestGrpc>();
        return app;
    }

    private static void AddDatabase(this IServiceCollection services)
    {
        services.AddSingleton(provider => MessageDatabase.Open(provider.GetRequiredService<IOptions<StoreOptions>>().Value));
        services.AddStore<IMessageStore>("store", provider => provider.GetRequiredService<MessageDatabase>().Store);
        services.AddSingleton(provider => provider.GetRequiredService<MessageDatabase>().Audit);
        services.AddSingleton(provider => provider.GetRequiredService<MessageDatabase>().Revocations);
        services.AddSingleton(provider => provider.GetRequiredService<MessageDatabase>().Reads);
        services.AddSingleton(provider => provider.GetRequiredService<MessageDatabase>().Lists);
        services.AddSingleton(provider => provider.GetRequiredService<MessageDatabase>().Marks);
        services.AddSingleton(provider => provider.GetRequiredService<MessageDatabase>().Requests);
    }

    private static void AddRooms(this IServiceCollection services)
    {
        services.AddSingleton<IValidateOptions<RoomOptions>, RoomOptionsValidator>();
        services.AddOptions<RoomOptions>().BindConfiguration(RoomOptions.Section).ValidateOnStart();
    }

    private static void AddHistory(this IServiceCollection services)
    {
        services.AddSingleton<IValidateOptions<ReadOptions>, ReadOptionsValidator>();
        services.AddSingleton<IValidateOptions<ReadOptions>, ReadOptionsRules>();
        services.AddOptions<ReadOptions>().BindConfiguration(ReadOptions.Section).ValidateOnStart();
        services.AddSingleton<ReadGate>();
        services.AddSingleton<RecentRooms>();
        services.AddSingleton<Snapshots>();
        services.AddSingleton<OneMessage>();
        services.AddSingleton<HistoryPages>();
        services.AddSingleton<ThreadPages>();
        services.AddSingleton<PinPages>();
        services.AddSingleton<RoomAccess>();
        services.AddSingleton<RoomPages>();
        services.AddSingleton<RoomDetailPages>();
        services.AddSingleton<CommunityPages>();
        services.AddSingleton<MemberPages>();
        services.AddSingleton<ReportPages>();
        services.AddGrpc().AddServiceOptions<MessageGrpc>(options => options.Interceptors.Add<StoreInterceptor>());
    }

    private static void AddReading(this IServiceCollection services)
    {
        services.AddServiceClient<PresenceService.PresenceServiceClient>("presence");
        services.TryAddSingleton<UserEventSender>();
        services.AddSingleton<UnreadCounts>();
        services.AddSingleton<MarkWriter>();
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<MarkWriter>());
    }

    private static void AddRepeating(this IServiceCollection services)
    {
        services.AddSingleton<IHostedService, RequestSweeper>();
        services.AddGrpc().AddServiceOptions<RequestGrpc>(options => options.Interceptors.Add<StoreInterceptor>());
    }

    private static void AddFollowing(this IServiceCollection services)
    {
        services.AddSingleton<FeedHints>();
        services.AddSingleton(provider => new FeedReader(
            provider.GetRequiredService<IMessageStore>(), () => provider.GetRequiredService<StoreStart<IMessageStore>>().Initialized,
            provider.GetRequiredService<ReadGate>(), provider.GetRequiredService<FeedHints>()));
        services.AddSingleton<IFeedSource>(provider => provider.GetRequiredService<FeedReader>());
        services.AddGrpc().AddServiceOptions<FeedGrpc>(options => options.Interceptors.Add<StoreInterceptor>());
    }

    // Not among what makes the service ready: nothing else waits for the index.
    private static void AddSearching(this IServiceCollection services)
    {
        services.AddSingleton(provider => provider.GetRequiredService<MessageDatabase>().Search);
        services.AddSingleton<StoreStart<ISearchIndex>>();
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<StoreStart<ISearchIndex>>());
        services.AddSingleton<MessageSearch>();
        services.AddSingleton<SearchStart>();
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<SearchStart>().Follower);
    }

    private static void AddRetaining(this IServiceCollection services)
    {
        services.AddSingleton<IValidateOptions<RetentionOptions>, RetentionOptionsValidator>();
        services.AddOptions<RetentionOptions>().BindConfiguration(RetentionOptions.Section).ValidateOnStart();
        services.AddSingleton<RetentionJob>();
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<RetentionJob>());
    }

    private static void AddPrivacy(this IServiceCollection services)
    {
        services.AddSingleton<UserExport>();
        services.AddSingleton<ErasureJob>();
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<ErasureJob>());
        services.AddGrpc().AddServiceOptions<PrivacyGrpc>(options => options.Interceptors.Add<StoreInterceptor>());
    }

    private static void AddFlushing(this IServiceCollection services)
    {
        services.AddLimitOptions();
        services.AddSingleton<IValidateOptions<SendOptions>, SendOptionsValidator>();
        services.AddOptions<SendOptions>().BindConfiguration(SendOptions.Section).ValidateOnStart();
        services.AddSingleton<FlushDecider>();
        services.AddSingleton<FlushLoops>();
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<FlushLoops>());
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
        services.AddSingleton<IHostedService, EpochWatch>();
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<PartitionOwnership>());
    }
}
