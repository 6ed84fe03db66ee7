using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Tertulia.Hosting;

namespace Tertulia.Sql;

/// <summary>Registers the stores of a process; each service has one of its own, and they share <see cref="StoreOptions"/>.</summary>
public static class StoreSetup
{
    /// <summary>Registers a store, its start (<see cref="StoreStart{TStore}"/>) and its readiness.</summary>
    /// <typeparam name="TStore">The service's port.</typeparam>
    /// <param name="services">Of the process.</param>
    /// <param name="readiness">Name in the summary of <c>/health</c>; services that share a process need different ones.</param>
    /// <param name="open">Makes the store. The options are the service's own: see <see cref="StoreOptions.ForFile"/>.</param>
    public static IServiceCollection AddStore<TStore>(this IServiceCollection services, string readiness, Func<StoreOptions, TStore> open)
        where TStore : class, IStore => services.AddStore(readiness, (IServiceProvider provider) => open(provider.GetRequiredService<IOptions<StoreOptions>>().Value));

    /// <inheritdoc cref="AddStore{TStore}(IServiceCollection, string, Func{StoreOptions, TStore})"/>
    public static IServiceCollection AddStore<TStore>(this IServiceCollection services, string readiness, Func<IServiceProvider, TStore> open)
        where TStore : class, IStore
    {
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<StoreOptions>, StoreOptionsValidator>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<StoreOptions>, StoreOptionsRules>());
        services.AddOptions<StoreOptions>().BindConfiguration(StoreOptions.Section).ValidateOnStart();
        services.AddSingleton(open);
        services.AddSingleton<StoreStart<TStore>>();
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<StoreStart<TStore>>());
        services.AddReadinessCheck<StoreReadiness<TStore>>(readiness);
        return services;
    }
}
