using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>Whoever was away sees what was missed, once and in order, however long it was and on whichever node.</summary>
[Collection(TrafficCollection.Name)]
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class ResumeTests(FaultCluster fixture)
{
    private readonly string _room = $"resume-{Guid.NewGuid():N}";

    private IReadOnlyList<Uri> Nodes => fixture.Cluster.NodeUrls;

    [Fact]
    public async Task What_was_missed_comes_first_and_in_order_on_another_node()
    {
        await using var ana = await ChatClient.JoinAsync(Nodes[0], _room, "ana");
        var (epoch, seq) = await LeaveBrunoAsync();
        foreach (var word in (string[])["one", "two", "three"])
        {
            await ana.SayAsync(word);
        }

        await using var bruno = await ResumeAsync(Nodes[1], epoch, seq);
        var greeting = await bruno.WaitForAsync("connected");
        await ana.SayAsync("four");
        var live = await bruno.WaitForAsync("message");

        Assert.True(greeting.Flag("recovered"));
        Assert.Equal(["one", "two", "three"], greeting.Messages("history").Select(message => message.Content));
        Assert.Equal("four", live.Text("content"));
        Assert.Equal(seq + 4, live.Seq);
    }

    [Fact]
    public async Task Who_missed_nothing_is_sent_nothing()
    {
        await using var ana = await ChatClient.JoinAsync(Nodes[0], _room, "ana");
        await ana.SayAsync("before");
        var (epoch, seq) = await LeaveBrunoAsync();

        await using var bruno = await ResumeAsync(Nodes[1], epoch, seq);
        var greeting = await bruno.WaitForAsync("connected");

        Assert.True(greeting.Flag("recovered"));
        Assert.Empty(greeting.Messages("history"));
        Assert.Equal(seq, greeting.Seq);
    }

    [Fact]
    public async Task More_than_three_hundred_missed_entries_are_a_gap_that_the_history_fills()
    {
        await using var ana = new ResumingClient([Nodes[0]], _room, "ana", new Random(1));
        await ana.StartAsync();
        var (epoch, seq) = await LeaveBrunoAsync();
        var sent = await Task.WhenAll(Enumerable.Range(0, 400).Select(i => ana.SendAsync($"m{i}")));

        await using var bruno = await ResumeAsync(Nodes[1], epoch, seq);
        var greeting = await bruno.WaitForAsync("connected");
        var gap = await bruno.WaitForAsync("gap");

        var page = greeting.Messages("history");
        Assert.False(greeting.Flag("recovered"));
        Assert.Equal(Enumerable.Range(350, 50).Select(i => $"m{i}"), page.Select(message => message.Content));
        Assert.Equal((_room, seq + 1, page[0].Seq - 1), (gap.Text("room_id"), gap.Number("from_seq"), gap.Number("to_seq")));
        Assert.Equal(sent.Max(message => message.Seq), greeting.Seq);
    }

    [Fact]
    public async Task A_resuming_client_shows_all_of_a_long_absence_once_and_in_order()
    {
        await using var ana = new ResumingClient([Nodes[0]], _room, "ana", new Random(1));
        await using var bruno = new ResumingClient(Nodes, _room, "bruno", new Random(2));
        await ana.StartAsync();
        await bruno.StartAsync();
        bruno.Connection!.PauseReading();
        var sent = await Task.WhenAll(Enumerable.Range(0, 1000).Select(i => ana.SendAsync($"m{i}")));

        await bruno.CutAsync();
        var last = sent.Max(message => message.Seq);
        await ana.Transcript.WaitForSeqAsync(last, ChatClient.Deadline);
        await bruno.Transcript.WaitForSeqAsync(last, ChatClient.Deadline);

        Guarantees.Held(HistoryChecker.Check([await ana.ObserveAsync(), await bruno.ObserveAsync()]));
    }

    [Fact]
    public async Task The_history_can_be_paged_from_both_ends()
    {
        await using var ana = await ChatClient.JoinAsync(Nodes[0], _room, "ana");
        foreach (var word in (string[])["one", "two", "three"])
        {
            await ana.SayAsync(word);
        }

        var oldest = await ana.AskAsync("\"type\":\"history\",\"after_seq\":0,\"limit\":2");
        var newest = await ana.AskAsync("\"type\":\"history\",\"limit\":2");
        var before = await ana.AskAsync($"\"type\":\"history\",\"before_seq\":{newest.Messages("items")[0].Seq}");

        Assert.Equal(["one", "two"], Contents(oldest));
        Assert.Equal(["two", "three"], Contents(newest));
        Assert.Equal(["one"], Contents(before));
        Assert.Equal((true, true, false), (oldest.Flag("has_more"), newest.Flag("has_more"), before.Flag("has_more")));
    }

    [Theory]
    [InlineData("another-epoch", 1)]
    [InlineData(null, 1_000_000)]
    public async Task A_position_that_the_room_never_had_is_answered_with_the_newest_page(string? wrongEpoch, long wrongSeq)
    {
        await using var ana = await ChatClient.JoinAsync(Nodes[0], _room, "ana");
        await ana.SayAsync("hola");
        var (epoch, _) = await LeaveBrunoAsync();

        await using var bruno = await ResumeAsync(Nodes[1], wrongEpoch ?? epoch, wrongSeq);
        var greeting = await bruno.WaitForAsync("connected");

        Assert.False(greeting.Flag("recovered"));
        Assert.Equal(["hola"], greeting.Messages("history").Select(message => message.Content));
        Assert.Equal("pong", (await bruno.AskAsync("\"type\":\"ping\"")).Type);
        Assert.DoesNotContain(bruno.Frames, frame => frame.Type == "gap");
    }

    [Fact]
    public async Task On_the_socket_for_many_rooms_each_room_resumes_from_its_own_position()
    {
        var other = _room + "-b";
        await using var ana = await ChatClient.ConnectAsync(Nodes[0], "/ws?user_id=ana&username=ana");
        await ana.WaitForAsync("connected");
        var first = await ana.AskAsync($"\"type\":\"join\",\"room_id\":\"{_room}\"");
        var second = await ana.AskAsync($"\"type\":\"join\",\"room_id\":\"{other}\"");
        await ana.SayAsync("in the first", roomId: _room);
        await ana.SayAsync("in the second", roomId: other);

        await using var again = await ChatClient.ConnectAsync(Nodes[1], "/ws?user_id=ana&username=ana");
        await again.WaitForAsync("connected");
        var rejoined = await again.AskAsync(Join(_room, first));
        var rejoinedOther = await again.AskAsync(Join(other, second));

        Assert.Equal((true, true), (rejoined.Flag("recovered"), rejoinedOther.Flag("recovered")));
        Assert.Equal(["in the first"], rejoined.Messages("history").Select(message => message.Content));
        Assert.Equal(["in the second"], rejoinedOther.Messages("history").Select(message => message.Content));
    }

    private static string[] Contents(Frame page) => [.. page.Messages("items").Select(message => message.Content)];

    private static string Join(string room, Frame joined) =>
        $$"""
        "type":"join","room_id":"{{room}}","since":{"epoch":"{{joined.Epoch}}","seq":{{joined.Seq}}}
        """;

    /// <summary>Bruno was in the room, and this is the position he left with.</summary>
    private async Task<(string Epoch, long Seq)> LeaveBrunoAsync()
    {
        await using var bruno = await ChatClient.JoinAsync(Nodes[0], _room, "bruno");
        var greeting = await bruno.WaitForAsync("connected");
        await bruno.CloseAsync();
        return (greeting.Epoch, greeting.Seq);
    }

    private Task<ChatClient> ResumeAsync(Uri server, string epoch, long seq) =>
        ChatClient.ConnectAsync(server, $"/ws/{_room}?user_id=bruno&username=bruno&last_seq={seq}&epoch={epoch}");
}
