using Tertulia.Contracts;
using Tertulia.Presence.Storage;
using Tertulia.Testing;

namespace Tertulia.Conformance.Stores;

/// <summary>What the presence service stores: chosen statuses and when users were last seen.</summary>
public abstract class PresenceStoreConformance : IAsyncLifetime
{
    private IPresenceStore _store = null!;

    private static CancellationToken Deadline => new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token;

    public async Task InitializeAsync()
    {
        _store = PresenceStores.Open(await CreateAsync());
        await _store.InitializeAsync(Deadline);
    }

    public async Task DisposeAsync()
    {
        await _store.DisposeAsync();
        await DropAsync();
    }

    [Fact]
    public async Task It_answers_and_may_be_initialised_again()
    {
        await _store.WriteStatusAsync(Status("ana", "busy", 5), Deadline);
        await _store.InitializeAsync(Deadline);
        await _store.CheckAsync(Deadline);

        Assert.Equal(["ana busy 5"], await WordsAsync(0, 10));
    }

    [Fact]
    public async Task When_a_user_was_last_seen_may_be_forgotten()
    {
        await _store.WriteSeenAsync([new Seen("ana", 5), new Seen("bruno", 6)], Deadline);

        await _store.ForgetSeenAsync("ana", Deadline);
        await _store.ForgetSeenAsync("ana", Deadline);

        Assert.Equal([new Seen("bruno", 6)], await _store.ReadSeenAsync(["ana", "bruno"], Deadline));
    }

    [Fact]
    public async Task A_status_comes_back_as_it_was()
    {
        var status = new ChosenStatus { UserId = "ñandú 😀", Status = "busy", Text = "'in a \"call\"", Emoji = "📞", UntilMs = 1_900_000_000_000, Stamp = 1L << 61 };

        await _store.WriteStatusAsync(status, Deadline);

        Assert.Equal([status], await _store.ReadStatusesAsync(0, 10, Deadline));
    }

    [Fact]
    public async Task The_status_with_the_largest_stamp_stays_in_whatever_order_they_come()
    {
        await _store.WriteStatusAsync(Status("ana", "busy", 7), Deadline);
        await _store.WriteStatusAsync(Status("ana", "away", 6), Deadline);
        Assert.Equal(["ana busy 7"], await WordsAsync(0, 10));

        await _store.WriteStatusAsync(Status("ana", "online", 8), Deadline);
        Assert.Equal(["ana online 8"], await WordsAsync(0, 10));
    }

    [Fact]
    public async Task Statuses_are_read_page_by_page_in_the_order_of_their_stamps()
    {
        foreach (var stamp in new long[] { 3, 1, 5, 2, 4 })
        {
            await _store.WriteStatusAsync(Status($"user-{stamp}", "busy", stamp), Deadline);
        }

        Assert.Equal(["user-1 busy 1", "user-2 busy 2"], await WordsAsync(0, 2));
        Assert.Equal(["user-3 busy 3", "user-4 busy 4"], await WordsAsync(2, 2));
        Assert.Equal(["user-5 busy 5"], await WordsAsync(4, 2));
        Assert.Empty(await WordsAsync(5, 2));
    }

    [Fact]
    public async Task What_has_ended_and_what_says_nothing_is_removed()
    {
        await _store.WriteStatusAsync(Status("ended", "busy", 1, until: 100), Deadline);
        await _store.WriteStatusAsync(Status("lasts", "busy", 2, until: 200), Deadline);
        await _store.WriteStatusAsync(Status("for ever", "invisible", 3), Deadline);
        await _store.WriteStatusAsync(Status("nothing", "online", 4), Deadline);
        await _store.WriteStatusAsync(Status("nothing yet", "online", 6), Deadline);

        Assert.Equal(2, await _store.RemoveStatusesAsync(endedBeforeMs: 150, chosenBeforeStamp: 5, Deadline));

        Assert.Equal(["lasts busy 2", "for ever invisible 3", "nothing yet online 6"], await WordsAsync(0, 10));
    }

    [Fact]
    public async Task The_latest_time_at_which_a_user_was_seen_stays()
    {
        await _store.WriteSeenAsync([new Seen("ana", 10), new Seen("bruno", 20), new Seen("ñ", 1_900_000_000_000)], Deadline);
        await _store.WriteSeenAsync([new Seen("ana", 9), new Seen("bruno", 21)], Deadline);
        await _store.WriteSeenAsync([], Deadline);

        var seen = await _store.ReadSeenAsync(["bruno", "ana", "nobody", "ñ"], Deadline);

        Assert.Equal([new Seen("ana", 10), new Seen("bruno", 21), new Seen("ñ", 1_900_000_000_000)], seen.OrderBy(one => one.UserId, StringComparer.Ordinal));
        Assert.Empty(await _store.ReadSeenAsync([], Deadline));
    }

    [Fact]
    public async Task Many_replicas_write_the_same_users_at_once()
    {
        var users = Enumerable.Range(0, 500).Select(index => $"user-{index}").ToArray();

        await Task.WhenAll(Enumerable.Range(1, 8).Select(replica => Task.Run(async () =>
        {
            var random = new Random(replica);
            for (var round = 0; round < 5; round++)
            {
                string[] shuffled = [.. users];
                random.Shuffle(shuffled);
                await _store.WriteSeenAsync([.. shuffled.Select(user => new Seen(user, (replica * 10) + round))], Deadline);
                await _store.WriteStatusAsync(Status("ana", $"of {replica}", (replica * 10) + round), Deadline);
            }
        }))).WaitAsync(Deadline);

        Assert.All(await _store.ReadSeenAsync(users, Deadline), seen => Assert.Equal(84, seen.SeenMs));
        Assert.Equal(["ana of 8 84"], await WordsAsync(0, 10));
    }

    private protected abstract Task<StoreOptions> CreateAsync();

    private protected abstract Task DropAsync();

    private async Task<IEnumerable<string>> WordsAsync(long after, int limit) =>
        (await _store.ReadStatusesAsync(after, limit, Deadline)).Select(status => $"{status.UserId} {status.Status} {status.Stamp}");

    private static ChosenStatus Status(string userId, string status, long stamp, long until = 0) =>
        new() { UserId = userId, Status = status, Stamp = stamp, UntilMs = until };
}

public sealed class SqlitePresenceStoreTests : PresenceStoreConformance
{
    private readonly SqliteDatabase _database = new();

    private protected override async Task<StoreOptions> CreateAsync()
    {
        await _database.CreateAsync();
        return _database.Options;
    }

    private protected override Task DropAsync() => _database.DropAsync();
}

[Collection(PostgresGroup.Name)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class PostgresPresenceStoreTests(PostgresServer server) : PresenceStoreConformance
{
    private protected override async Task<StoreOptions> CreateAsync() =>
        new() { Kind = StoreKind.Postgres, ConnectionString = await server.CreateDatabaseAsync(), CommandTimeout = TimeSpan.FromSeconds(10) };

    private protected override Task DropAsync() => Task.CompletedTask;
}
