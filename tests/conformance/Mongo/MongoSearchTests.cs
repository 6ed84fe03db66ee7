using Tertulia.Conformance.Search;
using Tertulia.Messages.Searching;
using Tertulia.Messages.Searching.Mongo;
using Tertulia.Mongo;
using Tertulia.Testing;

namespace Tertulia.Conformance.Mongo;

[Collection(MongoGroup.Name)]
[Trait(Needs.Trait, Needs.MongoDb)]
public sealed class MongoSearchTests(MongoServer server) : SearchConformance
{
    private readonly string _database = MongoServer.NewDatabase();
    private MongoConnection? _connection;

    private protected override Task<ISearchIndex> OpenAsync() =>
        Task.FromResult<ISearchIndex>(new MongoSearchIndex(_connection = new MongoConnection(server.OptionsOf(_database))));

    private protected override async Task DropAsync()
    {
        await _connection!.DisposeAsync();
        await server.Server.DropAsync(_database);
    }
}
