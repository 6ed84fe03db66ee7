using System.Diagnostics;
using Tertulia.Contracts;
using Tertulia.Feed;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Searching;
using Tertulia.Messages.Storage;

namespace Tertulia.StoreBench;

/// <summary>Searches of 100,000 messages as users make them: the index says where, the store says what.</summary>
internal static class SearchRun
{
    private const int Messages = 100_000;
    private const int Rooms = 1_000;
    private const int Users = 500;
    private const int Chunk = 1_000; // Messages of a flush, and of a page of the feed.
    private const int Times = 101; // Of each query.

    public static void Head()
    {
        Console.WriteLine("| store | user of | query | found | p50 | p99 |");
        Console.WriteLine("|---|--:|---|--:|--:|--:|");
    }

    public static async Task RunAsync(string name, IMessageStore store, IReadMarks marks, IRoomReads reads, ISearchIndex index, Func<Task> settle)
    {
        await store.InitializeAsync(CancellationToken.None);
        await index.InitializeAsync(CancellationToken.None);
        var talk = new Talk(seed: 1);
        await FillAsync(store, index, talk);
        await settle();
        var search = new MessageSearch(index, store, new RoomPages(store, marks, reads), TimeProvider.System);
        foreach (var user in (string[])["few", "many"])
        {
            foreach (var query in Queries(talk))
            {
                await MeasureAsync(name, search, user, query);
            }
        }
    }

    private static IEnumerable<(string What, string Query, string RoomId, int Page)> Queries(Talk talk)
    {
        yield return ("a word that is nowhere", "xyzzy", "", 1);
        yield return ("a rare word", talk.Rare(0), "", 1);
        yield return ("a word in 1 of 100 messages", talk.Word(150), "", 1);
        yield return ("the most common word", talk.Word(0), "", 1);
        yield return ("the most common word, 20th page", talk.Word(0), "", 20);
        yield return ("two common words", $"{talk.Word(0)} {talk.Word(3)}", "", 1);
        yield return ("a common and a rare word", $"{talk.Word(0)} {talk.Rare(1)}", "", 1);
        yield return ("two words seldom together", $"{talk.Word(60)} {talk.Word(400)}", "", 1);
        yield return ("one letter and *", "c*", "", 1);
        yield return ("a long prefix and *", $"{talk.Rare(2)[..5]}*", "", 1);
        yield return ("a phrase of common words", $"\"{talk.Word(0)} {talk.Word(2)}\"", "", 1);
        yield return ("a phrase of rare words", $"\"{talk.Rare(3)} {talk.Rare(4)}\"", "", 1);
        yield return ("from: and a common word", $"from:user-7 {talk.Word(1)}", "", 1);
        yield return ("from: alone", "from:user-7", "", 1);
        yield return ("from: who never wrote, and a common word", $"from:nobody {talk.Word(0)}", "", 1);
        yield return ("in: and a common word", talk.Word(0), "room-15", 1);
        yield return ("in: a small room, and a common word", talk.Word(0), "room-995", 1);
        yield return ("in: and a rare word", talk.Rare(5), "room-15", 1);
        yield return ("has:link", "has:link", "", 1);
        yield return ("has:link and a common word", $"has:link {talk.Word(0)}", "", 1);
        yield return ("before: a day at the beginning, and a common word", $"before:2026-01-02 {talk.Word(0)}", "", 1);
    }

    private static async Task MeasureAsync(string name, MessageSearch search, string user, (string What, string Query, string RoomId, int Page) query)
    {
        var request = new SearchRequest { Actor = new Actor { UserId = user }, Query = query.Query, RoomId = query.RoomId, Limit = 20 };
        for (var page = 1; page < query.Page; page++)
        {
            request.Before = (await search.FindAsync(request, CancellationToken.None)).Next;
        }

        var (times, found) = (new double[Times], 0);
        for (var i = 0; i < Times; i++)
        {
            var at = Stopwatch.GetTimestamp();
            try
            {
                found = (await search.FindAsync(request, CancellationToken.None)).Items.Count;
            }
            catch (StoreUnavailableException)
            {
                found = -1; // It takes longer than the store may.
            }

            times[i] = Stopwatch.GetElapsedTime(at).TotalMilliseconds;
            if (times[i] > 2_000 && i < Times - 1)
            {
                Array.Fill(times, times[i]); // Slow enough: once says it.
                break;
            }
        }

        Array.Sort(times);
        Console.WriteLine($"| {name} | {(user == "few" ? 20 : Rooms)} rooms | {query.What} | {found} | {times[Times / 2]:F1} ms | {times[Times * 99 / 100]:F1} ms |");
    }

