using System.Net;
using MongoDB.Bson;
using MongoDB.Driver;
using Tertulia.Conformance.Stores;
using Tertulia.Contracts;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Storage.Mongo;
using Tertulia.Mongo;
using Tertulia.Testing;

namespace Tertulia.Conformance.Mongo;

/// <summary>A server that goes away, and owners that are left behind: nothing acknowledged is lost, nothing is there twice, nothing comes late.</summary>
/// <remarks>A server that is ours is killed; of one that is not, all links are cut.</remarks>
[Collection(MongoGroup.Name)]
[Trait(Needs.Trait, Needs.MongoDb)]
public sealed class MongoFaultTests(MongoServer server) : IAsyncLifetime
{
    private readonly string _database = MongoServer.NewDatabase();
    private readonly List<IMessageStore> _opened = [];
    private FaultProxy _proxy = null!;
    private IMessageStore _store = null!;

    private static CancellationToken Deadline => new CancellationTokenSource(TimeSpan.FromSeconds(120)).Token;

    public async Task InitializeAsync()
    {
        _proxy = new FaultProxy(new DnsEndPoint(server.Server.Url.Server.Host, server.Server.Url.Server.Port));
        _store = await OpenAsync(Options);
    }

    public async Task DisposeAsync()
    {
        foreach (var store in _opened)
        {
            await store.DisposeAsync();
        }

        await _proxy.DisposeAsync();
        await server.Server.DropAsync(_database);
    }

    private StoreOptions Options => server.OptionsOf(_database);

    private StoreOptions ThroughProxy
    {
        get
        {
            var url = new MongoUrlBuilder(Options.ConnectionString) { Server = new MongoServerAddress("127.0.0.1", _proxy.Port), DirectConnection = true };
            return new StoreOptions { Kind = StoreKind.MongoDb, ConnectionString = url.ToString(), CommandTimeout = Options.CommandTimeout };
        }
    }

    [Fact]
    public async Task What_was_acknowledged_is_there_once_after_a_server_died_again_and_again_under_load()
    {
        const int Messages = 120;
        var store = await OpenAsync(ThroughProxy);
        var owner = await store.TakePartitionAsync(0, nowMs: 1, Deadline);
        var lobby = new RoomScript("lobby");
        Assert.Equal([AppendOutcome.Appended], await AppendAsync(store, owner, [.. lobby.Opening(messages: 0)]));

        var outages = new List<Task>();
        for (var i = 0; i < Messages; i++)
        {
            if (i % 40 == 20)
            {
                outages.Add(Task.Run(OutageAsync));
            }

            await SayAsync(store, owner, lobby, $"m{i}");
        }

        await Task.WhenAll(outages);
        var log = await store.ReadEventsAsync("lobby", 1, long.MaxValue, ReadLimit.Of(10_000), Deadline);
        Assert.Equal(Enumerable.Range(1, Messages + 2).Select(seq => (long)seq), log!.Events.Select(entry => entry.Seq));
        Assert.Equal(Enumerable.Range(0, Messages).Select(i => $"m{i}"), log.Events.Skip(2).Select(entry => entry.Message.ClientMsgId));
        var feed = await store.ReadFeedAsync(0, FeedPosition.Start, ReadLimit.Of(10_000), Deadline);
        Assert.Equal(log.Events, feed.Entries.Select(entry => entry.Event));
    }

    [Fact]
    public async Task What_an_owner_sent_before_its_network_broke_does_not_come_after_the_next_one_took_over()
    {
        var former = await OpenAsync(ThroughProxy);
        var owner = await former.TakePartitionAsync(0, nowMs: 1, Deadline);
        var lobby = new RoomScript("lobby");
        Assert.Equal([AppendOutcome.Appended], await AppendAsync(former, owner, [.. lobby.Opening(messages: 1)]));

        _proxy.Freeze();
        var late = AppendAsync(former, owner, [lobby.Said("ana", "late")]);
        var newer = await _store.TakePartitionAsync(0, nowMs: 1, Deadline);
        lobby.LastSeq--;
        Assert.Equal([AppendOutcome.Appended], await AppendAsync(_store, newer, [lobby.Said("bruno", "next")]));
        _proxy.Thaw();

        Assert.Equal([AppendOutcome.NotOwner], await late);
        var log = await _store.ReadEventsAsync("lobby", 1, long.MaxValue, ReadLimit.Of(100), Deadline);
        Assert.Equal(["m1", "next"], log!.Events.Skip(2).Select(entry => entry.Message.ClientMsgId));
    }

