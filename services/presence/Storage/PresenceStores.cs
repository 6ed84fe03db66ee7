using Tertulia.Mongo;

namespace Tertulia.Presence.Storage;

/// <summary>The store on each of the databases.</summary>
internal static class PresenceStores
{
    /// <summary>A SQLite file of its own beside the others, or collections and tables of its own in the database of all.</summary>
    public static IPresenceStore Open(StoreOptions options) => options.Kind switch
    {
        StoreKind.MongoDb => new MongoPresenceStore(new MongoConnection(options)),
        StoreKind.Postgres => new SqlPresenceStore(new PostgresDialect(options)),
        _ => new SqlPresenceStore(new SqliteDialect(options.ForFile("presence.db"))),
    };
}
