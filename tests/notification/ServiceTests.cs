using System.Net.Http.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Hosting;
using Tertulia.Bus;
using Tertulia.Hosting;
using Tertulia.Testing;

namespace Tertulia.Notifications.Tests;

public sealed class ServiceTests
{
    [Fact]
    public async Task The_service_starts_and_is_ready()
    {
        var builder = WebApplication.CreateBuilder(
            ["--urls", $"http://127.0.0.1:{FreePorts.Next()}", "--Bus:Kind", "InProcess", "--environment", Environments.Development]);
        builder.AddDefaults("notification");
        builder.Services.AddLiveBus().AddNotificationService();
        await using var app = builder.Build();
        app.MapDefaults();
        app.MapNotificationService();

        await app.StartAsync();

        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
        var health = await client.GetFromJsonAsync<Health>("/health/ready");
        Assert.Equal(("ok", "notification"), (health!.Status, health.Service));
    }

    private sealed record Health(string Status, string Service);
}
