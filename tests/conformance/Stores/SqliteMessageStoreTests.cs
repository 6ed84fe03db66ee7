using Tertulia.Messages.Storage;
using Tertulia.Messages.Storage.Sql;

namespace Tertulia.Conformance.Stores;

public sealed class SqliteMessageStoreTests : MessageStoreConformance
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"tertulia-sqlite-{Guid.NewGuid():N}");

    internal override IMessageStore Open() =>
        new SqlMessageStore(new SqliteDialect(new StoreOptions { Kind = StoreKind.Sqlite, Path = Path.Combine(_folder, "tertulia.db") }));

    protected override Task CreateAsync()
    {
        Directory.CreateDirectory(_folder);
        return Task.CompletedTask;
    }

    protected override Task DropAsync()
    {
        Directory.Delete(_folder, recursive: true);
        return Task.CompletedTask;
    }
}
