using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Tertulia.Hosting;

/// <summary>What every process of the product has in common.</summary>
public static class Defaults
{
    /// <summary>Listeners, authentication between processes, health, gRPC with refusals as trailers, one-line logs and a time to drain.</summary>
    /// <param name="builder">The host that is being built.</param>
    /// <param name="service">Short name of the process: <c>gateway</c>, <c>connection</c>, <c>message</c>, <c>presence</c>, <c>allinone</c>.</param>
    public static WebApplicationBuilder AddDefaults(this WebApplicationBuilder builder, string service)
    {
        builder.Services.AddSingleton(new ProcessIdentity(service));
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<Readiness>();
        builder.Services.AddHostedService<ReadinessSwitch>();
        builder.Services.AddOptions<DrainOptions>().BindConfiguration(DrainOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddOptions<HostOptions>().Configure<Microsoft.Extensions.Options.IOptions<DrainOptions>>(
            (host, drain) => host.ShutdownTimeout = drain.Value.Grace + TimeSpan.FromSeconds(10));
        builder.Services.AddInternalAuth();
        builder.Services.AddSingleton<IStartupFilter, DotSegments>();
        builder.Services.AddGrpc(options => options.Interceptors.Add<RpcExceptionInterceptor>());
        builder.Services.AddSingleton<GrpcChannels>();
        builder.Logging.ClearProviders();
        builder.Logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
        });
        // The framework logs every request, query string and token included, at Information.
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        // It warns at every start that the listeners are ours (Listeners.cs) and not those of `urls`.
        builder.Logging.AddFilter("Microsoft.AspNetCore.Server.Kestrel", LogLevel.Error);
        builder.Logging.AddFilter("Microsoft.AspNetCore.Server.Kestrel.", LogLevel.Warning);
        builder.Logging.AddFilter("Grpc", LogLevel.Warning);
        builder.Logging.AddFilter("System.Net.Http.HttpClient", LogLevel.Warning);
        builder.WebHost.AddListeners();
        return builder;
    }

    /// <summary>Maps <c>/health/live</c>, <c>/health/ready</c> and <c>/health</c>.</summary>
    public static WebApplication MapDefaults(this WebApplication app)
    {
        HealthEndpoints.Map(app);
        return app;
    }
}
