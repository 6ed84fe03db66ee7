using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy.Configuration;

namespace Tertulia.Feed.Tests;

/// <summary>The one place where the reverse proxy needs XXH64.</summary>
public sealed class HashCookieTests
{
    [Fact]
    public async Task A_client_with_the_proxys_cookie_stays_with_its_destination()
    {
        await using var first = await StartAsync(_ => { }, app => app.MapGet("/", () => "first"));
        await using var second = await StartAsync(_ => { }, app => app.MapGet("/", () => "second"));
        await using var proxy = await StartAsync(
            services => services.AddReverseProxy().LoadFromMemory(
                [new RouteConfig { RouteId = "all", ClusterId = "all", Match = new RouteMatch { Path = "{**rest}" } }],
                [
                    new ClusterConfig
                    {
                        ClusterId = "all",
                        LoadBalancingPolicy = "RoundRobin",
                        SessionAffinity = new SessionAffinityConfig { Enabled = true, Policy = "HashCookie", AffinityKeyName = "node" },
                        Destinations = new Dictionary<string, DestinationConfig>
                        {
                            ["first"] = new() { Address = first.Urls.Single() },
                            ["second"] = new() { Address = second.Urls.Single() },
                        },
                    },
                ]),
            app => app.MapReverseProxy());

        var seen = new HashSet<string>();
        for (var client = 0; client < 2; client++)
        {
            using var handler = new SocketsHttpHandler { CookieContainer = new CookieContainer() };
            using var http = new HttpClient(handler) { BaseAddress = new Uri(proxy.Urls.Single()) };
            var destination = await http.GetStringAsync("/");
            for (var i = 0; i < 3; i++)
            {
                Assert.Equal(destination, await http.GetStringAsync("/"));
            }

            seen.Add(destination);
        }

        Assert.Equal(["first", "second"], seen.Order());
    }

    private static async Task<WebApplication> StartAsync(Action<IServiceCollection> configure, Action<WebApplication> map)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        configure(builder.Services);

        var app = builder.Build();
        map(app);
        await app.StartAsync();
        return app;
    }
}
