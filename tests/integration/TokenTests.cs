using System.Text.Json;
using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>Tokens, good and bad, through the gateway: who gets in, as whom, and what the others are told.</summary>
[Collection(LimitedCollection.Name)]
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class TokenTests(LimitedCluster fixture)
{
    private readonly string _room = $"tokens-{Guid.NewGuid():N}";
    private readonly string _user = $"ana-{Guid.NewGuid():N}";

    private Uri Gateway => fixture.Cluster.GatewayUrl;

    public static TheoryData<string, int, int> BadTokens => new()
    {
        { "not a token", 40102, 4501 },
        { Tokens.For("eve", TimeSpan.FromHours(1), alg: "none"), 40102, 4501 },
        { Tokens.For("eve", TimeSpan.FromHours(1), secret: "another secret that is long enough for it"), 40102, 4501 },
        { Tokens.Forged("eve"), 40102, 4501 },
        { Tokens.For("eve", TimeSpan.FromHours(-1)), 40103, 4004 },
    };

    [Theory]
    [MemberData(nameof(BadTokens))]
    public async Task A_bad_token_is_told_why_and_closed(string token, int code, int closeCode)
    {
        await using var byHeader = await ChatClient.ConnectAsync(Gateway, $"/ws/{_room}", new ChatClientOptions { Token = token });
        await using var byQuery = await ChatClient.ConnectAsync(Gateway, $"/ws/{_room}?token={Uri.EscapeDataString(token)}");
        await using var byFrame = await ChatClient.ConnectAsync(Gateway, $"/ws/{_room}");
        await byFrame.SendAsync(JsonSerializer.Serialize(new { type = "auth", token }));

        foreach (var client in (ChatClient[])[byHeader, byQuery, byFrame])
        {
            Assert.Equal(code, (await client.WaitForAsync("error")).Code);
            Assert.Equal(closeCode, await client.WaitForCloseAsync());
            Assert.DoesNotContain(client.Frames, frame => frame.Type == "connected");
        }
    }

    [Fact]
    public async Task A_token_names_the_user_whatever_the_query_says()
    {
        var token = Tokens.For(_user, TimeSpan.FromHours(1));

        await using var client = await ChatClient.ConnectAsync(
            Gateway, $"/ws/{_room}?user_id=root&username=root", new ChatClientOptions { Token = token });
        var connected = await client.WaitForAsync("connected");

        Assert.Equal(_user, connected.Data.GetProperty("user").GetProperty("user_id").GetString());
    }

    [Fact]
    public async Task The_first_frame_may_bring_the_token()
    {
        await using var client = await ChatClient.ConnectAsync(Gateway, $"/ws/{_room}");

        await client.SendAsync(JsonSerializer.Serialize(new { type = "auth", token = Tokens.For(_user, TimeSpan.FromHours(1)) }));

        await client.WaitForAsync("auth_ok");
        await client.WaitForAsync("connected");
    }

    [Fact]
    public async Task Who_brings_no_token_in_time_is_closed_with_4502()
    {
        await using var client = await ChatClient.ConnectAsync(Gateway, $"/ws/{_room}");

        Assert.Equal(4502, await client.WaitForCloseAsync());
        Assert.Equal(40101, (await client.WaitForAsync("error")).Code);
    }

    [Fact]
    public async Task A_token_that_runs_out_ends_the_connection_unless_it_is_refreshed()
    {
        var soon = Tokens.For(_user, TimeSpan.FromSeconds(4));
        await using var forgets = await ChatClient.ConnectAsync(Gateway, $"/ws/{_room}", new ChatClientOptions { Token = soon });
        await using var refreshes = await ChatClient.ConnectAsync(Gateway, $"/ws/{_room}", new ChatClientOptions { Token = soon });

        await refreshes.WaitForAsync("token_expiring");
        await refreshes.SendAsync(JsonSerializer.Serialize(new { type = "auth_refresh", token = Tokens.For(_user, TimeSpan.FromHours(1)) }));
        await refreshes.WaitForAsync("auth_ok");

        Assert.Equal(4004, await forgets.WaitForCloseAsync());
        Assert.Equal("pong", (await refreshes.AskAsync("\"type\":\"ping\"")).Type);
    }

    [Fact]
    public async Task A_refresh_for_another_user_is_refused()
    {
        await using var client = await ChatClient.ConnectAsync(
            Gateway, $"/ws/{_room}", new ChatClientOptions { Token = Tokens.For(_user, TimeSpan.FromHours(1)) });
        await client.WaitForAsync("connected");

        await client.SendAsync(JsonSerializer.Serialize(new { type = "auth_refresh", @ref = "r", token = Tokens.For("eve", TimeSpan.FromHours(1)) }));

        Assert.Equal("error", (await client.WaitForAsync(frame => frame.Ref == "r", "the answer")).Type);
    }
}
