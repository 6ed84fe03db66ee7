using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>With the limits lifted a message may be larger than everything that is cut on its way: it arrives, and its room can be entered and read.</summary>
public sealed class LargeMessageTests : IAsyncLifetime
{
    private const int Characters = 6_000_000;

    private AllInOneProcess _product = null!;

    public async Task InitializeAsync()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        _product = await AllInOneProcess.StartAsync(
            new Dictionary<string, string> { ["Limits__ContentLength"] = "0", ["Limits__FrameBytes"] = "0", ["Limits__EventsPerMinute"] = "0" }, deadline.Token);
    }

    public async Task DisposeAsync() => await _product.DisposeAsync();

    [Fact]
    public async Task A_room_with_a_message_larger_than_a_reply_of_grpc_can_be_entered_and_read()
    {
        var room = $"large-{Guid.NewGuid():N}";
        await using var ana = await ChatClient.JoinAsync(_product.Url, room, "ana");
        await using var bruno = await ChatClient.JoinAsync(_product.Url, room, "bruno");

        await ana.SayAsync(new string('x', Characters));

        Assert.Equal(Characters, (await bruno.WaitForAsync("message")).Text("content").Length);
        await using var carla = await ChatClient.JoinAsync(_product.Url, room, "carla");
        var shown = Assert.Single((await carla.WaitForAsync("connected")).Messages("history"));
        Assert.Equal(Characters, shown.Content.Length);
        var page = await carla.AskAsync("\"type\":\"history\",\"limit\":10");
        Assert.Equal(Characters, Assert.Single(page.Messages("items")).Content.Length);
    }

    [Fact]
    public async Task What_is_larger_than_a_command_may_be_is_refused_for_good()
    {
        await using var ana = await ChatClient.JoinAsync(_product.Url, $"large-{Guid.NewGuid():N}", "ana");

        var answer = await ana.AskAsync($"\"type\":\"message\",\"content\":\"{new string('x', 10_000_000)}\"");

        Assert.Equal(("error", 40005), (answer.Type, answer.Number("code")));
        await ana.SayAsync("still here");
    }
}
