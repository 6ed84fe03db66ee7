using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Tertulia.Hosting;

/// <summary><c>/health/live</c>: the process answers. <c>/health/ready</c>: it wants traffic and its parts work. <c>/health</c>: the same, for people.</summary>
public static class Health
{
    private const string Live = "live";
    private const string Ready = "ready";
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2);
    private static readonly string[] Methods = [HttpMethods.Get, HttpMethods.Head];

    /// <summary>Registers a part of the process that can say whether it works.</summary>
    /// <typeparam name="TCheck">The registered singleton, or one is made. What it describes is one short sentence without secrets; its data are fields of the summary.</typeparam>
    /// <param name="services">Of the process.</param>
    /// <param name="name">In the summary: <c>bus</c>, <c>store</c>, <c>inbox</c>, <c>presence</c>, <c>nodes</c>.</param>
    public static IServiceCollection AddReadinessCheck<TCheck>(this IServiceCollection services, string name)
        where TCheck : class, IHealthCheck
    {
        services.AddHealthChecks().AddCheck<TCheck>(name, tags: [Ready], timeout: Deadline);
        return services;
    }

    internal static IServiceCollection AddHealth(this IServiceCollection services)
    {
        services.AddSingleton<Readiness>();
        services.AddHostedService<ReadinessSwitch>();
        services.AddHealthChecks().AddCheck<Readiness>(Readiness.Name, tags: [Ready]);
        ReadinessGauge.AddTo(services);
        return services;
    }

    internal static void Map(IEndpointRouteBuilder app)
    {
        Map(app, "/health/live", Live);
        Map(app, "/health/ready", Ready);
        Map(app, "/health", Ready);
    }

    private static void Map(IEndpointRouteBuilder app, string path, string tag) => app.MapHealthChecks(path, new HealthCheckOptions
    {
        Predicate = check => check.Tags.Contains(tag),
        ResponseWriter = tag == Live ? WriteLiveAsync : WriteSummaryAsync,
    }).WithMetadata(new HttpMethodMetadata(Methods)).WithName(path);

    private static Task WriteLiveAsync(HttpContext context, HealthReport report) => context.Response.WriteAsJsonAsync(new { status = "ok" });

    /// <summary>200 <c>{"status":"ok","service":…,"checks":{name:"ok"}}</c>, or 503 with <c>status</c> <c>starting</c>, <c>draining</c> or <c>degraded</c>
    /// and the sentence of each check that failed.</summary>
    private static Task WriteSummaryAsync(HttpContext context, HealthReport report)
    {
        var identity = context.RequestServices.GetRequiredService<ProcessIdentity>();
        var status = report.Entries[Readiness.Name].Description ?? (report.Status == HealthStatus.Healthy ? "ok" : "degraded");
        var body = new Dictionary<string, object> { ["status"] = status, ["service"] = identity.Service, ["id"] = identity.Id };
        foreach (var (name, value) in report.Entries.Values.SelectMany(entry => entry.Data))
        {
            body[name] = value;
        }

        body["checks"] = report.Entries.Where(entry => entry.Key != Readiness.Name).ToDictionary(entry => entry.Key, entry => Sentence(entry.Value));
        return context.Response.WriteAsJsonAsync(body);
    }

    private static string Sentence(HealthReportEntry entry) => entry switch
    {
        { Status: HealthStatus.Healthy } => "ok",
        { Exception: OperationCanceledException } => "no answer in time",
        { Exception: not null } => "failed", // What failed is in that part's own log; an exception's text may hold a connection string.
        _ => entry.Description ?? "failed",
    };
}
