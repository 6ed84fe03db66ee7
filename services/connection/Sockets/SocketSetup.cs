using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;
using Tertulia.Connections.Limits;
using Tertulia.Hosting;

namespace Tertulia.Connections.Sockets;

internal static class SocketSetup
{
    /// <summary>The WebSocket way in.</summary>
    public static IServiceCollection AddSockets(this IServiceCollection services)
    {
        services.AddSingleton<IValidateOptions<SocketOptions>, SocketOptionsValidator>();
        services.AddSingleton<IValidateOptions<SocketOptions>, SocketOptionsRules>();
        services.AddOptions<SocketOptions>().BindConfiguration(SocketOptions.Section).ValidateOnStart();
        // Else the server keeps the header values of a request, cookies and tokens, for the connection's next one: a socket's never comes.
        services.Configure<KestrelServerOptions>(kestrel => kestrel.DisableStringReuse = true);
        services.AddSingleton<OriginRules>();
        services.AddSingleton<SocketAdmission>();
        services.AddSingleton<NativeSocket>();
        services.AddSingleton<SocketSweeper>();
        services.AddHostedService(provider => provider.GetRequiredService<SocketSweeper>());
        services.AddStormCompaction(provider =>
        {
            var counts = provider.GetRequiredService<ConnectionCounts>();
            return () => counts.Total;
        });
        return services;
    }
}
