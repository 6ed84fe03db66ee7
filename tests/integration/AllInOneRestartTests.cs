using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>The embedded store and bus give the same guarantees: what was acknowledged survives a crash of the one process.</summary>
public sealed class AllInOneRestartTests(AllInOneFixture fixture) : IClassFixture<AllInOneFixture>
{
    private AllInOneProcess Product => fixture.Product;

    [Fact]
    public async Task Nothing_acknowledged_is_lost_shown_twice_or_out_of_order_when_the_product_is_killed_under_load()
    {
        var seed = RoomLoad.SeedOfRun();
        await using var load = await RoomLoad.StartAsync([Product.Url], clients: 20, rooms: 2, seed);
        await load.WaitForMoreAsync(100, TimeSpan.FromSeconds(30));

        await Product.Process.KillAsync();
        await fixture.RestartAsync();
        await load.WaitForMoreAsync(100, TimeSpan.FromSeconds(60));

        Guarantees.Held(await load.FinishAsync());
    }

    [Fact]
    public async Task The_history_is_there_after_a_restart_and_the_numbering_goes_on()
    {
        var room = $"restart-{Guid.NewGuid():N}";
        await using (var ana = await ChatClient.JoinAsync(Product.Url, room, "ana"))
        {
            await ana.SayAsync("before");
        }

        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        Assert.Equal(0, await Product.Process.TerminateAsync(TimeSpan.FromSeconds(20), deadline.Token));
        await fixture.RestartAsync();
        await using var bruno = await ChatClient.JoinAsync(Product.Url, room, "bruno");
        var greeting = await bruno.WaitForAsync("connected");
        var sent = await bruno.SayAsync("after");

        Assert.Equal(["before"], greeting.Messages("history").Select(message => message.Content));
        Assert.Equal(greeting.Seq + 1, sent.Number("seq"));
    }

    [Fact]
    public async Task What_a_user_has_chosen_and_when_it_was_last_seen_is_there_after_a_restart()
    {
        var user = $"ana-{Guid.NewGuid():N}";
        await using (var ana = await ChatClient.JoinAsync(Product.Url, "lobby", user))
        {
            await ana.AskAsync("\"type\":\"presence_set\",\"status\":\"busy\",\"text\":\"in a call\"");
        }

        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await using (var bruno = await ChatClient.JoinAsync(Product.Url, "lobby", "bruno"))
        {
            await Eventually.EqualsAsync("offline", async () => Shown(await WatchAsync(bruno), "status"));
        }

        Assert.Equal(0, await Product.Process.TerminateAsync(TimeSpan.FromSeconds(20), deadline.Token));
        await fixture.RestartAsync();
        await using var carla = await ChatClient.JoinAsync(Product.Url, "lobby", "carla");
        var shown = await WatchAsync(carla);
        Assert.Equal("offline", Shown(shown, "status"));
        Assert.NotNull(Shown(shown, "last_seen"));
        await using var back = await ChatClient.JoinAsync(Product.Url, "lobby", user);
        var came = await carla.WaitForAsync(frame => frame.Type == "user_joined" && frame.Text("user_id") == user, "Ana is back");
        Assert.Equal(("busy", "in a call"), (came.Text("status"), came.Text("text")));

        Task<Frame> WatchAsync(ChatClient client) => client.AskAsync($"\"type\":\"presence_watch\",\"user_ids\":[\"{user}\"]");

        static string? Shown(Frame state, string field) => state.Items("users").Single().TryGetProperty(field, out var value) ? value.GetString() : null;
    }
}
