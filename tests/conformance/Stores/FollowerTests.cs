using Tertulia.Testing;

namespace Tertulia.Conformance.Stores;

public sealed class SqliteFollowerTests : FollowerConformance
{
    public SqliteFollowerTests()
        : this(new SqliteDatabase())
    {
    }

    private SqliteFollowerTests(SqliteDatabase database)
        : base(database, () => new SqliteDialect(database.Options.ForFile("follower.db")))
    {
    }
}

[Collection(PostgresGroup.Name)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class PostgresFollowerTests : FollowerConformance
{
    public PostgresFollowerTests(PostgresServer server)
        : this(new PostgresDatabase(server))
    {
    }

    private PostgresFollowerTests(PostgresDatabase database)
        : base(database, () => new PostgresDialect(new StoreOptions { ConnectionString = database.ConnectionString }))
    {
    }
}
