using Tertulia.Conformance.Stores;
using Tertulia.Testing;

namespace Tertulia.Conformance.Notifications;

public sealed class SqliteInboxTests : InboxConformance
{
    private readonly SqliteDatabase _database = new();

    private protected override async Task<ISqlDialect> CreateAsync()
    {
        await _database.CreateAsync();
        return new SqliteDialect(_database.Options.ForFile("notification.db"));
    }

    private protected override Task DropAsync() => _database.DropAsync();
}

[Collection(PostgresGroup.Name)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class PostgresInboxTests(PostgresServer server) : InboxConformance
{
    private protected override async Task<ISqlDialect> CreateAsync() => new PostgresDialect(new StoreOptions
    {
        Kind = StoreKind.Postgres, ConnectionString = await server.CreateDatabaseAsync(),
    });

    private protected override Task DropAsync() => Task.CompletedTask;
}
