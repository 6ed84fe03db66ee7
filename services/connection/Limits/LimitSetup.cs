using Tertulia.Hosting;

namespace Tertulia.Connections.Limits;

internal static class LimitSetup
{
    /// <summary>What one client may do.</summary>
    public static IServiceCollection AddLimits(this IServiceCollection services) => services
        .AddLimitOptions()
        .AddSingleton<UserRates>()
        .AddSingleton<ConnectionCounts>();
}
