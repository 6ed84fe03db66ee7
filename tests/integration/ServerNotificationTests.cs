using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>What a backend says to a user is on all of the user's devices at once, on whichever nodes they are, and in the inbox once.</summary>
[Collection(LimitedCollection.Name)]
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class ServerNotificationTests(LimitedCluster fixture) : IDisposable
{
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(30) };
    private readonly string _user = $"ana-{Guid.NewGuid():N}";

    private IReadOnlyList<Uri> Nodes => fixture.Cluster.NodeUrls;

    public void Dispose() => _http.Dispose();

    [Fact]
    public async Task A_notification_reaches_two_devices_on_two_nodes_and_the_inbox_once()
    {
        var options = new ChatClientOptions { Token = Tokens.With(_user) };
        await using var phone = await ChatClient.ConnectAsync(Nodes[0], "/ws/notifications", options);
        await using var laptop = await ChatClient.ConnectAsync(Nodes[1], "/ws/notifications", options);
        await phone.AskAsync("\"type\":\"notifications\"");
        await laptop.AskAsync("\"type\":\"notifications\"");

        Assert.Equal(1, await NotifyAsync("first", key: "k1"));
        Assert.Equal(1, await NotifyAsync("first", key: "k1")); // The same request again: its answer, and nothing else.
        Assert.Equal(1, await NotifyAsync("second", key: "k2"));

        foreach (var device in new[] { phone, laptop })
        {
            await device.WaitForAsync(frame => frame.Type == "notification" && frame.Text("title") == "second", "the second notification");
            Assert.Equal(
                [("first", "order.shipped", "/orders/7", 1), ("second", "order.shipped", "/orders/7", 2)],
                device.Frames.Where(frame => frame.Type == "notification")
                    .Select(frame => (frame.Text("title"), frame.Text("kind"), frame.Text("link"), frame.Number("useq"))));
        }

        using var asked = new HttpRequestMessage(HttpMethod.Get, new Uri(fixture.Cluster.GatewayUrl, "/api/v1/notifications"));
        asked.Headers.Authorization = new AuthenticationHeaderValue("Bearer", options.Token);
        using var response = await _http.SendAsync(asked);
        var inbox = await response.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal(2, inbox.GetProperty("unread").GetInt32());
        Assert.Equal(["second", "first"], inbox.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("title").GetString()));
    }

    private async Task<int> NotifyAsync(string title, string key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(fixture.Cluster.GatewayUrl, "/api/v1/server/notifications"))
        {
            Content = JsonContent.Create(new { user_ids = new[] { _user }, title, body = "On its way", link = "/orders/7", kind = "order.shipped" }),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Tokens.With("shop", role: "service"));
        request.Headers.Add("Idempotency-Key", $"{key}-{_user}");
        using var response = await _http.SendAsync(request);
        response.EnsureSuccessStatusCode();
        return (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("notified").GetInt32();
    }
}
