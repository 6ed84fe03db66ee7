using Microsoft.Extensions.Options;

namespace Tertulia.Connections.Limits;

internal static class LimitSetup
{
    /// <summary>What one client may do.</summary>
    public static IServiceCollection AddLimits(this IServiceCollection services)
    {
        services.AddSingleton<IValidateOptions<LimitOptions>, LimitOptionsValidator>();
        services.AddOptions<LimitOptions>().BindConfiguration(LimitOptions.Section).ValidateOnStart();
        services.AddSingleton<UserRates>();
        services.AddSingleton<ConnectionCounts>();
        return services;
    }
}
