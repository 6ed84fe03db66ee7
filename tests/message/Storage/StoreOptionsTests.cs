using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Tests.Storage;

public sealed class StoreOptionsTests
{
    [Theory]
    [InlineData(StoreKind.None, "", "", "Store:Kind is missing: Sqlite, Postgres or MongoDb.")]
    [InlineData(StoreKind.Postgres, "", "x.db", "Store:ConnectionString is missing.")]
    [InlineData(StoreKind.MongoDb, "", "x.db", "Store:ConnectionString is missing.")]
    [InlineData(StoreKind.MongoDb, "mongodb://x", "", null)]
    [InlineData(StoreKind.Sqlite, "Host=x", "", "Store:Path is missing.")]
    [InlineData(StoreKind.Sqlite, "", "x.db", null)]
    [InlineData(StoreKind.Postgres, "Host=x", "", null)]
    public void Each_kind_says_what_it_needs(StoreKind kind, string connectionString, string path, string? failure) =>
        Assert.Equal(failure, new StoreOptionsRules().Validate(null, new StoreOptions { Kind = kind, ConnectionString = connectionString, Path = path }).FailureMessage);
}
