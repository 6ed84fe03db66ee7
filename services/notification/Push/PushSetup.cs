using Microsoft.Extensions.Options;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Notifications.Egress;
using Tertulia.Notifications.Inbox;
using Tertulia.Notifications.Jobs;
using Tertulia.Sql;

namespace Tertulia.Notifications.Push;

/// <summary>Registers Web Push.</summary>
internal static class PushSetup
{
    public static void AddPush(this IServiceCollection services)
    {
        services.AddSingleton<IValidateOptions<PushOptions>, PushOptionsValidator>();
        services.AddSingleton<IValidateOptions<PushOptions>, PushOptionsRules>();
        services.AddOptions<PushOptions>().BindConfiguration(PushOptions.Section).ValidateOnStart();
        services.AddSingleton<Vapid>();
        services.AddSingleton<PushSubscriptions>();
        services.AddSingleton<PushLog>();
        services.AddSingleton(provider => new PushClient(
            provider.GetRequiredService<EgressRules>(), provider.GetRequiredService<Vapid>().TokensAsync, provider.GetRequiredService<TimeProvider>()));
        services.AddServiceClient<PresenceService.PresenceServiceClient>("presence");
        services.AddSingleton<IInboxListener, InboxPushes>();
        services.AddSingleton<PresenceFocus>();
        services.AddSingleton<FocusedRooms>(provider => provider.GetRequiredService<PresenceFocus>().OfAsync);
        services.AddGrpc().AddServiceOptions<PushGrpc>(grpc => grpc.Interceptors.Add<StoreInterceptor>());
        services.AddSingleton<IJobHandler, PushUserHandler>();
        services.AddSingleton<IJobHandler, PushHandler>();
    }

    public static void AddEgress(this IServiceCollection services)
    {
        services.AddSingleton<IValidateOptions<EgressOptions>, EgressOptionsValidator>();
        services.AddSingleton<IValidateOptions<EgressOptions>, EgressOptionsRules>();
        services.AddOptions<EgressOptions>().BindConfiguration(EgressOptions.Section).ValidateOnStart();
        services.AddSingleton<EgressRules>();
    }
}
