using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Tertulia.Bus.InProcess;
using Tertulia.Bus.RabbitMq;
using Tertulia.Hosting;

namespace Tertulia.Bus;

/// <summary>The ways through the broker.</summary>
public static class BusServiceSetup
{
    /// <summary>Registers <see cref="ILiveBus"/> and <see cref="ISubmitQueue"/> with the adapter that <c>Bus:Kind</c> names, and the readiness check <c>bus</c>.</summary>
    public static IServiceCollection AddLiveBus(this IServiceCollection services)
    {
        services.AddSingleton<IValidateOptions<LiveBusOptions>, LiveBusOptionsValidator>();
        services.AddOptions<LiveBusOptions>().BindConfiguration(LiveBusOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<RabbitMqOptions>, RabbitMqOptionsValidator>();
        services.AddOptions<RabbitMqOptions>().BindConfiguration(RabbitMqOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<InProcessBusOptions>, InProcessBusOptionsValidator>();
        services.AddOptions<InProcessBusOptions>().BindConfiguration(InProcessBusOptions.Section).ValidateOnStart();

        // Singletons are made when they are first asked for: of the adapters, only the one that the configuration names.
        services.AddSingleton(provider => new RabbitMqBroker(
            provider.GetRequiredService<IOptions<RabbitMqOptions>>(),
            provider.GetRequiredService<ProcessIdentity>().Id,
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<RabbitMqBroker>>()));
        services.AddSingleton<RabbitMqLiveBus>();
        services.AddSingleton<RabbitMqSubmitQueue>();
        services.AddSingleton<InProcessLiveBus>();
        services.AddSingleton<InProcessSubmitQueue>();
        services.AddSingleton<ILiveBus>(provider => KindOf(provider) switch
        {
            BusKind.InProcess => provider.GetRequiredService<InProcessLiveBus>(),
            _ => provider.GetRequiredService<RabbitMqLiveBus>(),
        });
        services.AddSingleton<ISubmitQueue>(provider => KindOf(provider) switch
        {
            BusKind.InProcess => provider.GetRequiredService<InProcessSubmitQueue>(),
            _ => provider.GetRequiredService<RabbitMqSubmitQueue>(),
        });
        services.AddReadinessCheck<BusReadiness>("bus");
        services.AddHostedService<BusStart>();
        return services;
    }

    private static BusKind KindOf(IServiceProvider provider) => provider.GetRequiredService<IOptions<LiveBusOptions>>().Value.Kind;

    /// <summary>Connects at the start of the process instead of at the first use, so that it can become ready.</summary>
    private sealed class BusStart(IServiceProvider provider) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken)
        {
            var isRabbitMq = KindOf(provider) == BusKind.RabbitMq;
            BusTrace.Describe(
                provider.GetRequiredService<ProcessIdentity>().Id, isRabbitMq ? provider.GetRequiredService<IOptions<RabbitMqOptions>>().Value : null);
            if (isRabbitMq)
            {
                provider.GetRequiredService<RabbitMqBroker>().Start();
            }

            return Task.CompletedTask;
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
