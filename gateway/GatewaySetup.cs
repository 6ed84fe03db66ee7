using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.Options;
using Tertulia.Gateway.Draining;
using Tertulia.Gateway.Limits;
using Tertulia.Gateway.Links;
using Tertulia.Hosting;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.LoadBalancing;
using Yarp.ReverseProxy.ServiceDiscovery;

namespace Tertulia.Gateway;

/// <summary>The public door: forwards to the nodes, knows nothing of chat.</summary>
public static class GatewaySetup
{
    /// <summary>Connections that wait to be accepted: clients of a node that died come back together. The kernel's <c>net.core.somaxconn</c> holds, too.</summary>
    private const int Backlog = 4096;

    /// <summary>Routes, cluster, limits and drain.</summary>
    public static WebApplicationBuilder AddGateway(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddSingleton<IValidateOptions<GatewayOptions>, GatewayOptionsValidator>();
        services.AddSingleton<IValidateOptions<GatewayOptions>, GatewayListsValidator>();
        services.AddOptions<GatewayOptions>().BindConfiguration(GatewayOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<TlsOptions>, TlsOptionsValidator>();
        services.AddSingleton<IValidateOptions<TlsOptions>, TlsFilesValidator>();
        services.AddOptions<TlsOptions>().BindConfiguration(TlsOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<ClientLimitOptions>, ClientLimitOptionsValidator>();
        services.AddOptions<ClientLimitOptions>().BindConfiguration(ClientLimitOptions.Section).ValidateOnStart();

        services.AddMetrics();
        services.AddSingleton<Telemetry>();
        services.AddSingleton<TlsCertificate>();
        services.AddSingleton<ClientLimits>();
        services.AddSingleton<OpenSockets>();
        services.AddSingleton<NodeCalls>();
        services.AddReadinessCheck<NodesReadiness>("nodes");
        services.AddHostedService<DrainOnStop>();
        services.AddSingleton<WaitingBytes>();
        services.AddSingleton<AllLinks>();
        services.AddHostedService(provider => provider.GetRequiredService<AllLinks>());
        services.AddSingleton<ILoadBalancingPolicy, FewestClients>();
        services.AddSingleton<DrainAwareHealth>();
        services.AddSingleton<IActiveHealthCheckPolicy>(provider => provider.GetRequiredService<DrainAwareHealth>());
        services.AddSingleton<IProxyConfigProvider>(provider => new InMemoryConfigProvider(
            GatewayRoutes.Routes(provider.GetRequiredService<ProcessIdentity>().Id, provider.GetRequiredService<InternalAuth>().Proof),
            [GatewayRoutes.Nodes(provider.GetRequiredService<IOptions<GatewayOptions>>().Value)]));
        services.AddReverseProxy();
        services.AddSingleton<IForwarderHttpClientFactory, NodeHttpClients>();
        if (Section<GatewayOptions>(builder.Configuration, GatewayOptions.Section).ResolveEvery is not null)
        {
            services.AddSingleton<IDestinationResolver, NodeNames>();
        }

        services.AddCors();
        services.AddOptions<Microsoft.AspNetCore.Cors.Infrastructure.CorsOptions>()
            .Configure<IOptions<GatewayOptions>>((cors, options) => cors.AddDefaultPolicy(CorsPolicies.Of(options.Value)));
        services.AddOptions<ForwardedHeadersOptions>().Configure<IOptions<GatewayOptions>>(Believe);
        // What a client gets is written by the pool's thread that has read it from the node's link: nothing here waits, so that no other one need be woken. No such
        // thread polls sockets: the runtime's own do, and they run nothing of ours.
        builder.WebHost.UseSockets(sockets =>
        {
            sockets.UnsafePreferInlineScheduling = true;
            sockets.Backlog = Backlog;
        });
        // The server is made before the options are checked, so it takes them unchecked; the start goes no further with bad ones.
        builder.WebHost.ConfigureKestrel((context, kestrel) =>
        {
            kestrel.Limits.MaxRequestBodySize = Section<GatewayOptions>(context.Configuration, GatewayOptions.Section).RequestBodyBytes;
            TlsCertificate.Listen(kestrel, Section<TlsOptions>(context.Configuration, TlsOptions.Section));
        });

        // At Information the forwarder logs every upstream address with the query string, which may hold a token; at Warning a stack
        // trace for every client that went away. Nodes that come and go are told by DrainAwareHealth, in one line.
        builder.Logging.AddFilter("Yarp", LogLevel.Warning);
        builder.Logging.AddFilter("Yarp.ReverseProxy.Health", LogLevel.Error);
        builder.Logging.AddFilter("Yarp.ReverseProxy.Forwarder", LogLevel.Error);
        return builder;
    }

    /// <summary>The pipeline, from the outside in.</summary>
    public static WebApplication MapGateway(this WebApplication app)
    {
        // Mapping reads the options, before the start checks them: check all now, so that all bad keys are named at once.
        app.Services.GetRequiredService<IStartupValidator>().Validate();
        if (app.Services.GetRequiredService<IOptions<TlsOptions>>().Value.Port is not null)
        {
            app.Services.GetRequiredService<Telemetry>().Observe(() => app.Services.GetRequiredService<TlsCertificate>().Current().Certificate);
        }

        app.UseForwardedHeaders(); // First: everything after it sees the client's own address.
        app.UseCors(); // Before the limits, so that a page may read a 429, too.
        app.UseMiddleware<ClientLimitsMiddleware>();
        app.UseMiddleware<HandshakeMiddleware>();
        app.MapReverseProxy(proxy =>
        {
            proxy.UseMiddleware<AnotherNodeMiddleware>();
            proxy.UseLoadBalancing();
            if (app.Services.GetRequiredService<IOptions<GatewayOptions>>().Value.WebSockets == WebSocketWay.Link)
            {
                proxy.UseMiddleware<LinkMiddleware>(); // Else the forwarder, which comes next, carries them, too.
            }
        });
        return app;
    }

    private static T Section<T>(IConfiguration configuration, string section)
        where T : class, new() => configuration.GetSection(section).Get<T>() ?? new T();

    private static void Believe(ForwardedHeadersOptions headers, IOptions<GatewayOptions> options)
    {
        var networks = options.Value.TrustedNetworks;
        // Without a network here the middleware would believe everybody.
        headers.ForwardedHeaders = networks.Length == 0
            ? ForwardedHeaders.None
            : ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto | ForwardedHeaders.XForwardedHost;
        headers.ForwardLimit = null; // As far back as the proxies are ours.
        headers.KnownProxies.Clear();
        headers.KnownIPNetworks.Clear();
        foreach (var network in networks)
        {
            headers.KnownIPNetworks.Add(network);
        }
    }
}
