using System.Globalization;
using Npgsql;
using Tertulia.Messages.Searching.Sql;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Storage.Sql;
using Tertulia.StoreBench;
using Tertulia.Testing;

// The message store piece by piece: ./dev bench store appends|joins|search
string[] verbs = ["appends", "joins", "search"];
if (args is not [var verb, .. var only] || !verbs.Contains(verb))
{
    Console.Error.WriteLine($"./dev bench store {string.Join('|', verbs)} [sqlite|postgres]");
    return 2;
}

var folder = Path.Combine(Path.GetTempPath(), $"tertulia-store-bench-{Guid.NewGuid():N}");
Directory.CreateDirectory(folder);
await using (var postgres = await PrivatePostgres.StartAsync(Path.Combine(folder, "postgres"), Path.Combine(folder, "postgres.log"), CancellationToken.None))
{
    await (verb switch
    {
        "joins" => JoinsAsync(postgres),
        "search" => SearchAsync(postgres),
        _ => AppendsAsync(postgres),
    });
}

Directory.Delete(folder, recursive: true);
return 0;

// Rows per second with and without a lookup before each append.
async Task AppendsAsync(PrivatePostgres postgres)
{
    Console.WriteLine("| store | batch | append, rows/s | lookup + append, rows/s | ratio | CPU of the client per row, append | lookup + append |");
    Console.WriteLine("|---|---|---|---|---|---|---|");
    await AppendRun.RunAsync("SQLite, synchronous full", () => new SqlMessageStore(new SqliteMessageDialect(new StoreOptions { Path = Path.Combine(folder, "full.db") })));
    await AppendRun.RunAsync("SQLite, synchronous normal", () => new SqlMessageStore(Sqlite("normal.db")));
    await AppendRun.RunAsync("PostgreSQL", () => new SqlMessageStore(Postgres(postgres)), () => AnalyzeAsync(postgres));
}

async Task JoinsAsync(PrivatePostgres postgres)
{
    JoinRun.Head();
    var sqlite = Sqlite("joins.db");
    await using (var store = new SqlMessageStore(sqlite))
    {
        await store.InitializeAsync(CancellationToken.None);
        await JoinRun.RunAsync("SQLite", store, new SqlReadMarks(sqlite), new SqlRoomReads(sqlite), () => TimeSpan.Zero); // In the process.
    }

    var dialect = Postgres(postgres);
    await using (var store = new SqlMessageStore(dialect))
    {
        await store.InitializeAsync(CancellationToken.None);
        await JoinRun.RunAsync("PostgreSQL", store, new SqlReadMarks(dialect), new SqlRoomReads(dialect), () => CpuOf(postgres.Process.Id));
    }
}

async Task SearchAsync(PrivatePostgres postgres)
{
    SearchRun.Head();
    if (only is not ["postgres"])
    {
        var sqlite = Sqlite("messages.db");
        await using var index = new SqliteSearchIndex(new SqliteDialect(
            new StoreOptions { Path = Path.Combine(folder, "search.db"), Synchronous = SqliteSynchronous.Normal }));
        await using var store = new SqlMessageStore(sqlite);
        await SearchRun.RunAsync("SQLite", store, new SqlReadMarks(sqlite), new SqlRoomReads(sqlite), index, () => Task.CompletedTask);
        await LagRun.RunAsync("SQLite", null);
    }

    if (only is not ["sqlite"])
    {
        var dialect = Postgres(postgres);
        await using var store = new SqlMessageStore(dialect);
        await SearchRun.RunAsync(
            "PostgreSQL", store, new SqlReadMarks(dialect), new SqlRoomReads(dialect), new PostgresSearchIndex(dialect), () => AnalyzeAsync(postgres));
        await LagRun.RunAsync("PostgreSQL", postgres.ConnectionString());
    }
}

SqliteMessageDialect Sqlite(string file) => new(new StoreOptions { Path = Path.Combine(folder, file), Synchronous = SqliteSynchronous.Normal });

static PostgresMessageDialect Postgres(PrivatePostgres postgres) => new(new StoreOptions { Kind = StoreKind.Postgres, ConnectionString = postgres.ConnectionString() });

// As autovacuum does once a minute: before that the planner takes a new table for small and reads all of it.
static async Task AnalyzeAsync(PrivatePostgres postgres)
{
    await using var source = NpgsqlDataSource.Create(postgres.ConnectionString());
    await using var command = source.CreateCommand("analyze");
    await command.ExecuteNonQueryAsync();
}

// User and system time of a process and its children, in ticks of 10 ms (proc(5)).
static TimeSpan CpuOf(int processId)
{
    var ticks = 0L;
    foreach (var folder in Directory.EnumerateDirectories("/proc").Where(name => int.TryParse(Path.GetFileName(name), out _)))
    {
        try
        {
            var stat = File.ReadAllText($"{folder}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            if (Path.GetFileName(folder) == processId.ToString(CultureInfo.InvariantCulture) || fields[1] == processId.ToString(CultureInfo.InvariantCulture))
            {
                ticks += long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture);
            }
        }
        catch (IOException)
        {
            // It has ended.
        }
    }

    return TimeSpan.FromMilliseconds(ticks * 10);
}
