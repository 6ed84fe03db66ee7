using Tertulia.Conformance.Stores;
using Tertulia.Messages.Searching;
using Tertulia.Messages.Searching.Sql;
using Tertulia.Messages.Storage.Sql;
using Tertulia.Sql;
using Tertulia.Testing;

namespace Tertulia.Conformance.Search;

public sealed class SqliteSearchTests : SearchConformance
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"tertulia-search-{Guid.NewGuid():N}");

    private protected override Task<ISearchIndex> OpenAsync() => Task.FromResult<ISearchIndex>(
        new SqliteSearchIndex(new SqliteDialect(new StoreOptions { Kind = StoreKind.Sqlite, Path = Path.Combine(_folder, "search.db") })));

    private protected override Task DropAsync()
    {
        Directory.Delete(_folder, recursive: true);
        return Task.CompletedTask;
    }
}

[Collection(PostgresGroup.Name)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class PostgresSearchTests(PostgresServer server) : SearchConformance
{
    private PostgresMessageDialect? _dialect;

    private protected override async Task<ISearchIndex> OpenAsync()
    {
        var options = new StoreOptions { Kind = StoreKind.Postgres, ConnectionString = await server.CreateDatabaseAsync(), CommandTimeout = TimeSpan.FromSeconds(10) };
        return new PostgresSearchIndex(_dialect = new PostgresMessageDialect(options));
    }

    private protected override async Task DropAsync() => await _dialect!.DisposeAsync();
}
