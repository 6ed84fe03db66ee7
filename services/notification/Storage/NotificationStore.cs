using Tertulia.Feed;
using Tertulia.Mongo;
using Tertulia.Notifications.Storage.Mongo;
using Tertulia.Notifications.Storage.Sql;
using Tertulia.Sql;

namespace Tertulia.Notifications.Storage;

/// <summary>The service's database: a file of its own on SQLite, tables or collections that begin with <c>notification_</c> on PostgreSQL and MongoDB.</summary>
internal abstract class NotificationStore : IStore
{
    /// <summary>Opens the database that the options name.</summary>
    public static NotificationStore Open(StoreOptions options) => options.Kind switch
    {
        StoreKind.Postgres => new SqlNotificationStore(new PostgresDialect(options)),
        StoreKind.MongoDb => new MongoNotificationStore(new MongoConnection(options)),
        _ => new SqlNotificationStore(new SqliteDialect(options.ForFile("notification.db"))),
    };

    /// <inheritdoc />
    public abstract Task InitializeAsync(CancellationToken cancellationToken);

    /// <inheritdoc />
    public abstract Task CheckAsync(CancellationToken cancellationToken);

    /// <summary>How far a follower has come.</summary>
    /// <inheritdoc cref="ReadAsync" path="/exception"/>
    public abstract Task<FeedMark> ReadMarkAsync(string follower, int partition, CancellationToken cancellationToken);

    /// <summary>Reads what need not be of one moment.</summary>
    /// <param name="work">One read after the other.</param>
    /// <param name="cancellationToken">Ends the waiting, not the read.</param>
    /// <exception cref="StoreUnavailableException">The database does not answer.</exception>
    /// <exception cref="StoreRejectedException">It does not take a value.</exception>
    public abstract Task<T> ReadAsync<T>(Func<IRound, Task<T>> work, CancellationToken cancellationToken);

    /// <summary>Reads and writes together: see <see cref="IRound"/>.</summary>
    /// <param name="work">Awaits nothing but the round.</param>
    /// <param name="cancellationToken">Ends the waiting, not the write.</param>
    /// <inheritdoc cref="ReadAsync" path="/exception"/>
    public abstract Task<T> WriteAsync<T>(Func<IRound, Task<T>> work, CancellationToken cancellationToken);

    /// <inheritdoc />
    public abstract ValueTask DisposeAsync();
}
