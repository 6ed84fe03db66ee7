using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Tertulia.Bus;
using Tertulia.Hosting;

namespace Tertulia.Connections.Tests;

public sealed class RoutesTests
{
    [Theory]
    [InlineData("Development", true)]
    [InlineData("Jwt", false)]
    public async Task Every_route_is_there_once_and_tokens_are_minted_in_development_only(string mode, bool mints)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = "Development" });
        builder.Configuration["Auth:Mode"] = mode;
        builder.Configuration["Auth:Secret"] = Auth.TokenIssuer.Secret;
        builder.Configuration["Bus:Kind"] = "InProcess";
        builder.Configuration["Services:message"] = "http://127.0.0.1:1";
        builder.Configuration["Services:presence"] = "http://127.0.0.1:1";
        builder.Configuration["Services:notification"] = "http://127.0.0.1:1";
        builder.AddDefaults("connection");
        builder.Services.AddLiveBus().AddConnectionService();
        await using var app = builder.Build();
        app.MapConnectionService();

        var routes = ((IEndpointRouteBuilder)app).DataSources.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()
            .SelectMany(endpoint => (endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? []).Select(method => $"{method} {endpoint.RoutePattern.RawText}"))
            .ToArray();

        Assert.Equal(routes.Distinct(), routes);
        Assert.Contains("GET /ws/{room_id}", routes);
        Assert.Equal(mints, routes.Contains("POST /api/v1/auth/token"));
    }
}
