using Microsoft.Extensions.Options;
using Tertulia.Hosting;

namespace Tertulia.Notifications.Jobs;

/// <summary>Registers what jobs need; each feature adds its own handler.</summary>
internal static class JobSetup
{
    public static void AddJobs(this IServiceCollection services)
    {
        services.AddSingleton<IValidateOptions<JobsOptions>, JobsOptionsValidator>();
        services.AddOptions<JobsOptions>().BindConfiguration(JobsOptions.Section).ValidateOnStart();
        services.AddSingleton<JobStore>();
        services.AddSingleton<JobRunner>();
        services.AddSingleton<JobBus>();
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<JobBus>());
        services.AddSingleton<IHostedService, JobRelay>();
        services.AddReadinessCheck<JobBus>("jobs");
        // It logs errors and stacks for each attempt of what is tried again, and for a broker that is away; the bus, the relay and the runner say it once.
        services.AddLogging(logging => logging.AddFilter("MassTransit", LogLevel.None));
    }
}