    [Fact]
    public async Task A_flush_that_its_owner_left_half_written_is_ended_by_the_next_one_and_its_rest_never_comes()
    {
        await using var connection = new MongoConnection(Options);
        var collections = new MessageCollections(connection);
        var owner = await _store.TakePartitionAsync(0, nowMs: 1, Deadline);
        var (there, missing) = (new RoomScript("there"), new RoomScript("missing"));
        RoomAppend[] appends =
        [
            new(0, "there", owner, [.. there.Opening(messages: 1).Select(entry => entry.Entry)]),
            new(0, "missing", owner, [.. missing.Opening(messages: 1).Select(entry => entry.Entry)]),
        ];
        var note = new BsonDocument { { "o", owner }, { "a", 0L }, { "rooms", new BsonArray { "there", "missing" } } };
        await collections.Partitions.UpdateOneAsync(
            new BsonDocument("_id", 0), new BsonDocument { { "$inc", new BsonDocument("f", 1L) }, { "$set", new BsonDocument("open.half", note) } });
        await collections.Log.InsertOneAsync(LogDocuments.Of(appends[0], "half", 1, 0, StoredHead.None));

        var before = await _store.ReadFeedAsync(0, FeedPosition.Start, ReadLimit.Of(100), Deadline);
        var seen = await _store.LoadAsync(["there"], [new("there", "ana")], Deadline);
        var newer = await _store.TakePartitionAsync(0, nowMs: 1, Deadline);
        var late = await Record.ExceptionAsync(() => collections.Log.InsertOneAsync(LogDocuments.Of(appends[1], "half", 1, 1, StoredHead.None)));

        Assert.Empty(before.Entries);
        Assert.Equal(("owner", 1), (seen.Members[new("there", "ana")].Role, seen.Rooms["there"].Owners));
        Assert.True(MongoFaults.IsDuplicateKey(Assert.IsType<MongoWriteException>(late)));
        Assert.Null(await _store.ReadEventsAsync("missing", 1, 9, ReadLimit.Of(9), Deadline));
        Assert.Equal([AppendOutcome.Appended], await _store.AppendAsync([appends[1] with { OwnerEpoch = newer }], Deadline));
        var feed = await _store.ReadFeedAsync(0, FeedPosition.Start, ReadLimit.Of(100), Deadline);
        Assert.Equal(["there", "there", "there", "missing", "missing", "missing"], feed.Entries.Select(entry => entry.RoomId));
        Assert.Empty(await collections.Log.Find(new BsonDocument(LogField.Effects, new BsonDocument("$exists", true))).ToListAsync());
        Assert.Equal("owner", (await _store.LoadAsync([], [new("there", "ana")], Deadline)).Members[new("there", "ana")].Role);
    }

    private async Task OutageAsync()
    {
        if (server.Server.IsOurs)
        {
            await server.Server.KillAsync();
            await server.Server.RestartAsync(Deadline);
        }
        else
        {
            _proxy.Cut();
        }
    }

    /// <summary>As the message service does: what is not answered is sent again, and found out when it was stored.</summary>
    private static async Task SayAsync(IMessageStore store, long owner, RoomScript room, string key)
    {
        var deadline = Deadline;
        while (true)
        {
            deadline.ThrowIfCancellationRequested();
            try
            {
                if (await AppendAsync(store, owner, [room.Said("ana", key)]) is [AppendOutcome.Appended])
                {
                    return;
                }
            }
            catch (StoreUnavailableException)
            {
                // Whether it is stored is not known.
            }

            if (await ReloadAsync(store, room, key))
            {
                return;
            }
        }
    }

    private static async Task<bool> ReloadAsync(IMessageStore store, RoomScript room, string key)
    {
        var deadline = Deadline;
        while (true)
        {
            try
            {
                room.LastSeq = (await store.LoadAsync([room.RoomId], [], Deadline)).Rooms[room.RoomId].LastSeq;
                return (await store.FindByKeysAsync([new EntryKey(room.RoomId, "ana", key)], Deadline)).Count > 0;
            }
            catch (StoreUnavailableException) when (!deadline.IsCancellationRequested)
            {
                // The driver itself waits for a server, up to its time-out.
            }
        }
    }

    private static Task<AppendOutcome[]> AppendAsync(IMessageStore store, long owner, IReadOnlyCollection<RoomEntry> entries) =>
        store.AppendAsync([new RoomAppend(0, entries.First().RoomId, owner, [.. entries.Select(entry => entry.Entry)])], Deadline);

    private async Task<IMessageStore> OpenAsync(StoreOptions options)
    {
        var store = new MongoMessageStore(new MessageCollections(new MongoConnection(options)));
        _opened.Add(store);
        await store.InitializeAsync(Deadline);
        return store;
    }
}