    private static async Task FillAsync(IMessageStore store, ISearchIndex index, Talk talk)
    {
        var owner = await store.TakePartitionAsync(partition: 0, 1, CancellationToken.None);
        var seqs = new long[Rooms];
        var start = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds();
        var rooms = Enumerable.Range(0, Rooms).SelectMany(room => new (int, RoomEvent)[]
        {
            (room, new RoomEvent { Room = new RoomCreated { Kind = "open" } }),
            (room, new RoomEvent { Member = new MemberChanged { UserId = "many", Role = "owner", Members = 1 } }),
            (room, new RoomEvent { Member = new MemberChanged { UserId = room % 50 == 15 || room == 995 ? "few" : "user-1", Role = "member", Members = 2 } }),
        }).ToArray();
        await WriteAsync(rooms);
        var mark = FeedMark.Start;
        var random = new Random(2);
        for (var from = 0; from < Messages; from += Chunk)
        {
            var chunk = new (int Room, RoomEvent Event)[Chunk];
            for (var i = 0; i < Chunk; i++)
            {
                // Some rooms are much busier than others, and some users write much more.
                var (room, user) = ((int)(Rooms * Math.Pow(random.NextDouble(), 2)), (int)(Users * Math.Pow(random.NextDouble(), 2)));
                chunk[i] = (room, new RoomEvent
                {
                    UserId = $"user-{user}", Username = $"User {user}", CreatedAtMs = start + ((from + i) * 100_000L),
                    Message = new MessageCreated { MessageId = Guid.CreateVersion7().ToString(), Content = talk.Say() },
                });
            }

            await WriteAsync(chunk);
            var changes = SearchFollower.ChangesOf([.. chunk.Select(said => new FollowedEntry { RoomId = $"room-{said.Room}", Event = said.Event })]);
            var next = new FeedMark(store.Epoch, owner, from + Chunk, 0);
            if (await index.WriteAsync([new SearchPage(new FeedBatch(0, mark, next, []), changes)], CancellationToken.None) is not [FeedOutcome.Stored])
            {
                throw new InvalidOperationException("The only follower was refused.");
            }

            mark = next;
        }

        async Task WriteAsync((int Room, RoomEvent Event)[] events)
        {
            foreach (var (room, entry) in events)
            {
                entry.Seq = ++seqs[room];
                entry.UserId = entry.UserId.Length > 0 ? entry.UserId : "many";
            }

            var appends = events.GroupBy(entry => entry.Room).Select(room => new RoomAppend(
                Partition: 0, $"room-{room.Key}", owner, [.. room.Select(entry => new LogEntry(entry.Event.UserId, $"~{entry.Event.Seq}", entry.Event))])).ToArray();
            if (Array.Exists(await store.AppendAsync(appends, CancellationToken.None), outcome => outcome != AppendOutcome.Appended))
            {
                throw new InvalidOperationException("The only writer was refused.");
            }
        }
    }
}

/// <summary>What people say, made up: words of Spanish and English by Zipf's law, the most common ones being real.</summary>
internal sealed class Talk
{
    private const int Vocabulary = 20_000;

    private static readonly string[] Common =
    [
        "de", "la", "que", "the", "el", "en", "y", "to", "a", "and", "los", "se", "del", "of", "las", "un", "por", "con", "is", "una", "no", "you", "su", "para", "it",
        "es", "al", "that", "lo", "como", "más", "for", "pero", "sus", "le", "on", "ya", "this", "o", "we", "fue", "have", "porque", "are", "muy", "be", "sin", "with",
        "sobre", "mañana", "también", "me", "hasta", "hay", "not", "donde", "can", "quien", "desde", "will", "todo", "if", "nos", "what", "durante", "gracias", "todos",
        "canción", "reunión", "meeting", "hola", "thanks", "vale", "ok", "build", "release", "deploy", "servidor", "test", "cliente", "error", "issue", "hoy", "tomorrow",
    ];

    private static readonly string[] Syllables =
    [
        "ba", "ca", "co", "cre", "da", "de", "di", "do", "en", "es", "fa", "ga", "gra", "in", "ión", "la", "le", "lo", "ma", "men", "mi", "mo", "na", "ni", "no", "pa",
        "per", "pla", "po", "pre", "pro", "ra", "re", "ri", "ro", "sa", "se", "si", "so", "ta", "te", "ti", "to", "tra", "tu", "va", "ver", "vi", "er", "ing", "ed", "ly",
        "th", "str", "ght", "ck", "ness", "able", "con", "com", "un", "ex", "ñe", "á", "é", "í",
    ];

    private readonly string[] _words;
    private readonly double[] _upTo; // Cumulated frequency of the words.
    private readonly Random _random;

    public Talk(int seed)
    {
        _random = new Random(seed);
        var words = new HashSet<string>(Common, StringComparer.Ordinal);
        var list = new List<string>(words);
        while (list.Count < Vocabulary)
        {
            var word = string.Concat(Enumerable.Range(0, _random.Next(2, 5)).Select(_ => Syllables[_random.Next(Syllables.Length)]));
            if (words.Add(word))
            {
                list.Add(word);
            }
        }

        _words = [.. list];
        _upTo = new double[Vocabulary];
        var sum = 0.0;
        for (var rank = 0; rank < Vocabulary; rank++)
        {
            _upTo[rank] = sum += 1.0 / (rank + 2.7); // Zipf and Mandelbrot.
        }
    }

    /// <summary>The word of a rank; 0 is the most common one.</summary>
    public string Word(int rank) => _words[rank];

    /// <summary>A word that few messages have, of at least eight letters.</summary>
    public string Rare(int nth) => _words.Skip(15_000).Where(word => word.Length >= 8).ElementAt(nth);

    /// <summary>A message: most are short, some are long, one of fifty has a link.</summary>
    public string Say()
    {
        var length = (int)Math.Clamp(Math.Exp(2.2 + (0.8 * Normal())), 1, 120);
        var said = string.Join(' ', Enumerable.Range(0, length).Select(_ => Pick()));
        return _random.Next(50) == 0 ? said + " https://example.org/" + Pick() : said;
    }

    private string Pick()
    {
        var at = Array.BinarySearch(_upTo, _random.NextDouble() * _upTo[^1]);
        return _words[Math.Min(at < 0 ? ~at : at, Vocabulary - 1)];
    }

    private double Normal() => Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble())) * Math.Cos(2 * Math.PI * _random.NextDouble());
}
