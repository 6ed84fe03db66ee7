using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>A user is exported and deleted over the whole cluster: others see tombstones, their inboxes lose what the user said, and nothing is left to export.</summary>
[Collection(LimitedCollection.Name)]
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class UserDeletionTests(LimitedCluster fixture) : IDisposable
{
    private readonly HttpClient _http = new() { BaseAddress = fixture.Cluster.GatewayUrl, Timeout = TimeSpan.FromSeconds(30) };
    private readonly string _user = $"ana-{Guid.NewGuid():N}";
    private readonly string _other = $"bruno-{Guid.NewGuid():N}";
    private readonly string _room = $"deletion-{Guid.NewGuid():N}";

    private IReadOnlyList<Uri> Nodes => fixture.Cluster.NodeUrls;

    public void Dispose() => _http.Dispose();

    [Fact]
    public async Task What_a_user_wrote_is_gone_everywhere_when_the_deletion_says_that_it_is_done()
    {
        await using var ana = await InAsync(Nodes[0], _user);
        await using var bruno = await InAsync(Nodes[1], _other);
        await ana.SayAsync($"a secret for @{_other}");
        await Eventually.EqualsAsync(1, async () => (await GetAsync("/api/v1/notifications", _other)).GetProperty("items").GetArrayLength());
        Assert.Contains("a secret for", await ExportAsync(), StringComparison.Ordinal);

        using var deleted = await SendAsync(HttpMethod.Delete, $"/api/v1/users/{_user}", "root", "admin");
        Assert.Equal(202, (int)deleted.StatusCode);

        Assert.Equal(4503, await ana.WaitForCloseAsync());
        await bruno.WaitForAsync(frame => frame.Type == "message_deleted", "the tombstone");
        await bruno.WaitForAsync(frame => frame.Type == "member" && frame.Text("user_id") == _user && frame.Text("action") == "removed", "the end of the membership");
        await Eventually.EqualsAsync("done", async () => (await GetAsync($"/api/v1/users/{_user}/deletion", "root", "admin")).GetProperty("state").GetString());
        Assert.Equal(0, (await GetAsync("/api/v1/notifications", _other)).GetProperty("items").GetArrayLength());
        Assert.DoesNotContain("a secret for", await ExportAsync(), StringComparison.Ordinal);
        var audit = await GetAsync($"/api/v1/audit?target_id={_user}", "root", "admin");
        Assert.Contains("user_deleted", audit.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("action").GetString()));
    }

    private async Task<ChatClient> InAsync(Uri node, string userId)
    {
        var client = await ChatClient.ConnectAsync(node, $"/ws/{_room}", new ChatClientOptions { Token = Tokens.With(userId) });
        await client.WaitForAsync("connected");
        return client;
    }

    private async Task<string> ExportAsync()
    {
        using var answer = await SendAsync(HttpMethod.Get, $"/api/v1/users/{_user}/export", "root", "admin");
        var lines = await answer.Content.ReadAsStringAsync();
        Assert.Contains("{\"type\":\"end\"", lines, StringComparison.Ordinal);
        return lines;
    }

    private async Task<JsonElement> GetAsync(string path, string userId, string role = "user")
    {
        using var answer = await SendAsync(HttpMethod.Get, path, userId, role);
        return await answer.Content.ReadFromJsonAsync<JsonElement>();
    }

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, string userId, string role)
    {
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Tokens.With(userId, role));
        return await _http.SendAsync(request);
    }
}
