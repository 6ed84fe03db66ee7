using Microsoft.Extensions.Options;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Feed;
using Tertulia.Hosting;
using Tertulia.Notifications.Digests;
using Tertulia.Notifications.Explaining;
using Tertulia.Notifications.Following;
using Tertulia.Notifications.Jobs;
using Tertulia.Notifications.Preferences;
using Tertulia.Notifications.Storage;
using Tertulia.Notifications.Threads;
using Tertulia.Sql;

namespace Tertulia.Notifications.Inbox;

/// <summary>Registers the inboxes, and the follower that fills them. The replicas and the clients of other services are those of pushes and webhooks.</summary>
internal static class InboxSetup
{
    public static void AddInbox(this IServiceCollection services)
    {
        services.AddSingleton<IValidateOptions<InboxOptions>, InboxOptionsValidator>();
        services.AddSingleton<IValidateOptions<InboxOptions>, InboxOptionsRules>();
        services.AddOptions<InboxOptions>().BindConfiguration(InboxOptions.Section).ValidateOnStart();
        services.AddSingleton<UserEventSender>();
        services.AddSingleton<PreferenceStore>();
        services.AddSingleton<WithheldItems>();
        services.AddSingleton<IInboxListener>(provider => provider.GetRequiredService<WithheldItems>());
        services.AddSingleton<IJobHandler, DigestHandler>();
        services.AddSingleton<NotificationTrails>();
        services.AddSingleton<InboxStore>();
        services.AddSingleton<LateInboxes>();
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<LateInboxes>());
        services.AddSingleton<InboxNews>();
        services.AddSingleton<FollowedThreads>();
        services.AddSingleton<NotificationFollower>();
        services.AddSingleton<IHostedService, InboxPruner>();
        services.AddSingleton<IHostedService>(provider => new FeedFollower(
            NotificationServiceSetup.Service,
            provider.GetRequiredService<IOptions<LiveBusOptions>>().Value.Partitions,
            () => provider.GetRequiredService<StoreStart<NotificationStore>>().Initialized,
            provider.GetRequiredService<IFeedSource>(),
            provider.GetRequiredService<NotificationFollower>(),
            FeedPace.Prompt,
            provider.GetRequiredKeyedService<Replicas>(NotificationServiceSetup.Service),
            provider.GetRequiredService<ILiveBus>(),
            provider.GetRequiredService<ProcessIdentity>().Id,
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<FeedFollower>>()));
        services.AddGrpc().AddServiceOptions<InboxGrpc>(grpc => grpc.Interceptors.Add<StoreInterceptor>());
    }
}
