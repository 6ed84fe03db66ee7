using System.Data.Common;
using Tertulia.Testing;

namespace Tertulia.Conformance.Stores;

public sealed class SqliteDialectTests : DialectConformance
{
    private readonly SqliteDatabase _database = new();

    [Fact]
    public async Task A_write_that_awaits_anything_else_is_refused() => await Assert.ThrowsAsync<InvalidOperationException>(
        () => Dialect.WriteAsync(async _ =>
        {
            await new TaskCompletionSource().Task;
            return true;
        }));

    [Fact]
    public void A_service_has_its_file_beside_the_one_of_the_messages()
    {
        var options = new StoreOptions { Kind = StoreKind.Sqlite, Path = "/data/tertulia.db", Synchronous = SqliteSynchronous.Normal, CommandTimeout = TimeSpan.FromSeconds(3) };

        var own = options.ForFile("notification.db");

        Assert.Equal(
            ("/data/notification.db", StoreKind.Sqlite, SqliteSynchronous.Normal, TimeSpan.FromSeconds(3)), (own.Path, own.Kind, own.Synchronous, own.CommandTimeout));
    }

    private protected override async Task<ISqlDialect> CreateAsync()
    {
        await _database.CreateAsync();
        return new SqliteDialect(_database.Options);
    }

    private protected override Task DropAsync() => _database.DropAsync();
}

[Collection(PostgresGroup.Name)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class PostgresDialectTests(PostgresServer server) : DialectConformance
{
    // As the place of a room is read: its last entry, joined by a key that is itself looked up.
    private const string LastEntries =
        "select l.seq from unnest(@rooms) k join entries l on l.room_id = k and l.seq = (select max(seq) from entries where room_id = k)";

    private const string Table =
        "create table entries (room_id text, seq bigint, key text, name text, body bytea, primary key (room_id, seq)) with (autovacuum_enabled = off)";

    private const string RowsRead =
        "select pg_stat_get_xact_tuples_returned('entries'::regclass) + pg_stat_get_xact_tuples_returned('entries_pkey'::regclass)";

    [Fact]
    public async Task A_plan_that_was_made_while_a_table_was_empty_still_reads_what_is_asked_for_only()
    {
        await using var connection = await Dialect.OpenAsync();
        await ExecuteAsync(connection, Table);
        for (var times = 0; times < 5; times++) // Prepared, and planned.
        {
            await ExecuteAsync(connection, LastEntries, ("rooms", (string[])["room-1"]));
        }

        await ExecuteAsync(connection, "insert into entries select 'room-' || r, s from generate_series(1, 1000) r, generate_series(1, 10) s");
        await using var transaction = await connection.BeginTransactionAsync();

        Assert.Equal(10L, await ExecuteAsync(connection, LastEntries, ("rooms", (string[])["room-1"])));

        Assert.InRange((long)(await ExecuteAsync(connection, RowsRead))!, 1, 10);
    }

    private protected override async Task<ISqlDialect> CreateAsync() => new PostgresDialect(new StoreOptions
    {
        Kind = StoreKind.Postgres, ConnectionString = await server.CreateDatabaseAsync(),
    });

    private protected override Task DropAsync() => Task.CompletedTask;

    private static async Task<object?> ExecuteAsync(DbConnection connection, string sql, params (string Name, object Value)[] parameters)
    {
        await using var command = connection.CreateCommand(sql, parameters);
        return await command.ExecuteScalarAsync();
    }
}
