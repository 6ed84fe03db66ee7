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
    private protected override async Task<ISqlDialect> CreateAsync() => new PostgresDialect(new StoreOptions
    {
        Kind = StoreKind.Postgres, ConnectionString = await server.CreateDatabaseAsync(),
    });

    private protected override Task DropAsync() => Task.CompletedTask;
}
