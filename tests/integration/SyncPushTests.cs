using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>An update that is pushed is kept: who is in sync sees it at once, who was away pulls it, once and in order.</summary>
[Collection(TrafficCollection.Name)]
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class SyncPushTests(FaultCluster fixture) : IDisposable
{
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(30) };

    public void Dispose() => _http.Dispose();

    [Fact]
    public async Task Who_has_a_socket_sees_the_updates_and_who_has_none_pulls_them_from_its_position()
    {
        await using var bruno = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[1], "sync", "bruno");
        var start = (await PullAsync("carla", "")).Position;

        await PushAsync("ana", 1); // Who entered by no frame.
        await PushAsync("ana", 2);
        var (first, position) = await PullAsync("carla", start);
        await PushAsync("carla", 3);
        var (second, end) = await PullAsync("carla", position);
        var (none, still) = await PullAsync("carla", end);

        Assert.Equal([1, 2], first);
        Assert.Equal([3], second);
        Assert.Empty(none);
        Assert.Equal(end, still);
        await bruno.WaitForAsync(frame => frame.Type == "message" && NumberOf(frame.Data) == 3, "the third update");
        Assert.Equal([1, 2, 3], bruno.Frames.Where(frame => frame.Type == "message").Select(frame => NumberOf(frame.Data)));
    }

    private static int NumberOf(JsonElement message) => message.GetProperty("metadata").GetProperty("n").GetInt32();

    private async Task PushAsync(string userId, int number)
    {
        using var response = await _http.PostAsJsonAsync(new Uri(fixture.Gateways[0], $"/api/sync/push?user_id={userId}"), new { n = number });
        Assert.Equal(HttpStatusCode.Created, response.StatusCode);
    }

    private async Task<(int[] Numbers, string Position)> PullAsync(string userId, string since)
    {
        var answer = await _http.GetFromJsonAsync<JsonElement>(new Uri(fixture.Gateways[1], $"/api/sync/pull?user_id={userId}&since={since}"));
        return ([.. answer.GetProperty("items").EnumerateArray().Select(NumberOf)], answer.GetProperty("position").GetString()!);
    }
}
