using Npgsql;
using Tertulia.Testing;

namespace Tertulia.Conformance.Stores;

/// <summary>One private PostgreSQL for all tests of the collection; each has a database of its own in it.</summary>
public sealed class PostgresServer : IAsyncLifetime
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"tertulia-postgres-{Guid.NewGuid():N}");
    private int _schemas;

    public PrivatePostgres Server { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        Server = await PrivatePostgres.StartAsync(Path.Combine(_folder, "data"), Path.Combine(_folder, "postgres.log"), deadline.Token);
    }

    public async Task DisposeAsync()
    {
        await Server.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>A place without tables: a schema of its own, because a database of its own would be a tenth of a second and fifteen megabytes to write.</summary>
    /// <returns>Its connection string.</returns>
    public async Task<string> CreateDatabaseAsync()
    {
        var name = $"test_{Interlocked.Increment(ref _schemas)}";
        await using var source = NpgsqlDataSource.Create(Server.ConnectionString());
        await using var command = source.CreateCommand($"create schema {name}");
        await command.ExecuteNonQueryAsync();
        return new NpgsqlConnectionStringBuilder(Server.ConnectionString()) { SearchPath = name }.ConnectionString;
    }
}

[CollectionDefinition(Name)]
public sealed class PostgresGroup : ICollectionFixture<PostgresServer>
{
    public const string Name = "PostgreSQL";
}
