using Tertulia.Conformance.Stores;
using Tertulia.Testing;

namespace Tertulia.Conformance.Mongo;

[Collection(MongoGroup.Name)]
[Trait(Needs.Trait, Needs.MongoDb)]
public sealed class MongoPresenceStoreTests(MongoServer server) : PresenceStoreConformance
{
    private readonly string _database = MongoServer.NewDatabase();

    private protected override Task<StoreOptions> CreateAsync() => Task.FromResult(server.OptionsOf(_database));

    private protected override Task DropAsync() => server.Server.DropAsync(_database);
}
