using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>Who is revoked is out on all nodes, whatever was down meanwhile, and stays out.</summary>
[Collection(LimitedCollection.Name)]
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class RevocationTests(LimitedCluster fixture)
{
    private const int Revoked = 4503;
    private const int TokenRevoked = 40104;
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(2);
    private readonly string _user = $"ana-{Guid.NewGuid():N}";
    private readonly string _room = $"revoked-{Guid.NewGuid():N}";

    private IReadOnlyList<Uri> Nodes => fixture.Cluster.NodeUrls;

    [Fact]
    public async Task A_user_is_closed_on_every_node_within_two_seconds_and_comes_in_nowhere()
    {
        var token = Tokens.With(_user);
        await using var here = await InAsync(Nodes[0], token);
        await using var there = await InAsync(Nodes[1], token);
        await using var other = await InAsync(Nodes[1], Tokens.With("bruno"));

        Assert.Equal(HttpStatusCode.OK, await RevokeAsync(new { user_id = _user, reason = "left the company" }, through: fixture.Cluster.GatewayUrl));

        Assert.Equal((Revoked, Revoked), (await here.WaitForCloseAsync(Within), await there.WaitForCloseAsync(Within)));
        foreach (var node in Nodes)
        {
            await RefusedAsync(node, token);
        }

        await other.SayAsync("still here");
        await using var again = await InAsync(Nodes[0], Tokens.With(_user));
        await again.SayAsync("back with a new token");
    }

    [Fact]
    public async Task A_node_that_starts_knows_who_is_revoked()
    {
        var token = Tokens.With(_user, jti: $"jti-{_user}");
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        await fixture.Cluster.Connections[1].KillAsync();
        Assert.Equal(HttpStatusCode.OK, await RevokeAsync(new { jti = $"jti-{_user}" }));
        await fixture.Cluster.Connections[1].RestartAsync(deadline.Token);

        await Eventually.EqualsAsync(
            Revoked,
            async () =>
            {
                await using var client = await ChatClient.ConnectAsync(Nodes[1], $"/ws/{_room}", new ChatClientOptions { Token = token });
                return await client.WaitForCloseAsync(); // Admitted before the first answer, or not at all.
            });
        await RefusedAsync(Nodes[1], token);
    }

    [Fact]
    public async Task A_room_is_revoked_for_those_who_are_in_it()
    {
        var token = Tokens.With(_user);
        await using var inside = await InAsync(Nodes[1], token);
        await using var elsewhere = await ChatClient.ConnectAsync(Nodes[1], "/ws", new ChatClientOptions { Token = token });
        await elsewhere.WaitForAsync("connected");

        Assert.Equal(HttpStatusCode.OK, await RevokeAsync(new { room_id = _room }));

        Assert.Equal(Revoked, await inside.WaitForCloseAsync(Within));
        Assert.Equal(40301, (await elsewhere.AskAsync($"\"type\":\"join\",\"room_id\":\"{_room}\"")).Code);
        Assert.Equal("pong", (await elsewhere.AskAsync("\"type\":\"ping\"")).Type);
    }

    [Fact]
    public async Task Only_admins_and_services_revoke_and_what_is_asked_must_be_clear()
    {
        Assert.Equal(HttpStatusCode.Forbidden, await RevokeAsync(new { user_id = _user }, role: "user"));
        Assert.Equal(HttpStatusCode.OK, await RevokeAsync(new { user_id = _user }, role: "service"));
        Assert.Equal(HttpStatusCode.BadRequest, await RevokeAsync(new { }));
        Assert.Equal(HttpStatusCode.BadRequest, await RevokeAsync(new { user_id = _user, jti = "x" }));
        Assert.Equal(HttpStatusCode.BadRequest, await RevokeAsync(new { user_id = _user, expires_at = "2020-01-01T00:00:00Z" }));
        Assert.Equal(HttpStatusCode.BadRequest, await RevokeAsync(new { room_id = ".." }));
    }

    [Fact]
    public async Task What_was_revoked_is_in_the_audit_log_for_admins_only()
    {
        await RevokeAsync(new { user_id = _user, reason = "one" });
        await RevokeAsync(new { user_id = _user, room_id = _room, reason = "two" });

        using var http = new HttpClient { BaseAddress = Nodes[1] };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Tokens.With("root", "admin"));
        var first = await http.GetFromJsonAsync<JsonElement>(new Uri($"/api/v1/audit?target_id={_user}&limit=1", UriKind.Relative));
        var second = await http.GetFromJsonAsync<JsonElement>(new Uri($"/api/v1/audit?target_id={_user}&limit=1&before={first.GetProperty("next").GetString()}", UriKind.Relative));
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Tokens.With("bruno"));
        using var refused = await http.GetAsync(new Uri("/api/v1/audit", UriKind.Relative));

        Assert.Equal(("member_revoked", "root", "two"), Item(first));
        Assert.Equal(("user_revoked", "root", "one"), Item(second));
        Assert.False(second.GetProperty("has_more").GetBoolean());
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);

        static (string?, string?, string?) Item(JsonElement page) => (
            page.GetProperty("items")[0].GetProperty("action").GetString(), page.GetProperty("items")[0].GetProperty("actor_id").GetString(),
            page.GetProperty("items")[0].GetProperty("detail").GetString());
    }

    private async Task<ChatClient> InAsync(Uri node, string token)
    {
        var client = await ChatClient.ConnectAsync(node, $"/ws/{_room}", new ChatClientOptions { Token = token });
        await client.WaitForAsync("connected");
        return client;
    }

    private async Task RefusedAsync(Uri node, string token)
    {
        await using var client = await ChatClient.ConnectAsync(node, $"/ws/{_room}", new ChatClientOptions { Token = token });
        Assert.Equal(TokenRevoked, (await client.WaitForAsync("error")).Code);
        Assert.Equal(Revoked, await client.WaitForCloseAsync());
        using var http = new HttpClient { BaseAddress = node };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        Assert.Equal(HttpStatusCode.Unauthorized, (await http.GetAsync(new Uri("/api/v1/rooms", UriKind.Relative))).StatusCode);
    }

    private async Task<HttpStatusCode> RevokeAsync(object body, string role = "admin", Uri? through = null)
    {
        using var http = new HttpClient { BaseAddress = through ?? Nodes[0] };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Tokens.With("root", role));
        using var answer = await http.PostAsJsonAsync(new Uri("/api/v1/auth/revoke", UriKind.Relative), body);
        return answer.StatusCode;
    }
}
