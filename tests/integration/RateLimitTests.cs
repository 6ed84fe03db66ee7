using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>A hundred events of a user in a minute, twenty at once, whatever number of sockets and nodes they come through.</summary>
[Collection(LimitedCollection.Name)]
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class RateLimitTests(LimitedCluster fixture)
{
    private readonly string _room = $"rate-{Guid.NewGuid():N}";
    private readonly string _user = $"ana-{Guid.NewGuid():N}";
    private const string Event = "\"type\":\"message\",\"content\":\"x\"";

    [Fact]
    public async Task The_event_after_the_burst_is_refused_with_the_time_to_wait_and_the_connection_stays()
    {
        await using var ana = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[0], _room, _user);

        var answers = await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => ana.AskAsync(Event)));

        var refused = answers.Where(answer => answer.Type == "error").ToArray();
        Assert.InRange(refused.Length, 8, 10);
        Assert.All(refused, error => Assert.Equal((42901, "rate_limited", "Rate limit exceeded", true),
            (error.Code, error.Text("name"), error.Text("message"), error.Flag("temporary"))));
        Assert.All(refused, error => Assert.InRange(error.Number("retry_after_ms"), 1, 60_000));
        Assert.False(ana.Closed.IsCompleted);
    }

    [Fact]
    public async Task The_sockets_of_a_user_on_two_nodes_share_one_limit()
    {
        await using var phone = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[0], _room, _user);
        await using var laptop = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[1], _room, _user);
        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => phone.AskAsync(Event)));

        // Five a second: the second node alone would let through twenty and what grows meanwhile, thirty in six seconds.
        await Eventually.EqualsAsync("error", async () => (await laptop.AskAsync(Event)).Type, every: TimeSpan.FromMilliseconds(200));

        Assert.InRange(laptop.Frames.Count(frame => frame.Type == "message_sent"), 0, 20);
    }

    [Fact]
    public async Task Another_user_is_not_held_back()
    {
        await using var ana = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[0], _room, _user);
        await using var bruno = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[0], _room, _user + "-b");
        await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => ana.AskAsync(Event)));

        Assert.Equal("message_sent", (await bruno.AskAsync(Event)).Type);
    }
}
