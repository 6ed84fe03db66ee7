using Npgsql;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Storage.Sql;
using Tertulia.Testing;

namespace Tertulia.Conformance.Stores;

/// <summary>A PostgreSQL that is demoted, does not answer in time, or is older than this version; a server of its own.</summary>
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class PostgresOutageTests : IAsyncLifetime
{
    private readonly PostgresServer _server = new();
    private string _connectionString = "";

    private static CancellationToken Deadline => new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token;

    public async Task InitializeAsync()
    {
        await _server.InitializeAsync();
        _connectionString = await _server.CreateDatabaseAsync();
    }

    public Task DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task A_demoted_primary_loses_its_pooled_connections_and_the_store_goes_on_with_the_next_primary()
    {
        await using var store = await OpenAsync(TimeSpan.FromSeconds(10));
        var lobby = new RoomScript("lobby");
        var owner = await store.TakePartitionAsync(0, nowMs: 1, Deadline);
        await AppendAsync(store, owner, lobby.Opening(messages: 1));
        var before = await BackendsAsync();

        // Sessions that are open keep it, as those of a demoted primary do: only new ones can write again.
        await ExecuteAsync("alter system set default_transaction_read_only = on; select pg_reload_conf()");
        await HoldsAsync(async () => await IsReadOnlyAsync(store, lobby, owner), "the server refuses to write");
        await ExecuteAsync("set default_transaction_read_only = off; alter system reset default_transaction_read_only; select pg_reload_conf()");
        lobby.LastSeq = 3;
        await HoldsAsync(async () => await TryAppendAsync(store, owner, lobby), "the store writes again");

        Assert.Empty((await BackendsAsync()).Intersect(before));
        Assert.Equal(4, (await store.ReadEventsAsync("lobby", 1, 9, ReadLimit.Of(9), Deadline))!.LastSeq);
    }

    [Fact]
    public async Task A_process_that_stands_still_in_a_transaction_keeps_no_partition_from_its_next_owner()
    {
        await using var store = await OpenAsync(TimeSpan.FromSeconds(1));
        var before = await store.TakePartitionAsync(0, nowMs: 1, Deadline);
        await using var dialect = new PostgresMessageDialect(new StoreOptions
        {
            Kind = StoreKind.Postgres, ConnectionString = _connectionString, CommandTimeout = TimeSpan.FromSeconds(1),
        });
        await using var frozen = await dialect.OpenAsync();
        await using var transaction = await frozen.BeginTransactionAsync(Deadline);
        await using var command = frozen.CreateCommand("select * from partition_owners for update");
        command.Transaction = transaction;
        await command.ExecuteNonQueryAsync(Deadline);

        var epoch = 0L;
        await HoldsAsync(
            async () =>
            {
                try
                {
                    epoch = await store.TakePartitionAsync(0, nowMs: 1, Deadline);
                    return true;
                }
                catch (StoreUnavailableException)
                {
                    return false; // It waits for the lock.
                }
            },
            "the next owner takes the partition");

        Assert.Equal(before + 1, epoch);
    }

    [Fact]
    public async Task A_statement_that_takes_too_long_is_ended_by_the_server_and_holds_nothing_up()
    {
        await using var store = await OpenAsync(TimeSpan.FromSeconds(1));
        var lobby = new RoomScript("lobby");
        var owner = await store.TakePartitionAsync(0, nowMs: 1, Deadline);
        await AppendAsync(store, owner, lobby.Opening(messages: 0));

        await using (var blocker = new NpgsqlConnection(_connectionString))
        {
            await blocker.OpenAsync(Deadline);
            await using var transaction = await blocker.BeginTransactionAsync(Deadline);
            await using var command = new NpgsqlCommand("select * from partition_owners for update", blocker, transaction);
            await command.ExecuteNonQueryAsync(Deadline);

            await Assert.ThrowsAsync<StoreUnavailableException>(() => AppendAsync(store, owner, [lobby.Said("ana", "m1")]));

            Assert.Equal(2, (await store.ReadEventsAsync("lobby", 1, 9, ReadLimit.Of(9), Deadline))!.LastSeq);
            await HoldsAsync(async () => await CountAsync("select count(*) from pg_stat_activity where wait_event_type = 'Lock'") == 0, "the server ended it");
        }

        lobby.LastSeq--;
        await AppendAsync(store, owner, [lobby.Said("ana", "m1")]);
        Assert.Equal(3, (await store.ReadEventsAsync("lobby", 1, 9, ReadLimit.Of(9), Deadline))!.LastSeq);
    }

    [Fact]
    public async Task Callers_that_give_up_end_no_command_and_cost_no_connection()
    {
        await using var store = await OpenAsync(TimeSpan.FromSeconds(20));
        var lobby = new RoomScript("lobby");
        var owner = await store.TakePartitionAsync(0, nowMs: 1, Deadline);
        await AppendAsync(store, owner, lobby.Opening(messages: 0));
        await using (var blocker = new NpgsqlConnection(_connectionString))
        {
            await blocker.OpenAsync(Deadline);
            await using var transaction = await blocker.BeginTransactionAsync(Deadline);
            await using var command = new NpgsqlCommand("lock table room_log in access exclusive mode", blocker, transaction);
            await command.ExecuteNonQueryAsync(Deadline);
            using var gaveUp = new CancellationTokenSource();
            var reads = Enumerable.Range(0, 10).Select(_ => store.ReadEventsAsync("lobby", 1, 9, ReadLimit.Of(9), gaveUp.Token)).ToArray();
            await HoldsAsync(async () => await CountAsync("select count(*) from pg_stat_activity where wait_event_type = 'Lock'") == 10, "all of them wait");

            await gaveUp.CancelAsync();

            foreach (var read in reads)
            {
                await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read);
            }

            Assert.Equal(10, await CountAsync("select count(*) from pg_stat_activity where wait_event_type = 'Lock'"));
        }

        await HoldsAsync(async () => await CountAsync("select count(*) from pg_stat_activity where wait_event_type = 'Lock'") == 0, "they end by themselves");
        var backends = await BackendsAsync();
        Assert.Equal(2, (await store.ReadEventsAsync("lobby", 1, 9, ReadLimit.Of(9), Deadline))!.LastSeq);
        Assert.Equal(backends, await BackendsAsync());
    }

    [Fact]
    public async Task Reads_that_were_left_alone_because_the_server_stood_still_take_no_place_from_the_next_ones()
    {
        const int Pool = 3;
        await using var proxy = new FaultProxy(_server.Server.Port);
        var dialect = new PostgresMessageDialect(new StoreOptions
        {
            Kind = StoreKind.Postgres, CommandTimeout = TimeSpan.FromSeconds(1),
            ConnectionString = new NpgsqlConnectionStringBuilder(_connectionString) { Port = proxy.Port, MaxPoolSize = Pool }.ConnectionString,
        });
        await using var store = new SqlMessageStore(dialect);
        await store.InitializeAsync(Deadline);
        var owner = await store.TakePartitionAsync(0, nowMs: 1, Deadline);
        await AppendAsync(store, owner, new RoomScript("lobby").Opening(messages: 0));
        foreach (var connection in await Task.WhenAll(Enumerable.Range(0, Pool).Select(_ => dialect.OpenAsync().AsTask())))
        {
            await connection.DisposeAsync(); // As many as there may be.
        }

        await _server.Server.Process.FreezeAsync(); // It takes no new sessions,
        proxy.FreezeLinks(); // and those that there are will never hear of it again.
        var reads = Enumerable.Range(0, Pool + 1).Select(_ => Assert.ThrowsAsync<StoreUnavailableException>(ReadAsync)).ToArray();
        await Task.WhenAll(reads);
        await _server.Server.Process.ContinueAsync();

        await HoldsAsync(async () => await TryReadAsync(), "the store answers again");
        await Task.WhenAll(Enumerable.Range(0, Pool).Select(_ => ReadAsync()));

        Task ReadAsync() => store.ReadEventsAsync("lobby", 1, 9, ReadLimit.Of(9), Deadline);

        async Task<bool> TryReadAsync()
        {
            try
            {
                await ReadAsync();
                return true;
            }
            catch (StoreUnavailableException)
            {
                return false;
            }
        }
    }

    [Fact]
    public async Task A_database_of_the_version_before_keeps_its_messages()
    {
        var lobby = new RoomScript("lobby");
        var entries = lobby.Opening(messages: 3);
        entries.Add(lobby.Joined("bruno"));
        await CreateOldAsync(entries);

        await using var store = await OpenAsync(TimeSpan.FromSeconds(10));

        Assert.Equal("epoch234", store.Epoch);
        Assert.Equal(entries.Select(entry => entry.Event), (await store.ReadEventsAsync("lobby", 1, 9, ReadLimit.Of(9), Deadline))!.Events);
        var head = (await store.LoadAsync(["lobby"], [], Deadline)).Rooms["lobby"];
        Assert.Equal((6L, 3L, "ana"), (head.LastSeq, head.Messages, head.CreatedBy));
        Assert.Equal([4L], (await store.FindMessagesAsync(["id-ana-m2"], Deadline)).Select(found => found.Message.Seq));
        Assert.Equal(2, (await store.CountMessagesAsync([new("lobby", 4)], Deadline))[new("lobby", 4)]);
        var owner = await store.TakePartitionAsync(0, nowMs: 1, Deadline);
        await AppendAsync(store, owner, [lobby.Said("ana", "m4")]);
    }

    private static async Task HoldsAsync(Func<Task<bool>> condition, string what)
    {
        for (var deadline = Deadline; !await condition();)
        {
            Assert.False(deadline.IsCancellationRequested, $"{what}: not within a minute");
        }
    }

    private static async Task AppendAsync(IMessageStore store, long owner, IEnumerable<RoomEntry> entries) => Assert.Equal(
        [AppendOutcome.Appended],
        await store.AppendAsync([new RoomAppend(0, "lobby", owner, [.. entries.Select(entry => entry.Entry)])], Deadline));

    private static async Task<bool> TryAppendAsync(IMessageStore store, long owner, RoomScript lobby)
    {
        try
        {
            lobby.LastSeq = 3;
            await AppendAsync(store, owner, [lobby.Said("ana", "m2")]);
            return true;
        }
        catch (StoreUnavailableException)
        {
            return false;
        }
    }

    private static async Task<bool> IsReadOnlyAsync(IMessageStore store, RoomScript lobby, long owner)
    {
        try
        {
            await store.TakePartitionAsync(1, nowMs: 1, Deadline);
            return false;
        }
        catch (StoreUnavailableException exception)
        {
            Assert.Equal(PostgresErrorCodes.ReadOnlySqlTransaction, Assert.IsType<PostgresException>(exception.InnerException).SqlState);
            await Assert.ThrowsAsync<StoreUnavailableException>(() => AppendAsync(store, owner, [lobby.Said("ana", "refused")]));
            return true;
        }
    }

    private async Task<SqlMessageStore> OpenAsync(TimeSpan commandTimeout)
    {
        var store = new SqlMessageStore(new PostgresMessageDialect(new StoreOptions
        {
            Kind = StoreKind.Postgres, ConnectionString = _connectionString + ";Application Name=store", CommandTimeout = commandTimeout,
        }));
        await store.InitializeAsync(Deadline);
        return store;
    }

    private async Task CreateOldAsync(IEnumerable<RoomEntry> entries)
    {
        await ExecuteAsync("create table schema_migrations (version integer primary key, name text not null)");
        foreach (var name in (string[])["0001-rooms-and-their-logs", "0002-the-log-holds-the-messages"])
        {
            using var sql = new StreamReader(typeof(PostgresMessageDialect).Assembly.GetManifestResourceStream(name)!);
            await using var dialect = new PostgresMessageDialect(new StoreOptions { ConnectionString = _connectionString });
            await ExecuteAsync(dialect.Translate(await sql.ReadToEndAsync(Deadline)));
            await ExecuteAsync($"insert into schema_migrations (version, name) values ({name[3]}, '{name}')");
        }

        await ExecuteAsync("insert into meta (key, value) values ('epoch', 'epoch234'); insert into rooms values ('lobby', 'open', 2, 1)");
        await using var source = NpgsqlDataSource.Create(_connectionString);
        foreach (var entry in entries)
        {
            await using var insert = source.CreateCommand("insert into room_log values ($1, $2, $3, $4, $5, $6, $7)");
            foreach (var value in (object[])[entry.RoomId, entry.Event.Seq, (short)entry.Event.BodyCase, entry.Key.SenderId, entry.Key.IdempotencyKey, entry.Event.CreatedAtMs, Google.Protobuf.MessageExtensions.ToByteArray(entry.Event)])
            {
                insert.Parameters.AddWithValue(value);
            }

            await insert.ExecuteNonQueryAsync(Deadline);
        }
    }

    private Task<long[]> BackendsAsync() => ListAsync("select pid::bigint from pg_stat_activity where application_name = 'store' order by pid");

    private async Task<long> CountAsync(string sql) => (await ListAsync(sql))[0];

    private async Task<long[]> ListAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(_connectionString + ";Pooling=False");
        await connection.OpenAsync(Deadline);
        await using var command = new NpgsqlCommand(sql, connection);
        await using var reader = await command.ExecuteReaderAsync(Deadline);
        var rows = new List<long>();
        while (await reader.ReadAsync(Deadline))
        {
            rows.Add(reader.GetInt64(0));
        }

        return [.. rows];
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(_connectionString + ";Pooling=False");
        await connection.OpenAsync(Deadline);
        foreach (var statement in sql.StartsWith("create", StringComparison.Ordinal) || sql.StartsWith("--", StringComparison.Ordinal) ? [sql] : sql.Split("; "))
        {
            await using var command = new NpgsqlCommand(statement, connection); // "alter system" must be alone.
            await command.ExecuteNonQueryAsync(Deadline);
        }
    }
}
