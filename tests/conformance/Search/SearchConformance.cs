using Tertulia.Contracts;
using Tertulia.Feed;
using Tertulia.Messages.Searching;

namespace Tertulia.Conformance.Search;

/// <summary>What is written is found, by what it says and by whom, where and when; and no longer when it says something else.</summary>
public abstract class SearchConformance : IAsyncLifetime
{
    private static readonly long Noon = new DateTimeOffset(2026, 5, 10, 12, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds();
    private readonly Dictionary<int, FeedMark> _marks = [];
    private long _seq;

    private protected ISearchIndex Index { get; private set; } = null!;

    private static CancellationToken Deadline => new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token;

    public async Task InitializeAsync()
    {
        Index = await OpenAsync();
        await Index.InitializeAsync(Deadline);
    }

    public async Task DisposeAsync()
    {
        await Index.DisposeAsync();
        await DropAsync();
    }

    private protected abstract Task<ISearchIndex> OpenAsync();

    private protected abstract Task DropAsync();

    [Theory]
    [InlineData("cancion")]
    [InlineData("CANCIÓN")]
    [InlineData("canción nueva")]
    [InlineData("nueva canción")]
    [InlineData("\"mi canción\"")]
    [InlineData("canc*")]
    [InlineData("c*")]
    [InlineData("manana")]
    [InlineData("Straße*")]
    [InlineData("strasse")]
    [InlineData("\"mi cancion nue\"*", false)]
    [InlineData("canciones", false)]
    [InlineData("anción", false)]
    [InlineData("\"nueva canción\"", false)]
    [InlineData("canción vieja", false)]
    public async Task Words_prefixes_and_phrases_are_found_without_case_and_accents(string query, bool isFound = true)
    {
        await FollowAsync(Said("lobby", "¡Escucha mi CANCIÓN nueva, mañana en la Straße 12!"), Said("lobby", "otro texto"));

        Assert.Equal(isFound ? ["1"] : [], await FindAsync(query));
    }

    [Fact]
    public async Task Languages_without_spaces_are_found_by_their_characters()
    {
        await FollowAsync(Said("lobby", "我们明天见面"), Said("lobby", "Завтра увидимся, Ёлка"), Said("lobby", "ｆｕｌｌ　ｗｉｄｔｈ"));

        Assert.Equal(["1"], await FindAsync("明天"));
        Assert.Equal(["2"], await FindAsync("завтра елка"));
        Assert.Equal(["3"], await FindAsync("full width"));
    }

    [Fact]
    public async Task What_could_be_an_operator_of_the_database_is_text()
    {
        await FollowAsync(Said("lobby", "not or and near"), Said("lobby", "a'b \"c\" d:e f* (g) -h ^i & j | k ! l \\ m"));

        Assert.Equal(["1"], await FindAsync("NOT near"));
        Assert.Equal(["2"], await FindAsync("a'b \"c\" d:e (g) -h ^i & j | k ! l \\ m"));
        Assert.Empty(await FindAsync("' or 1=1 --"));
    }

    [Fact]
    public async Task Filters_say_who_where_when_and_what_it_has()
    {
        await FollowAsync(
            Said("lobby", "uno https://example.org", user: "ana", name: "Ana López", at: Noon),
            Said("lobby", "dos", user: "bruno", at: Noon + 86_400_000),
            Said("garden", "tres HTTP://x", user: "ana", name: "Ana López", at: Noon + (2 * 86_400_000)));

        Assert.Equal(["3", "1"], await FindAsync("from:ana"));
        Assert.Equal(["3", "1"], await FindAsync("from:\"ana lopez\""));
        Assert.Equal(["3", "1"], await FindAsync("has:link"));
        Assert.Equal(["1"], await FindAsync("uno from:@ana has:link before:2026-05-11"));
        Assert.Empty(await FindAsync("uno before:2026-05-10"));
        Assert.Equal(["3", "2"], await FindAsync("after:2026-05-10"));
        Assert.Equal(["2"], await FindAsync("after:2026-05-10 before:2026-05-12"));
        Assert.Equal(["2"], await FindAsync("after:2026-05-09", roomIds: ["lobby"], range: SearchRange.Newest with { Seq = 3 }, limit: 1));
        Assert.Equal(["3"], await FindAsync("from:ana", roomIds: ["garden", "attic"]));
    }

    [Fact]
    public async Task Edits_and_deletions_are_followed_within_a_page_and_across_pages()
    {
        var first = Said("lobby", "perro");
        var second = Said("lobby", "gato");
        var third = Said("lobby", "pez");
        await FollowAsync(first, second, Edited(first, "zorro"), third, Deleted(third));
        Assert.Equal(["1"], await FindAsync("zorro"));
        Assert.Empty(await FindAsync("perro"));
        Assert.Empty(await FindAsync("pez"));

        await FollowAsync(Edited(second, "gata http://x"), Edited(first, "lobo"));
        Assert.Equal(["2"], await FindAsync("gata has:link"));
        Assert.Empty(await FindAsync("gato"));
        Assert.Equal(["1"], await FindAsync("lobo"));

        await FollowAsync(Deleted(second));
        Assert.Empty(await FindAsync("gata"));
    }

    [Fact]
    public async Task Pages_have_each_message_once_also_of_one_moment()
    {
        await FollowAsync([.. Enumerable.Range(0, 60).Select(i => Said($"room-{i % 7}", "igual", at: Noon + (i / 20)))]);

        var found = new List<string>();
        var range = SearchRange.Newest;
        while (await Index.FindAsync(SearchQuery.Parse("igual")!, null, range, 7, Deadline) is { Count: > 0 } hits)
        {
            found.AddRange(hits.Select(hit => hit.MessageId));
            range = range with { Place = hits[^1].Place };
        }

        Assert.Equal(60, found.Count);
        Assert.Equal(60, found.Distinct().Count());
        Assert.Equal(Enumerable.Range(41, 20), found.Take(20).Select(id => int.Parse(id, System.Globalization.CultureInfo.InvariantCulture)).Order());
    }

    [Fact]
    public async Task Only_one_of_two_followers_of_a_partition_goes_on()
    {
        var page = Page(0, Said("lobby", "una vez"));

        Assert.Equal([FeedOutcome.Stored], await new SearchFollower(Index).HandleAsync([page], Deadline));
        Assert.Equal([FeedOutcome.Lost], await new SearchFollower(Index).HandleAsync([page], Deadline));
        Assert.Equal(page.To, await Index.ReadMarkAsync(0, Deadline));
        Assert.Equal(["1"], await FindAsync("vez"));
    }

    [Fact]
    public async Task What_is_followed_again_is_there_once_and_what_was_cleared_is_gone()
    {
        FollowedEntry[] said = [Said("lobby", "siempre"), Said("lobby", "siempre jamás")];
        await FollowAsync(said);
        await FollowAsync(said);
        Assert.Equal(["2", "1"], await FindAsync("siempre"));

        await Index.ClearAsync(Deadline);

        Assert.Equal(FeedMark.Start, await Index.ReadMarkAsync(0, Deadline));
        Assert.Empty(await FindAsync("siempre"));
        _marks.Clear();
        await FollowAsync(said);
        Assert.Equal(["2"], await FindAsync("jamas"));
    }

    [Fact]
    public async Task Messages_that_want_the_same_place_are_all_found_also_when_they_are_followed_again()
    {
        // A place is the millisecond and 20 bits of room and seq.
        FollowedEntry[] said = [.. Enumerable.Range(0, 3).Select(_ =>
        {
            var entry = Said("lobby", "juntos", at: Noon);
            _seq += (1 << 20) - 1;
            return entry;
        })];
        await FollowAsync(said);
        var first = await FindAsync("juntos");
        await FollowAsync(said);

        Assert.Equal(said.Select(entry => entry.Event.Message.MessageId).Order(), first.Order());
        Assert.Equal(first.Order(), (await FindAsync("juntos")).Order());
    }

    [Fact]
    public async Task An_index_that_is_there_is_kept_when_it_is_opened_again()
    {
        await FollowAsync(Said("lobby", "guardado"));

        await Index.InitializeAsync(Deadline);

        Assert.Equal(["1"], await FindAsync("guardado"));
    }

    private FollowedEntry Said(string roomId, string content, string user = "ana", string? name = null, long at = 0)
    {
        var seq = ++_seq;
        return new FollowedEntry
        {
            RoomId = roomId,
            Event = new RoomEvent
            {
                Seq = seq, UserId = user, Username = name ?? user, CreatedAtMs = at == 0 ? Noon + seq : at,
                Message = new MessageCreated { MessageId = $"{seq}", Content = content },
            },
        };
    }

    private FollowedEntry Edited(FollowedEntry said, string content) => new()
    {
        RoomId = said.RoomId,
        Event = new RoomEvent { Seq = ++_seq, Edited = new MessageEdited { MessageId = said.Event.Message.MessageId, MessageSeq = said.Event.Seq, Content = content } },
    };

    private FollowedEntry Deleted(FollowedEntry said) => new()
    {
        RoomId = said.RoomId,
        Event = new RoomEvent { Seq = ++_seq, Deleted = new MessageDeleted { MessageId = said.Event.Message.MessageId, MessageSeq = said.Event.Seq } },
    };

    private FeedBatch Page(int partition, params FollowedEntry[] entries)
    {
        var from = _marks.GetValueOrDefault(partition, FeedMark.Start);
        return new FeedBatch(partition, from, new FeedMark("epoch", 1, from.Flush + 1, 0), entries);
    }

    private async Task FollowAsync(params FollowedEntry[] entries)
    {
        var page = Page(0, entries);
        Assert.Equal([FeedOutcome.Stored], await new SearchFollower(Index).HandleAsync([page], Deadline));
        _marks[0] = page.To;
    }

    private async Task<string[]> FindAsync(string text, string[]? roomIds = null, SearchRange? range = null, int limit = 100) =>
        [.. (await Index.FindAsync(SearchQuery.Parse(text)!, roomIds, range ?? SearchRange.Newest, limit, Deadline)).Select(hit => hit.MessageId)];
}
