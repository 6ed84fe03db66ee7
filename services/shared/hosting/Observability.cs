using System.Diagnostics.Metrics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using OpenTelemetry;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Tertulia.Hosting;

/// <summary>Metrics at <c>/metrics</c>; metrics, traces and logs pushed by OTLP where <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> is set.</summary>
/// <remarks>Nothing runs for it between two scrapes. Without OTLP there are no spans, so that no request pays for one.</remarks>
internal static class Observability
{
    private const string OtlpEndpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";

    // Of all meters and activity sources of the product.
    private const string Ours = "Tertulia*";

    /// <summary>Sets of tags that an instrument may have; more of them are counted together, as <c>otel.metric.overflow</c>.</summary>
    /// <remarks>OpenTelemetry keeps places for all of them from the start. Its own limit, 2,000, is some 200 KiB for each instrument; none of these
    /// has a hundred: partitions, kinds, outcomes, destinations of the bus with types of failures.</remarks>
    internal const int MaxTagSets = 256;

    // Meters with a tag for each route, method or server, most of them times the status: these keep OpenTelemetry's limit.
    private static readonly HashSet<string> ManyTagSets = new(StringComparer.Ordinal)
    {
        RpcMeter.MeterName, "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Routing", "System.Net.Http", "System.Net.NameResolution",
    };

    public static void AddObservability(this WebApplicationBuilder builder, ProcessIdentity identity)
    {
        builder.Services.AddSingleton<IValidateOptions<TracingOptions>, TracingOptionsValidator>();
        builder.Services.AddOptions<TracingOptions>().BindConfiguration(TracingOptions.Section).ValidateOnStart();
        var telemetry = builder.Services.AddOpenTelemetry().ConfigureResource(resource => resource.AddService(
            $"tertulia-{identity.Service}", "tertulia", serviceInstanceId: identity.Id, autoGenerateServiceInstanceId: false));
        var pushes = !string.IsNullOrEmpty(builder.Configuration[OtlpEndpoint]);
        telemetry.WithMetrics(metrics =>
        {
            metrics.AddMeter(Ours)
                .AddAspNetCoreInstrumentation()
                .AddHttpClientInstrumentation()
                .AddRuntimeInstrumentation()
                .AddProcessInstrumentation()
                .AddView(LimitOf)
                .AddPrometheusExporter();
            if (pushes)
            {
                metrics.SetExemplarFilter(ExemplarFilterType.TraceBased).AddOtlpExporter();
            }
        });
        if (pushes)
        {
            // Read unchecked, as the first spans may come before the options are checked; with bad ones the process does not start.
            ClientTraces.Configure(builder.Configuration.GetSection(TracingOptions.Section).Get<TracingOptions>() ?? new());
            telemetry.WithTracing(tracing => AddTracing(tracing, TraceSampler.Of(builder.Configuration, isEdge: identity.Service == "gateway")));
            telemetry.WithLogging(logs => logs.AddOtlpExporter());
        }
    }

    /// <summary>Maps <c>/metrics</c>, for those who know the secret.</summary>
    public static void Map(IEndpointRouteBuilder app) => app.MapPrometheusScrapingEndpoint("/metrics").RequireInternalSecret();

    private static MetricStreamConfiguration? LimitOf(Instrument instrument) =>
        ManyTagSets.Contains(instrument.Meter.Name) ? null : new MetricStreamConfiguration { CardinalityLimit = MaxTagSets };

    private static void AddTracing(TracerProviderBuilder tracing, TraceSampler sampler)
    {
        tracing.AddSource(Ours)
            .SetSampler(sampler)
            .AddAspNetCoreInstrumentation(server => server.Filter = IsTraced)
            .AddGrpcClientInstrumentation()
            .AddHttpClientInstrumentation()
            .AddOtlpExporter();
    }

    // A WebSocket's request would be one span of hours, and probes and scrapes tell nothing about a user's request.
    private static bool IsTraced(HttpContext context) =>
        context.Request.Headers.Upgrade.Count == 0
        && !context.Request.Path.StartsWithSegments("/health", StringComparison.Ordinal)
        && !context.Request.Path.StartsWithSegments("/metrics", StringComparison.Ordinal);
}
