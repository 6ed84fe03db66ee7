using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>Who pages through a room while a thousand messages arrive sees each of them once, in both directions.</summary>
public abstract class HistoryPaging
{
    private const int Messages = 1_000;
    private readonly string _room = $"paging-{Guid.NewGuid():N}";

    private protected async Task PageWhileMessagesArriveAsync(Uri writing, Uri reading)
    {
        await using var ana = await ChatClient.JoinAsync(writing, _room, "ana");
        await using var bruno = await ChatClient.JoinAsync(reading, _room, "bruno");
        var sending = SendAsync(ana);

        var forward = await ForwardAsync(bruno, sending);
        var sent = await sending;
        Assert.Equal(sent, forward);

        // Back from the newest, while others arrive at the end.
        var more = SendAsync(ana);
        var backward = await BackwardAsync(bruno);
        await more;
        Assert.Equal(backward.Order().Distinct(), backward.Order());
        Assert.Equal(sent, backward.Order().Take(Messages));
    }

    private protected async Task ShowAroundAsync(Uri node)
    {
        await using var ana = await ChatClient.JoinAsync(node, _room, "ana");
        List<Frame> sent = [];
        for (var i = 0; i < 9; i++)
        {
            sent.Add(await ana.SayAsync($"m{i}"));
        }

        var page = await ana.AskAsync($"\"type\":\"history\",\"limit\":5,\"around_message_id\":\"{sent[4].Text("message_id")}\"");

        Assert.Equal(["m2", "m3", "m4", "m5", "m6"], page.Messages("items").Select(message => message.Content));
        Assert.True(page.Flag("has_more_before") && page.Flag("has_more_after"));
    }

    private protected async Task FindAsync(Uri writing, Uri searching)
    {
        await using var ana = await ChatClient.JoinAsync(writing, _room, "ana");
        await using var bruno = await ChatClient.JoinAsync(searching, _room, "bruno");
        await ana.SayAsync($"Escucha esta canción {_room}");

        await Eventually.EqualsAsync(_room, async () =>
        {
            var found = await bruno.AskAsync($"\"type\":\"search\",\"query\":\"cancion {_room} from:ana\"");
            return string.Join(',', found.Items("items").Select(item => item.GetProperty("room_id").GetString()));
        }, within: TimeSpan.FromSeconds(10), every: TimeSpan.FromMilliseconds(100)); // A second, where the machine has time (bench/results/search.md).
        await using var zoe = await ChatClient.ConnectAsync(searching, "/ws?user_id=zoe&username=zoe");
        Assert.Empty((await zoe.AskAsync($"\"type\":\"search\",\"query\":\"cancion {_room}\"")).Items("items"));
    }

    private static async Task<List<long>> SendAsync(ChatClient ana)
    {
        List<long> seqs = [];
        foreach (var some in Enumerable.Range(0, Messages).Chunk(50))
        {
            seqs.AddRange((await Task.WhenAll(some.Select(i => ana.SayAsync($"m{i}")))).Select(frame => frame.Number("seq")));
        }

        return [.. seqs.Order()];
    }

    private static async Task<List<long>> ForwardAsync(ChatClient bruno, Task sending)
    {
        List<long> seen = [];
        while (true)
        {
            var isOver = sending.IsCompleted; // Before the page: what is written after it was in no page yet.
            var page = await bruno.AskAsync($"\"type\":\"history\",\"limit\":37,\"after_seq\":{(seen.Count == 0 ? 0 : seen[^1])}");
            seen.AddRange(page.Messages("items").Select(message => message.Seq));
            if (isOver && !page.Flag("has_more"))
            {
                return seen;
            }
        }
    }

    private static async Task<List<long>> BackwardAsync(ChatClient bruno)
    {
        List<long> seen = [];
        for (var before = ""; ;)
        {
            var page = await bruno.AskAsync($"\"type\":\"history\",\"limit\":100{before}");
            seen.AddRange(page.Messages("items").Reverse().Select(message => message.Seq));
            before = $",\"before_seq\":{seen[^1]}";
            if (!page.Flag("has_more"))
            {
                return seen;
            }
        }
    }
}

/// <inheritdoc />
[Collection(TrafficCollection.Name)]
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class HistoryPagingTests(FaultCluster fixture) : HistoryPaging
{
    private IReadOnlyList<Uri> Nodes => fixture.Cluster.NodeUrls;

    [Fact]
    public Task Each_message_comes_once_while_a_thousand_arrive() => PageWhileMessagesArriveAsync(Nodes[0], Nodes[1]);

    [Fact]
    public Task A_permalink_shows_the_messages_around_it() => ShowAroundAsync(Nodes[0]);

    [Fact]
    public Task A_message_is_found_by_what_it_says_on_another_node() => FindAsync(Nodes[0], Nodes[1]);
}

/// <inheritdoc />
public sealed class AllInOneHistoryPagingTests(AllInOneFixture fixture) : HistoryPaging, IClassFixture<AllInOneFixture>
{
    [Fact]
    public Task Each_message_comes_once_while_a_thousand_arrive() => PageWhileMessagesArriveAsync(fixture.Product.Url, fixture.Product.Url);

    [Fact]
    public Task A_permalink_shows_the_messages_around_it() => ShowAroundAsync(fixture.Product.Url);

    [Fact]
    public Task A_message_is_found_by_what_it_says() => FindAsync(fixture.Product.Url, fixture.Product.Url);

    /// <summary>A client leaves the gateway that drains while it reads: the last thing that every load does.</summary>
    [Fact]
    public async Task A_client_that_reads_goes_on_where_its_connection_ended()
    {
        await using var ana = new ResumingClient([fixture.Product.Url], $"cut-{Guid.NewGuid():N}", "ana", new Random(1));
        await ana.StartAsync();
        var said = await ana.SendAsync("before the cut");

        var reading = Enumerable.Range(0, 20).Select(_ => ana.ReadHistoryAsync()).ToArray();
        await ana.CutAsync();

        Assert.All(await Task.WhenAll(reading), history => Assert.Equal(said.Seq, Assert.Single(history).Seq));
    }
}
