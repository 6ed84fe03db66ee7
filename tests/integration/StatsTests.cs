using System.Net;
using System.Text.Json.Nodes;
using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>What the product says about itself over HTTP.</summary>
[Collection(TrafficCollection.Name)]
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class StatsTests(FaultCluster fixture) : IDisposable
{
    private readonly HttpClient _http = new();

    public void Dispose() => _http.Dispose();

    [Fact]
    public async Task Statistics_count_the_whole_cluster_in_the_documented_shape()
    {
        await Eventually.EqualsAsync("""{"total_connections":0,"total_rooms":0,"rooms":{}}""", StatsAsync, TimeSpan.FromSeconds(40));

        await using var phone = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[0], "1", "ana");
        await using var laptop = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[1], "1", "ana");
        await using var bruno = await ChatClient.JoinAsync(fixture.Gateways[1], "1", "bruno");
        await using var carla = await ChatClient.JoinAsync(fixture.Gateways[0], "2", "carla");
        await using var dario = await ChatClient.JoinAsync(fixture.Gateways[0], "2", "dario");

        await Eventually.EqualsAsync(
            """{"total_connections":5,"total_rooms":2,"rooms":{"1":{"connections":3,"users":2},"2":{"connections":2,"users":2}}}""", StatsAsync);
    }

    [Fact]
    public async Task Health_is_answered_at_every_door()
    {
        var gateway = await _http.GetAsync(new Uri(fixture.Gateways[0], "/health"));
        var summary = JsonNode.Parse(await gateway.Content.ReadAsStringAsync())!;

        Assert.Equal(HttpStatusCode.OK, gateway.StatusCode);
        Assert.Equal("ok", (string?)summary["status"]);
        Assert.Equal("gateway", (string?)summary["service"]);
        foreach (var url in (Uri[])[.. fixture.Gateways, .. fixture.Cluster.NodeUrls])
        {
            Assert.Equal(HttpStatusCode.OK, (await _http.GetAsync(new Uri(url, "/health/live"))).StatusCode);
            Assert.Equal(HttpStatusCode.OK, (await _http.GetAsync(new Uri(url, "/health/ready"))).StatusCode);
        }
    }

    private async Task<string> StatsAsync() => await _http.GetStringAsync(new Uri(fixture.Gateways[0], "/ws/stats"));
}
