using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Tertulia.Sql;

/// <summary>Where each service keeps its data.</summary>
public sealed class StoreOptions
{
    internal const string Section = "Store";

    /// <summary>Which database.</summary>
    /// <value><c>Sqlite</c>, <c>Postgres</c> or <c>MongoDb</c>; there is no default.</value>
    [EnumDataType(typeof(StoreKind))]
    public StoreKind Kind { get; set; }

    /// <summary>How to reach it. PostgreSQL: as Npgsql reads it (<c>Host=…;Database=…;Username=…;Password=…</c>). MongoDB: <c>mongodb://…/database?replicaSet=…</c>, of a
    /// replica set or a sharded cluster. The size of the pool is in it: <c>Maximum Pool Size</c>, <c>maxPoolSize</c>; 100 connections without it.</summary>
    public string ConnectionString { get; set; } = "";

    /// <summary>SQLite: the database file of rooms and messages; the other services keep theirs beside it. Its folder is made when it is missing.</summary>
    public string Path { get; set; } = "";

    /// <summary>SQLite: when a commit counts as done.</summary>
    /// <value><c>Full</c> (on disk, the default) or <c>Normal</c>, faster: the last commits may be lost with the power, never with the process.</value>
    [EnumDataType(typeof(SqliteSynchronous))]
    public SqliteSynchronous Synchronous { get; set; } = SqliteSynchronous.Full;

    /// <summary>Longest time for one statement, its wait for a server and a connection included; then it counts as failed and is tried again.</summary>
    /// <value>1 second to 5 minutes; default 10 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:01", "00:05:00")]
    public TimeSpan CommandTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>The same for a service with a SQLite file of its own beside <see cref="Path"/>; on a server all use one database.</summary>
    /// <param name="fileName">As <c>notification.db</c>.</param>
    public StoreOptions ForFile(string fileName) => new()
    {
        Kind = Kind,
        ConnectionString = ConnectionString,
        Path = Path.Length == 0 ? "" : System.IO.Path.Combine(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(Path))!, fileName),
        Synchronous = Synchronous,
        CommandTimeout = CommandTimeout,
    };
}

/// <summary>Databases there is an adapter for.</summary>
public enum StoreKind
{
    /// <summary>Not configured.</summary>
    None,

    /// <summary>One file, one process.</summary>
    Sqlite,

    /// <summary>A server, any number of replicas.</summary>
    Postgres,

    /// <summary>A replica set or a sharded cluster, any number of replicas.</summary>
    MongoDb,
}

/// <summary>SQLite's <c>synchronous</c> with a write-ahead log (https://www.sqlite.org/pragma.html#pragma_synchronous).</summary>
public enum SqliteSynchronous
{
    /// <summary>The log is synced at every commit.</summary>
    Full,

    /// <summary>The log is synced at checkpoints.</summary>
    Normal,
}

/// <summary>Each kind needs its own place.</summary>
internal sealed class StoreOptionsRules : IValidateOptions<StoreOptions>
{
    public ValidateOptionsResult Validate(string? name, StoreOptions options) => options switch
    {
        { Kind: StoreKind.None } => ValidateOptionsResult.Fail("Store:Kind is missing: Sqlite, Postgres or MongoDb."),
        { Kind: StoreKind.Postgres or StoreKind.MongoDb, ConnectionString: "" } => ValidateOptionsResult.Fail("Store:ConnectionString is missing."),
        { Kind: StoreKind.Sqlite, Path: "" } => ValidateOptionsResult.Fail("Store:Path is missing."),
        _ => ValidateOptionsResult.Success,
    };
}

[OptionsValidator]
internal sealed partial class StoreOptionsValidator : IValidateOptions<StoreOptions>;
