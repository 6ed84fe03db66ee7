using MongoDB.Bson;
using MongoDB.Driver;
using Tertulia.Sql;

namespace Tertulia.Mongo;

/// <summary>A database on MongoDB: what every store says about concerns, time-outs and failures, once.</summary>
/// <remarks>
/// <para>What is written is acknowledged by a majority of the replica set that has it in its journal; what is read is what a majority has, asked of the primary. So
/// nothing that was read or acknowledged is ever rolled back. No transaction over several documents, and no change stream.</para>
/// <para>The driver writes again once by itself where the server can tell that it is the same write. Where it cannot, the stores' keys can.</para>
/// </remarks>
public sealed class MongoConnection : IAsyncDisposable
{
    /// <summary>The oldest server whose behaviour is relied on: MongoDB 6.0. Older ones are no longer maintained.</summary>
    private static readonly Version OldestServer = new(6, 0);

    private const string DefaultDatabase = "tertulia";
    private static readonly TimeSpan AnswerGrace = TimeSpan.FromSeconds(2); // The driver may write or read a second time after a failure.

    private readonly MongoClient _client;
    private readonly TimeSpan _timeout;

    public MongoConnection(StoreOptions options)
    {
        var url = MongoUrl.Create(options.ConnectionString);
        var settings = MongoClientSettings.FromUrl(url);
        settings.ApplicationName ??= "tertulia";
        settings.ReadPreference = ReadPreference.Primary;
        settings.ReadConcern = ReadConcern.Majority;
        settings.WriteConcern = WriteConcern.WMajority.With(journal: true);
        settings.ServerSelectionTimeout = options.CommandTimeout;
        settings.ConnectTimeout = options.CommandTimeout;
        settings.SocketTimeout = options.CommandTimeout;
        settings.WaitQueueTimeout = options.CommandTimeout;
        _timeout = options.CommandTimeout + AnswerGrace;
        _client = new MongoClient(settings);
        Database = _client.GetDatabase(url.DatabaseName ?? DefaultDatabase);
    }

    /// <summary>Connections that the pool of a process has, at most.</summary>
    public static int PoolSizeOf(StoreOptions options) => MongoUrl.Create(options.ConnectionString).MaxConnectionPoolSize;

    /// <summary>Of the connection string, or <c>tertulia</c>.</summary>
    public IMongoDatabase Database { get; }

    /// <summary>Documents by name.</summary>
    public IMongoCollection<BsonDocument> Collection(string name) => Database.GetCollection<BsonDocument>(name);

    /// <summary>Refuses a server that is too old.</summary>
    /// <exception cref="StoreUnavailableException">It is, or does not answer.</exception>
    public Task CheckServerAsync(CancellationToken cancellationToken) => TryAsync(async () =>
    {
        var info = await Database.RunCommandAsync<BsonDocument>(new BsonDocument("buildInfo", 1), cancellationToken: CancellationToken.None);
        var numbers = info["version"].AsString.Split('-')[0].Split('.');
        return Version.TryParse($"{numbers[0]}.{(numbers.Length > 1 ? numbers[1] : "0")}", out var version) && version >= OldestServer
            ? true
            : throw new StoreUnavailableException($"MongoDB {info["version"]} is too old: {OldestServer} is the oldest that serves.");
    }, cancellationToken);

    /// <summary>Completes when the server answers.</summary>
    /// <exception cref="StoreUnavailableException">It does not.</exception>
    public Task PingAsync(CancellationToken cancellationToken) => TryAsync(
        () => Database.RunCommandAsync<BsonDocument>(new BsonDocument("ping", 1), cancellationToken: CancellationToken.None), cancellationToken);

    /// <summary>Runs it to its own end; waits no longer than the time-out, or until the caller gives up.</summary>
    /// <exception cref="StoreUnavailableException">The database does not answer.</exception>
    /// <exception cref="StoreRejectedException">It does not take a value.</exception>
    public Task<T> TryAsync<T>(Func<Task<T>> work, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return TryForAsLongAsItTakesAsync(() => work().WaitAsync(_timeout, cancellationToken));
    }

    /// <inheritdoc cref="TryAsync" path="/exception"/>
    public static async Task<T> TryForAsLongAsItTakesAsync<T>(Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (Exception exception) when (MongoFaults.Of(exception) == StoreFault.Rejected)
        {
            throw new StoreRejectedException("The store cannot hold a value", exception);
        }
        catch (Exception exception) when (MongoFaults.Of(exception) == StoreFault.Unavailable)
        {
            throw new StoreUnavailableException("The store does not answer", exception);
        }
    }

    /// <inheritdoc />
    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        return ValueTask.CompletedTask;
    }
}
