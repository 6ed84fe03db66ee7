using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Tertulia.Hosting;

/// <summary>What every process of the product has in common.</summary>
public static class Defaults
{
    /// <summary>Listeners, authentication between processes, health, gRPC with refusals as trailers, one-line logs and a time to drain.</summary>
    /// <param name="builder">The host that is being built.</param>
    /// <param name="service">Short name of the process: <c>gateway</c>, <c>connection</c>, <c>message</c>, <c>presence</c>, <c>notification</c>, <c>allinone</c>.</param>
    public static WebApplicationBuilder AddDefaults(this WebApplicationBuilder builder, string service)
    {
        var identity = new ProcessIdentity(service);
        builder.Services.AddSingleton(identity);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddHealth();
        builder.Services.AddOptions<DrainOptions>().BindConfiguration(DrainOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        // The host is made before the options are checked, so it takes this one unchecked; the start goes no further with a bad one.
        builder.Services.Configure<HostOptions>(host =>
            host.ShutdownTimeout = (builder.Configuration.GetSection(DrainOptions.Section).Get<DrainOptions>() ?? new()).Grace + TimeSpan.FromSeconds(10));
        builder.Services.AddInternalAuth();
        builder.Services.AddSingleton<IStartupFilter, DotSegments>();
        builder.Services.AddSingleton<IStartupFilter, HeadRequests>();
        builder.Services.AddGrpc(options =>
        {
            options.Interceptors.Add<RpcMeter>();
            options.Interceptors.Add<RpcExceptionInterceptor>();
        });
        builder.AddLogs();
        builder.AddObservability(identity); // Adds to where logs go.
        builder.WebHost.AddListeners();
        return builder;
    }

    private static void AddLogs(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<IValidateOptions<LogOptions>, LogOptionsValidator>();
        builder.Services.AddOptions<LogOptions>().BindConfiguration(LogOptions.Section).ValidateOnStart();
        builder.Logging.ClearProviders();
        var format = builder.Configuration[$"{LogOptions.Section}:{nameof(LogOptions.Format)}"];
        if (string.Equals(format, nameof(LogFormat.Json), StringComparison.OrdinalIgnoreCase))
        {
            builder.Logging.AddJsonConsole(console =>
            {
                console.IncludeScopes = true; // The trace is one.
                console.UseUtcTimestamp = true;
                console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ";
            });
        }
        else
        {
            builder.Logging.AddSimpleConsole(console =>
            {
                console.SingleLine = true;
                console.UseUtcTimestamp = true;
                console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
            });
        }

        if (!string.IsNullOrEmpty(builder.Configuration[$"{LogOptions.Section}:{nameof(LogOptions.Folder)}"]))
        {
            builder.Services.AddSingleton<ILoggerProvider, LogFile>();
            ConsoleWarnings.ReplaceConsole(builder.Services);
        }

        // The framework logs every request, query string and token included, at Information.
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        // It warns at every start that the listeners are ours (Listeners.cs) and not those of `urls`.
        builder.Logging.AddFilter("Microsoft.AspNetCore.Server.Kestrel", LogLevel.Error);
        builder.Logging.AddFilter("Microsoft.AspNetCore.Server.Kestrel.", LogLevel.Warning);
        // It logs an error for each probe that finds a part not ready; the part says it once, itself.
        builder.Logging.AddFilter("Microsoft.Extensions.Diagnostics.HealthChecks", LogLevel.None);
        builder.Logging.AddFilter("Grpc", LogLevel.Warning);
        // A stack trace for every caller that gave up. What a service throws is told by RpcExceptionInterceptor.
        builder.Logging.AddFilter("Grpc.AspNetCore.Server.ServerCallHandler", LogLevel.Critical);
        builder.Logging.AddFilter("System.Net.Http.HttpClient", LogLevel.Warning);
    }

    /// <summary>Maps <c>/health/live</c>, <c>/health/ready</c>, <c>/health</c> and <c>/metrics</c>, and answers what is not there with a problem.</summary>
    public static WebApplication MapDefaults(this WebApplication app)
    {
        // Mapping reads options: all are checked before, so that all bad keys are named at once, and not by the host, which logs a stack.
        app.Services.GetService<IStartupValidator>()?.Validate();
        app.UseMiddleware<ClientsThatLeave>();
        app.UseStatusCodePages(NotFound.AnswerAsync);
        Health.Map(app);
        Observability.Map(app);
        return app;
    }
}
