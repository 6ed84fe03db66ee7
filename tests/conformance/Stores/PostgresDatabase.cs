using Tertulia.Messages.Storage;
using Tertulia.Messages.Storage.Sql;
using Tertulia.Testing;

namespace Tertulia.Conformance.Stores;

/// <summary>A database of its own on the collection's PostgreSQL.</summary>
internal sealed class PostgresDatabase(PostgresServer server) : IStoreDatabase
{
    public string ConnectionString { get; private set; } = "";

    public async Task CreateAsync() => ConnectionString = await server.CreateDatabaseAsync();

    IMessageStore IStoreDatabase.Open() => new SqlMessageStore(new PostgresMessageDialect(new StoreOptions
    {
        Kind = StoreKind.Postgres, ConnectionString = ConnectionString, CommandTimeout = TimeSpan.FromSeconds(10),
    }));

    public Task DropAsync() => Task.CompletedTask;
}

[Collection(PostgresGroup.Name)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class PostgresAppendTests(PostgresServer server) : AppendConformance(new PostgresDatabase(server));

[Collection(PostgresGroup.Name)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class PostgresFenceTests(PostgresServer server) : FenceConformance(new PostgresDatabase(server));

[Collection(PostgresGroup.Name)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class PostgresReadTests(PostgresServer server) : ReadConformance(new PostgresDatabase(server));

[Collection(PostgresGroup.Name)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class PostgresConcurrentReadTests(PostgresServer server) : ConcurrentReadConformance(new PostgresDatabase(server));

[Collection(PostgresGroup.Name)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class PostgresChangeTests(PostgresServer server) : ChangeConformance(new PostgresDatabase(server));

[Collection(PostgresGroup.Name)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class PostgresRoomTests(PostgresServer server) : RoomConformance(new PostgresDatabase(server));

[Collection(PostgresGroup.Name)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class PostgresFeedTests(PostgresServer server) : FeedConformance(new PostgresDatabase(server));
