using Tertulia.Messages.Storage;
using Tertulia.Messages.Storage.Sql;

namespace Tertulia.Conformance.Stores;

/// <summary>A SQLite file in a folder of its own.</summary>
internal sealed class SqliteDatabase : IStoreDatabase
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"tertulia-sqlite-{Guid.NewGuid():N}");

    private readonly List<IAsyncDisposable> _opened = [];

    public string FilePath => Path.Combine(_folder, "tertulia.db");

    public StoreOptions Options => new() { Kind = StoreKind.Sqlite, Path = FilePath };

    public Task CreateAsync()
    {
        Directory.CreateDirectory(_folder);
        return Task.CompletedTask;
    }

    IMessageStore IStoreDatabase.Open() => new SqlMessageStore(new SqliteMessageDialect(Options));

    IReadMarks IStoreDatabase.OpenMarks()
    {
        var dialect = new SqliteMessageDialect(Options);
        _opened.Add(dialect);
        return new SqlReadMarks(dialect);
    }

    IAuditLog IStoreDatabase.OpenAudit()
    {
        var dialect = new SqliteMessageDialect(Options);
        _opened.Add(dialect);
        return new SqlAuditLog(dialect);
    }

    IRevocationStore IStoreDatabase.OpenRevocations()
    {
        var dialect = new SqliteMessageDialect(Options);
        _opened.Add(dialect);
        return new SqlRevocationStore(dialect);
    }

    IRequestRecords IStoreDatabase.OpenRequests()
    {
        var dialect = new SqliteMessageDialect(Options);
        _opened.Add(dialect);
        return new SqlRequestRecords(dialect);
    }

    IRetention IStoreDatabase.OpenRetention()
    {
        var dialect = new SqliteMessageDialect(Options);
        _opened.Add(dialect);
        return new SqlRetention(dialect);
    }

    IUserData IStoreDatabase.OpenUserData()
    {
        var dialect = new SqliteMessageDialect(Options);
        _opened.Add(dialect);
        return new SqlUserData(dialect);
    }

    IErasures IStoreDatabase.OpenErasures()
    {
        var dialect = new SqliteMessageDialect(Options);
        _opened.Add(dialect);
        return new SqlErasures(dialect);
    }

    IRoomReads IStoreDatabase.OpenReads()
    {
        var dialect = new SqliteMessageDialect(Options);
        _opened.Add(dialect);
        return new SqlRoomReads(dialect);
    }

    IRoomLists IStoreDatabase.OpenLists()
    {
        var dialect = new SqliteMessageDialect(Options);
        _opened.Add(dialect);
        return new SqlRoomLists(dialect);
    }

    public async Task DropAsync()
    {
        foreach (var dialect in _opened)
        {
            await dialect.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }
}

public sealed class SqliteAppendTests() : AppendConformance(new SqliteDatabase());

public sealed class SqliteFenceTests() : FenceConformance(new SqliteDatabase());

public sealed class SqliteReadTests() : ReadConformance(new SqliteDatabase());

public sealed class SqliteConcurrentReadTests() : ConcurrentReadConformance(new SqliteDatabase());

public sealed class SqliteChangeTests() : ChangeConformance(new SqliteDatabase());

public sealed class SqliteRoomTests() : RoomConformance(new SqliteDatabase());

public sealed class SqliteFeedTests() : FeedConformance(new SqliteDatabase());

public sealed class SqliteReadMarkTests() : ReadMarkConformance(new SqliteDatabase());

public sealed class SqliteRevocationTests() : RevocationConformance(new SqliteDatabase());

public sealed class SqliteRequestTests() : RequestConformance(new SqliteDatabase());

public sealed class SqliteRoomReadTests() : RoomReadConformance(new SqliteDatabase());

public sealed class SqliteRetentionTests() : RetentionConformance(new SqliteDatabase());

public sealed class SqliteRoomListTests() : RoomListConformance(new SqliteDatabase());

public sealed class SqliteUserDataTests() : UserDataConformance(new SqliteDatabase());
