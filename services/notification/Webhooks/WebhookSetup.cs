using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Feed;
using Tertulia.Hosting;
using Tertulia.Notifications.Jobs;
using Tertulia.Notifications.Storage;
using Tertulia.Sql;

namespace Tertulia.Notifications.Webhooks;

/// <summary>Registers webhooks, and the follower that fills them.</summary>
internal static class WebhookSetup
{
    public static void AddWebhooks(this IServiceCollection services)
    {
        services.AddSingleton<IValidateOptions<WebhookOptions>, WebhookOptionsValidator>();
        services.AddSingleton<IValidateOptions<WebhookOptions>, WebhookOptionsRules>();
        services.AddOptions<WebhookOptions>().BindConfiguration(WebhookOptions.Section).ValidateOnStart();
        services.AddSingleton<WebhookStore>();
        services.AddSingleton<WebhookClient>();
        services.AddSingleton<WebhookFollower>();
        services.AddSingleton<IJobHandler, WebhookHandler>();
        services.AddSingleton<PresenceWebhooks>();
        services.AddSingleton<IHostedService>(provider => new PresenceFollower(
            () => provider.GetRequiredService<StoreStart<NotificationStore>>().Initialized,
            provider.GetRequiredService<PresenceService.PresenceServiceClient>(),
            provider.GetRequiredService<PresenceWebhooks>(),
            provider.GetRequiredKeyedService<Replicas>(NotificationServiceSetup.Service),
            provider.GetRequiredService<ProcessIdentity>().Id,
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<PresenceFollower>>()));
        services.AddServiceClient<FeedService.FeedServiceClient>("message");
        services.TryAddSingleton<IFeedSource, GrpcFeedSource>(); // Beside the message service it is that one's own.
        services.AddKeyedSingleton(NotificationServiceSetup.Service, (provider, _) => new Replicas(
            provider.GetRequiredService<ILiveBus>(), NotificationServiceSetup.Service, provider.GetRequiredService<ProcessIdentity>().Id,
            provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredKeyedService<Replicas>(NotificationServiceSetup.Service));
        services.AddSingleton<IHostedService>(provider => new FeedFollower(
            WebhookFollower.Name,
            provider.GetRequiredService<IOptions<LiveBusOptions>>().Value.Partitions,
            () => ReadyAsync(provider),
            provider.GetRequiredService<IFeedSource>(),
            provider.GetRequiredService<WebhookFollower>(),
            FeedPace.Relaxed,
            provider.GetRequiredKeyedService<Replicas>(NotificationServiceSetup.Service),
            provider.GetRequiredService<ILiveBus>(),
            provider.GetRequiredService<ProcessIdentity>().Id,
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<FeedFollower>>()));
    }

    /// <summary>The store can be used, and knows the webhooks of the configuration.</summary>
    private static async Task ReadyAsync(IServiceProvider provider)
    {
        await provider.GetRequiredService<StoreStart<NotificationStore>>().Initialized;
        var backoff = new Backoff(provider.GetRequiredService<TimeProvider>());
        while (true)
        {
            try
            {
                await provider.GetRequiredService<WebhookStore>().ConfigureAsync(CancellationToken.None);
                return;
            }
            catch (StoreUnavailableException)
            {
                await backoff.WaitAsync(provider.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping);
            }
        }
    }
}
