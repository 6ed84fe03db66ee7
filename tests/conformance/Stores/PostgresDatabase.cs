using Tertulia.Messages.Storage;
using Tertulia.Messages.Storage.Sql;
using Tertulia.Testing;

namespace Tertulia.Conformance.Stores;

/// <summary>A database of its own on the collection's PostgreSQL.</summary>
internal sealed class PostgresDatabase(PostgresServer server) : IStoreDatabase
{
    private readonly List<IAsyncDisposable> _opened = [];

    public string ConnectionString { get; private set; } = "";

    public async Task CreateAsync() => ConnectionString = await server.CreateDatabaseAsync();

    private StoreOptions Options => new() { Kind = StoreKind.Postgres, ConnectionString = ConnectionString, CommandTimeout = TimeSpan.FromSeconds(10) };

    IMessageStore IStoreDatabase.Open() => new SqlMessageStore(new PostgresMessageDialect(Options));

    IReadMarks IStoreDatabase.OpenMarks()
    {
        var dialect = new PostgresMessageDialect(Options);
        _opened.Add(dialect);
        return new SqlReadMarks(dialect);
    }

    IAuditLog IStoreDatabase.OpenAudit()
    {
        var dialect = new PostgresMessageDialect(Options);
        _opened.Add(dialect);
        return new SqlAuditLog(dialect);
    }

    IRevocationStore IStoreDatabase.OpenRevocations()
    {
        var dialect = new PostgresMessageDialect(Options);
        _opened.Add(dialect);
        return new SqlRevocationStore(dialect);
    }

    IRequestRecords IStoreDatabase.OpenRequests()
    {
        var dialect = new PostgresMessageDialect(Options);
        _opened.Add(dialect);
        return new SqlRequestRecords(dialect);
    }

    IRetention IStoreDatabase.OpenRetention()
    {
        var dialect = new PostgresMessageDialect(Options);
        _opened.Add(dialect);
        return new SqlRetention(dialect);
    }

    IUserData IStoreDatabase.OpenUserData()
    {
        var dialect = new PostgresMessageDialect(Options);
        _opened.Add(dialect);
        return new SqlUserData(dialect);
    }

    IErasures IStoreDatabase.OpenErasures()
    {
        var dialect = new PostgresMessageDialect(Options);
        _opened.Add(dialect);
        return new SqlErasures(dialect);
    }

    IRoomReads IStoreDatabase.OpenReads()
    {
        var dialect = new PostgresMessageDialect(Options);
        _opened.Add(dialect);
        return new SqlRoomReads(dialect);
    }

    IRoomLists IStoreDatabase.OpenLists()
    {
        var dialect = new PostgresMessageDialect(Options);
        _opened.Add(dialect);
        return new SqlRoomLists(dialect);
    }

    public async Task DropAsync()
    {
        foreach (var dialect in _opened)
        {
            await dialect.DisposeAsync();
        }
    }
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

[Collection(PostgresGroup.Name)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class PostgresReadMarkTests(PostgresServer server) : ReadMarkConformance(new PostgresDatabase(server));

[Collection(PostgresGroup.Name)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class PostgresRevocationTests(PostgresServer server) : RevocationConformance(new PostgresDatabase(server));

[Collection(PostgresGroup.Name)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class PostgresRequestTests(PostgresServer server) : RequestConformance(new PostgresDatabase(server));

[Collection(PostgresGroup.Name)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class PostgresRoomReadTests(PostgresServer server) : RoomReadConformance(new PostgresDatabase(server));

[Collection(PostgresGroup.Name)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class PostgresRetentionTests(PostgresServer server) : RetentionConformance(new PostgresDatabase(server));

[Collection(PostgresGroup.Name)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class PostgresRoomListTests(PostgresServer server) : RoomListConformance(new PostgresDatabase(server));

[Collection(PostgresGroup.Name)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class PostgresUserDataTests(PostgresServer server) : UserDataConformance(new PostgresDatabase(server));
