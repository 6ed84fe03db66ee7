using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Notifications.Admin;
using Tertulia.Notifications.Inbox;
using Tertulia.Notifications.Jobs;
using Tertulia.Notifications.Privacy;
using Tertulia.Notifications.Push;
using Tertulia.Notifications.Storage;
using Tertulia.Notifications.Webhooks;
using Tertulia.Sql;

namespace Tertulia.Notifications;

/// <summary>What reaches users outside of the rooms that they look at, and what other systems are told: the parts, feature by feature.</summary>
public static class NotificationServiceSetup
{
    /// <summary>The service's name among replicas and in configuration.</summary>
    internal const string Service = "notification";

    /// <summary>Everything the notification service consists of. Needs <c>AddDefaults</c> and <c>AddLiveBus</c>.</summary>
    public static IServiceCollection AddNotificationService(this IServiceCollection services)
    {
        services.AddMetrics();
        services.AddSingleton<Telemetry>();
        services.AddStore("notification-store", NotificationStore.Open);
        services.AddJobs();
        services.AddServiceClient<SecurityService.SecurityServiceClient>("message");
        services.AddSingleton<IJobHandler, OperatorRecords>();
        services.AddEgress();
        services.AddPush();
        services.AddWebhooks();
        services.AddInbox();
        services.AddServiceClient<PrivacyService.PrivacyServiceClient>("message");
        services.AddSingleton<UserEraser>();
        services.AddSingleton<IHostedService, ErasedUsers>();
        services.AddSingleton<IHostedService, Census>();
        return services;
    }

    /// <summary>Maps the gRPC services, and the commands for operators.</summary>
    public static WebApplication MapNotificationService(this WebApplication app)
    {
        app.MapGrpcService<PushGrpc>();
        var admin = app.MapAdmin();
        FailedJobEndpoints.Map(admin);
        WebhookEndpoints.Map(admin);
        app.MapGrpcService<InboxGrpc>();
        return app;
    }
}
