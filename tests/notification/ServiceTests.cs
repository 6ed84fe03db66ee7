using System.Net;
using System.Net.Http.Json;
using Tertulia.Notifications.Tests.Support;

namespace Tertulia.Notifications.Tests;

public sealed class ServiceTests(SharedService shared) : IClassFixture<SharedService>
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

    [Theory]
    [InlineData("GET", "/admin/jobs/failed?kind=%00", null)]
    [InlineData("GET", "/admin/jobs/failed?after=00", null)]
    [InlineData("GET", "/admin/jobs/failed?after=zz", null)]
    [InlineData("GET", "/admin/jobs/failed?limit=many", null)]
    [InlineData("POST", "/admin/jobs/failed/replay?key=%00", null)]
    [InlineData("DELETE", "/admin/jobs/failed?key=a%00b", null)]
    [InlineData("DELETE", "/admin/webhooks/a%00b", null)]
    [InlineData("POST", "/admin/webhooks/a%00b/enable", null)]
    [InlineData("PUT", "/admin/webhooks/a", "null")]
    [InlineData("PUT", "/admin/webhooks/a", "[]")]
    [InlineData("PUT", "/admin/webhooks/a", "{")]
    [InlineData("PUT", "/admin/webhooks/a", """{"url":null,"secret":null,"events":null,"rooms":null}""")]
    [InlineData("PUT", "/admin/webhooks/a", """{"url":"https://example.org/a\u0000b","secret":"0123456789abcdef"}""")]
    [InlineData("PUT", "/admin/webhooks/a", """{"url":"https://example.org","secret":"0123456789abcde\u0000"}""")]
    [InlineData("PUT", "/admin/webhooks/a", """{"url":"https://example.org","secret":"0123456789abcdef","events":"all"}""")]
    [InlineData("PUT", "/admin/webhooks/a", """{"url":"https://example.org","secret":"0123456789abcdef","rooms":[null]}""")]
    public async Task What_makes_no_sense_is_a_bad_request_and_no_failure(string method, string path, string? body)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path)
        {
            Content = body is null ? null : new StringContent(body, System.Text.Encoding.UTF8, "application/json"),
        };

        using var answer = await shared.Service.Admin.SendAsync(request);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    private sealed record Health(string Status, string Service, Dictionary<string, string> Checks);
}

/// <summary>One service for tests that change nothing.</summary>
public sealed class SharedService : IAsyncLifetime
{
    private TestService? _service;

    internal TestService Service => _service ?? throw new InvalidOperationException("The service did not start");

    public async Task InitializeAsync() => _service = await TestService.StartAsync();

    public async Task DisposeAsync() => await Service.DisposeAsync();
}
