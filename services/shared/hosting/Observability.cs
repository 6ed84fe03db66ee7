using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Tertulia.Hosting;

/// <summary>Metrics at <c>/metrics</c>; metrics and traces pushed by OTLP where <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> is set.</summary>
/// <remarks>Nothing runs for it between two scrapes. Without OTLP there are no spans, so that no request pays for one.</remarks>
internal static class Observability
{
    private const string OtlpEndpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
    private const string Sampler = "OTEL_TRACES_SAMPLER";

    // Of all meters and activity sources of the product.
    private const string Ours = "Tertulia*";

    // Of the traces that begin here. Where a caller's trace is sampled, so is this part of it.
    private const double SampledShare = 0.01;

    public static void AddObservability(this WebApplicationBuilder builder, ProcessIdentity identity)
    {
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
                .AddPrometheusExporter();
            if (pushes)
            {
                metrics.AddOtlpExporter();
            }
        });
        if (pushes)
        {
            telemetry.WithTracing(tracing => AddTracing(tracing, hasSampler: !string.IsNullOrEmpty(builder.Configuration[Sampler])));
        }
    }

    /// <summary>Maps <c>/metrics</c>, for those who know the secret.</summary>
    public static void Map(IEndpointRouteBuilder app) => app.MapPrometheusScrapingEndpoint("/metrics").RequireInternalSecret();

    private static void AddTracing(TracerProviderBuilder tracing, bool hasSampler)
    {
        tracing.AddSource(Ours)
            .AddAspNetCoreInstrumentation(server => server.Filter = IsTraced)
            .AddGrpcClientInstrumentation()
            .AddHttpClientInstrumentation()
            .AddOtlpExporter();
        if (!hasSampler)
        {
            tracing.SetSampler(new ParentBasedSampler(new TraceIdRatioBasedSampler(SampledShare)));
        }
    }

    // A WebSocket's request would be one span of hours, and probes and scrapes tell nothing about a user's request.
    private static bool IsTraced(HttpContext context) =>
        context.Request.Headers.Upgrade.Count == 0
        && !context.Request.Path.StartsWithSegments("/health", StringComparison.Ordinal)
        && !context.Request.Path.StartsWithSegments("/metrics", StringComparison.Ordinal);
}
