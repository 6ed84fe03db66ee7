using Tertulia.Conformance.Stores;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Storage.Mongo;
using Tertulia.Mongo;
using Tertulia.Testing;

namespace Tertulia.Conformance.Mongo;

/// <summary>A database of its own on the collection's MongoDB.</summary>
internal sealed class MongoDatabase(MongoServer server) : IStoreDatabase
{
    private readonly List<MongoConnection> _opened = [];
    private string _name = "";

    public Task CreateAsync()
    {
        _name = MongoServer.NewDatabase();
        return Task.CompletedTask;
    }

    public StoreOptions Options => server.OptionsOf(_name);

    IMessageStore IStoreDatabase.Open() => new MongoMessageStore(new MessageCollections(new MongoConnection(Options)));

    IReadMarks IStoreDatabase.OpenMarks() => new MongoReadMarks(OpenCollections());

    IAuditLog IStoreDatabase.OpenAudit() => new MongoAuditLog(OpenCollections());

    IRevocationStore IStoreDatabase.OpenRevocations() => new MongoRevocationStore(OpenCollections());

    IRequestRecords IStoreDatabase.OpenRequests() => new MongoRequestRecords(OpenCollections());

    IRetention IStoreDatabase.OpenRetention() => new MongoRetention(OpenCollections());

    IRoomLists IStoreDatabase.OpenLists() => new MongoRoomLists(OpenCollections());

    IUserData IStoreDatabase.OpenUserData() => new MongoUserData(OpenCollections());

    IErasures IStoreDatabase.OpenErasures() => new MongoErasures(OpenCollections());

    IRoomReads IStoreDatabase.OpenReads() => new MongoRoomReads(OpenCollections());

    public async Task DropAsync()
    {
        foreach (var connection in _opened)
        {
            await connection.DisposeAsync();
        }

        _opened.Clear();
        await server.Server.DropAsync(_name);
    }

    private MessageCollections OpenCollections()
    {
        var connection = new MongoConnection(Options);
        _opened.Add(connection);
        return new MessageCollections(connection);
    }
}

[Collection(MongoGroup.Name)]
[Trait(Needs.Trait, Needs.MongoDb)]
public sealed class MongoAppendTests(MongoServer server) : AppendConformance(new MongoDatabase(server));

[Collection(MongoGroup.Name)]
[Trait(Needs.Trait, Needs.MongoDb)]
public sealed class MongoFenceTests(MongoServer server) : FenceConformance(new MongoDatabase(server));

[Collection(MongoGroup.Name)]
[Trait(Needs.Trait, Needs.MongoDb)]
public sealed class MongoReadTests(MongoServer server) : ReadConformance(new MongoDatabase(server));

[Collection(MongoGroup.Name)]
[Trait(Needs.Trait, Needs.MongoDb)]
public sealed class MongoConcurrentReadTests(MongoServer server) : ConcurrentReadConformance(new MongoDatabase(server));

[Collection(MongoGroup.Name)]
[Trait(Needs.Trait, Needs.MongoDb)]
public sealed class MongoChangeTests(MongoServer server) : ChangeConformance(new MongoDatabase(server));

[Collection(MongoGroup.Name)]
[Trait(Needs.Trait, Needs.MongoDb)]
public sealed class MongoRoomTests(MongoServer server) : RoomConformance(new MongoDatabase(server));

[Collection(MongoGroup.Name)]
[Trait(Needs.Trait, Needs.MongoDb)]
public sealed class MongoFeedTests(MongoServer server) : FeedConformance(new MongoDatabase(server));

[Collection(MongoGroup.Name)]
[Trait(Needs.Trait, Needs.MongoDb)]
public sealed class MongoReadMarkTests(MongoServer server) : ReadMarkConformance(new MongoDatabase(server));

[Collection(MongoGroup.Name)]
[Trait(Needs.Trait, Needs.MongoDb)]
public sealed class MongoRevocationTests(MongoServer server) : RevocationConformance(new MongoDatabase(server));

[Collection(MongoGroup.Name)]
[Trait(Needs.Trait, Needs.MongoDb)]
public sealed class MongoRoomReadTests(MongoServer server) : RoomReadConformance(new MongoDatabase(server));

[Collection(MongoGroup.Name)]
[Trait(Needs.Trait, Needs.MongoDb)]
public sealed class MongoRequestTests(MongoServer server) : RequestConformance(new MongoDatabase(server));

[Collection(MongoGroup.Name)]
[Trait(Needs.Trait, Needs.MongoDb)]
public sealed class MongoRetentionTests(MongoServer server) : RetentionConformance(new MongoDatabase(server));

[Collection(MongoGroup.Name)]
[Trait(Needs.Trait, Needs.MongoDb)]
public sealed class MongoRoomListTests(MongoServer server) : RoomListConformance(new MongoDatabase(server));

[Collection(MongoGroup.Name)]
[Trait(Needs.Trait, Needs.MongoDb)]
public sealed class MongoUserDataTests(MongoServer server) : UserDataConformance(new MongoDatabase(server));
