using Tertulia.Messages.Searching;
using Tertulia.Messages.Searching.Mongo;
using Tertulia.Messages.Searching.Sql;
using Tertulia.Messages.Storage.Mongo;
using Tertulia.Messages.Storage.Sql;
using Tertulia.Mongo;

namespace Tertulia.Messages.Storage;

/// <summary>All ports of the service on one database: they share its connections, and on SQLite the one that writes.</summary>
internal sealed record MessageDatabase(
    IMessageStore Store, IAuditLog Audit, IRevocationStore Revocations, IRequestRecords Requests, IRetention Retention, IRoomReads Reads, IRoomLists Lists,
    IReadMarks Marks, ISearchIndex Search, IErasures Erasures, IUserData UserData)
{
    /// <summary>Opens the database that the options name.</summary>
    public static MessageDatabase Open(StoreOptions options) => options.Kind switch
    {
        StoreKind.MongoDb => OnMongo(new MessageCollections(new MongoConnection(options))),
        StoreKind.Postgres => OnSql(new PostgresMessageDialect(options), dialect => new PostgresSearchIndex(dialect)),
        _ => OnSql(new SqliteMessageDialect(options), _ => BesideSqlite(options)),
    };

    private static MessageDatabase OnSql(IMessageDialect dialect, Func<IMessageDialect, ISearchIndex> index) => new(
        new SqlMessageStore(dialect), new SqlAuditLog(dialect), new SqlRevocationStore(dialect), new SqlRequestRecords(dialect), new SqlRetention(dialect),
        new SqlRoomReads(dialect), new SqlRoomLists(dialect), new SqlReadMarks(dialect), index(dialect), new SqlErasures(dialect), new SqlUserData(dialect));

    private static MessageDatabase OnMongo(MessageCollections collections) => new(
        new MongoMessageStore(collections), new MongoAuditLog(collections), new MongoRevocationStore(collections),
        new MongoRequestRecords(collections), new MongoRetention(collections), new MongoRoomReads(collections), new MongoRoomLists(collections),
        new MongoReadMarks(collections), new MongoSearchIndex(collections.Connection), new MongoErasures(collections), new MongoUserData(collections));

    private static SqliteSearchIndex BesideSqlite(StoreOptions options)
    {
        var file = options.ForFile("search.db");
        file.Synchronous = SqliteSynchronous.Normal; // What the power takes is read from the feed again.
        return new SqliteSearchIndex(new SqliteDialect(file));
    }
}
