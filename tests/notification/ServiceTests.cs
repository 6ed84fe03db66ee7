using System.Net;
using System.Net.Http.Json;
using Tertulia.Notifications.Tests.Support;

namespace Tertulia.Notifications.Tests;

public sealed class ServiceTests
{
    [Fact]
    public async Task The_service_starts_and_is_ready()
    {
        await using var service = await TestService.StartAsync();

        var health = await service.Http.GetFromJsonAsync<Health>("/health/ready");

        Assert.Equal(("ok", "notification"), (health!.Status, health.Service));
        Assert.Equal(["bus", "jobs", "notification-store"], health.Checks.Keys.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("GET", "/admin/jobs/failed")]
    [InlineData("POST", "/admin/jobs/failed/replay")]
    [InlineData("DELETE", "/admin/jobs/failed")]
    public async Task Commands_for_operators_are_for_those_who_know_the_secret(string method, string path)
    {
        await using var service = await TestService.StartAsync(settings: "Internal:OpenMetrics=true");

        using var stranger = await service.Http.SendAsync(new HttpRequestMessage(new HttpMethod(method), path));
        using var known = await service.Admin.SendAsync(new HttpRequestMessage(new HttpMethod(method), path));

        Assert.Equal((HttpStatusCode.Unauthorized, HttpStatusCode.OK), (stranger.StatusCode, known.StatusCode));
    }

    private sealed record Health(string Status, string Service, Dictionary<string, string> Checks);
}
