using Npgsql;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Storage.Sql;
using Tertulia.StoreBench;
using Tertulia.Testing;

// Rows per second of the message store, with and without a lookup before each append: dotnet run -c Release --project bench/store
var folder = Path.Combine(Path.GetTempPath(), $"tertulia-store-bench-{Guid.NewGuid():N}");
Directory.CreateDirectory(folder);
await using (var postgres = await PrivatePostgres.StartAsync(Path.Combine(folder, "postgres"), Path.Combine(folder, "postgres.log"), CancellationToken.None))
{
    Console.WriteLine("| store | batch | append, rows/s | lookup + append, rows/s | ratio | CPU of the client per row, append | lookup + append |");
    Console.WriteLine("|---|---|---|---|---|---|---|");
    await AppendRun.RunAsync("SQLite, synchronous full", () => new SqlMessageStore(new SqliteMessageDialect(new StoreOptions { Path = Path.Combine(folder, "full.db") })));
    await AppendRun.RunAsync("SQLite, synchronous normal", () => new SqlMessageStore(new SqliteMessageDialect(
        new StoreOptions { Path = Path.Combine(folder, "normal.db"), Synchronous = SqliteSynchronous.Normal })));
    await AppendRun.RunAsync("PostgreSQL", () => new SqlMessageStore(new PostgresMessageDialect(new StoreOptions { ConnectionString = postgres.ConnectionString() })), AnalyzeAsync);

    // As autovacuum does once a minute: before that the planner takes a new table for small and reads all of it.
    async Task AnalyzeAsync()
    {
        await using var source = NpgsqlDataSource.Create(postgres.ConnectionString());
        await using var command = source.CreateCommand("analyze");
        await command.ExecuteNonQueryAsync();
    }
}

Directory.Delete(folder, recursive: true);
