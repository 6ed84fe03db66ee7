using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>A store that went back in time, restored from a copy or replaced by a replica that lagged: positions are void, and nobody is silently cut off.</summary>
public sealed class WentBackTests
{
    private const int Void = 4005;
    private static readonly TimeSpan Within = TimeSpan.FromMinutes(1);
    private readonly string _room = $"back-{Guid.NewGuid():N}";

    [Fact]
    [Trait(Needs.Trait, Needs.RabbitMq)]
    [Trait(Needs.Trait, Needs.Postgres)]
    public async Task Clients_of_running_nodes_are_told_that_their_positions_are_void_and_load_anew()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        await using var cluster = await ClusterProcesses.StartAsync(new ClusterLayout(), deadline.Token);
        await using var ana = await ChatClient.JoinAsync(cluster.NodeUrls[0], _room, "ana");
        await using var bruno = await ChatClient.JoinAsync(cluster.NodeUrls[1], _room, "bruno");
        await SayAsync(ana, "kept", 3);
        await ana.AskAsync("\"type\":\"member_add\",\"user_id\":\"carla\"");
        string[] kept = [.. (await ana.AskAsync("\"type\":\"history\"")).Messages("items").Select(message => message.Id)];

        await cluster.Store.KillAsync();
        await cluster.Postgres.CopyToAsync("older", deadline.Token);
        await cluster.Store.RestartAsync(deadline.Token);
        await ana.AskAsync($"\"type\":\"message_edit\",\"message_id\":\"{kept[0]}\",\"content\":\"lost edit\"");
        await ana.AskAsync($"\"type\":\"message_delete\",\"message_id\":\"{kept[1]}\"");
        await ana.AskAsync("\"type\":\"ban\",\"user_id\":\"carla\"");
        await SayAsync(ana, "lost", 5);
        await bruno.WaitForAsync(frame => frame.Text("content") == "lost 4", "the last message before the store went back");
        await cluster.Store.KillAsync();
        await cluster.Postgres.RestoreFromAsync("older", deadline.Token);
        await cluster.Store.RestartAsync(deadline.Token);
        await ana.SendAsync("""{"type":"message","content":"after","client_msg_id":"after"}""");

        Assert.Equal((Void, Void), (await ana.WaitForCloseAsync(Within), await bruno.WaitForCloseAsync(Within)));
        var before = (await bruno.WaitForAsync("connected")).Epoch;
        await using var brunoAgain = await ResumeAsync(cluster.NodeUrls[1], "bruno", before, LastSeqOf(bruno));
        await using var anaAgain = await ResumeAsync(cluster.NodeUrls[0], "ana", before, LastSeqOf(ana));
        await Eventually.EqualsAsync(
            "message_sent", async () => (await anaAgain.AskAsync("\"type\":\"message\",\"content\":\"after\",\"client_msg_id\":\"after\"")).Type);
        var greeting = await brunoAgain.WaitForAsync("connected"); // Before the next message: it would show it, too.
        await anaAgain.SayAsync("next");
        await brunoAgain.WaitForAsync(frame => frame.Text("content") == "next", "a message after all came back");
        var history = await brunoAgain.AskAsync("\"type\":\"history\"");

        Assert.False(greeting.Flag("recovered"));
        Assert.NotEqual(before, greeting.Epoch);
        Assert.Equal(["kept 0", "kept 1", "kept 2", "after", "next"], history.Messages("items").Select(message => message.Content));

        // What was changed is as it was: also for the owner of the room, who knew better.
        var edited = await anaAgain.AskAsync($"\"type\":\"message_edit\",\"message_id\":\"{kept[1]}\",\"content\":\"again\",\"version\":1");
        Assert.Equal(("message_updated", 2), (edited.Type, edited.Number("version")));
        await using var carla = await ChatClient.JoinAsync(cluster.NodeUrls[0], _room, "carla");
        Assert.Equal("member", (await carla.WaitForAsync("connected")).Data.GetProperty("me").GetProperty("role").GetString());
    }

    [Fact]
    public async Task In_the_one_process_a_position_from_before_is_answered_with_the_newest_page()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        await using var product = await AllInOneProcess.StartAsync(null, deadline.Token);
        await using var first = await ChatClient.JoinAsync(product.Url, _room, "ana");
        await SayAsync(first, "kept", 3);

        await product.Process.TerminateAsync(Within, deadline.Token);
        product.CopyData("older");
        await product.Process.RestartAsync(deadline.Token);
        await using var second = await ChatClient.JoinAsync(product.Url, _room, "ana");
        await SayAsync(second, "lost", 5);
        var (epoch, seq) = ((await second.WaitForAsync("connected")).Epoch, LastSeqOf(second));
        await product.Process.TerminateAsync(Within, deadline.Token);
        product.RestoreData("older");
        await product.Process.RestartAsync(deadline.Token);

        await using var third = await ResumeAsync(product.Url, "ana", epoch, seq);
        var greeting = await third.WaitForAsync("connected");
        Assert.False(greeting.Flag("recovered"));
        Assert.Equal(["kept 0", "kept 1", "kept 2"], greeting.Messages("history").Select(message => message.Content));
    }

    [Fact]
    public async Task In_the_one_process_a_position_that_the_restored_log_has_passed_since_is_void_too()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        await using var product = await AllInOneProcess.StartAsync(null, deadline.Token);
        await using (var first = await ChatClient.JoinAsync(product.Url, _room, "ana"))
        {
            await SayAsync(first, "kept", 2);
        }

        await product.Process.TerminateAsync(Within, deadline.Token);
        product.CopyData("older");
        await product.Process.RestartAsync(deadline.Token);
        await using var second = await ChatClient.JoinAsync(product.Url, _room, "ana");
        await SayAsync(second, "lost", 2);
        var (epoch, seq) = ((await second.WaitForAsync("connected")).Epoch, LastSeqOf(second));
        await product.Process.KillAsync();
        product.RestoreData("older");
        await product.Process.RestartAsync(deadline.Token);
        await using var other = await ChatClient.JoinAsync(product.Url, _room, "bruno");
        await SayAsync(other, "other", 8);

        await using var third = await ResumeAsync(product.Url, "ana", epoch, seq);
        var greeting = await third.WaitForAsync("connected");

        Assert.InRange(seq, 1, greeting.Seq);
        Assert.False(greeting.Flag("recovered"));
        Assert.NotEqual(epoch, greeting.Epoch);
        Assert.Equal(10, greeting.Messages("history").Count(message => message.Content.StartsWith("kept", StringComparison.Ordinal) || message.Content.StartsWith("other", StringComparison.Ordinal)));
    }

    private static long LastSeqOf(ChatClient client) =>
        client.Frames.Where(frame => frame.Type is "connected" or "message" or "message_sent").Max(frame => Math.Max(frame.Seq, frame.Number("seq")));

    private static async Task SayAsync(ChatClient client, string word, int count)
    {
        for (var number = 0; number < count; number++)
        {
            await client.SayAsync($"{word} {number}");
        }
    }

    private Task<ChatClient> ResumeAsync(Uri server, string userId, string epoch, long seq) =>
        ChatClient.ConnectAsync(server, $"/ws/{_room}?user_id={userId}&username={userId}&last_seq={seq}&epoch={epoch}");
}
