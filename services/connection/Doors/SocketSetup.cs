using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;

namespace Tertulia.Connections.Doors;

internal static class SocketSetup
{
    /// <summary>What all doors with long connections share.</summary>
    public static IServiceCollection AddSockets(this IServiceCollection services)
    {
        services.AddSingleton<IValidateOptions<SocketOptions>, SocketOptionsValidator>();
        services.AddSingleton<IValidateOptions<SocketOptions>, SocketOptionsRules>();
        services.AddSingleton<IValidateOptions<OutboxOptions>, OutboxOptionsValidator>();
        services.AddSingleton<IValidateOptions<OutboxOptions>, OutboxOptionsRules>();
        services.AddOptions<OutboxOptions>().BindConfiguration(OutboxOptions.Section).ValidateOnStart();
        services.AddOptions<SocketOptions>().BindConfiguration(SocketOptions.Section).ValidateOnStart();
        // Else the server keeps the header values of a request, cookies and tokens, for the connection's next one: a socket's never comes.
        services.Configure<KestrelServerOptions>(kestrel => kestrel.DisableStringReuse = true);
        services.AddSingleton<OriginRules>();
        services.AddSingleton<SocketAdmission>();
        services.AddSingleton<OutboxBudget>();
        services.AddSingleton<SessionSweeper>();
        services.AddHostedService(provider => provider.GetRequiredService<SessionSweeper>());
        return services;
    }
}
