using Tertulia.Messages.Storage;

namespace Tertulia.Conformance.Stores;

/// <summary>What all conformance tests of a message store share: an empty database of their own, and the owner of its partition 0.</summary>
/// <param name="database">Of the store under test.</param>
public abstract class StoreConformance(IStoreDatabase database) : IAsyncLifetime
{
    private readonly List<IMessageStore> _opened = [];

    /// <summary>Of the tests' patience.</summary>
    protected static CancellationToken Deadline => new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token;

    private protected IStoreDatabase Database => database;

    private protected IMessageStore Store { get; private set; } = null!;

    private protected long OwnerEpoch { get; private set; }

    public async Task InitializeAsync()
    {
        await database.CreateAsync();
        Store = await OpenReadyAsync();
        OwnerEpoch = await Store.TakePartitionAsync(partition: 0, nowMs: 1_000, Deadline);
    }

    public virtual async Task DisposeAsync()
    {
        foreach (var store in _opened)
        {
            await store.DisposeAsync();
        }

        await database.DropAsync();
    }

    /// <summary>One more store, that is closed with the test.</summary>
    private protected IMessageStore Open()
    {
        var store = database.Open();
        _opened.Add(store);
        return store;
    }

    /// <inheritdoc cref="Open"/>
    private protected async Task<IMessageStore> OpenReadyAsync()
    {
        var store = Open();
        await store.InitializeAsync(Deadline);
        return store;
    }

    /// <summary>One append of the partition's owner, of as many rooms as there are entries of.</summary>
    /// <returns>An answer per room, in the order in which the entries first name them.</returns>
    private protected Task<AppendOutcome[]> AppendAsync(params IEnumerable<RoomEntry> entries) => AppendAsync(Store, OwnerEpoch, entries);

    /// <inheritdoc cref="AppendAsync(IEnumerable{RoomEntry})"/>
    private protected static Task<AppendOutcome[]> AppendAsync(IMessageStore store, long ownerEpoch, IEnumerable<RoomEntry> entries) => store.AppendAsync(
        [
            .. entries.GroupBy(entry => entry.RoomId)
                .Select(room => new RoomAppend(Partition: 0, room.Key, ownerEpoch, [.. room.Select(entry => entry.Entry)])),
        ],
        Deadline);

    /// <summary>As <see cref="AppendAsync(IEnumerable{RoomEntry})"/>, and nothing may be in its way.</summary>
    private protected async Task AppendedAsync(params IEnumerable<RoomEntry> entries) =>
        Assert.All(await AppendAsync(entries), outcome => Assert.Equal(AppendOutcome.Appended, outcome));

    private protected async Task<LogView?> LogAsync(string roomId) => await Store.ReadEventsAsync(roomId, 1, long.MaxValue, ReadLimit.Of(10_000), Deadline);
}

/// <summary>Where the stores of one test keep what they hold.</summary>
public interface IStoreDatabase
{
    /// <summary>Makes it, empty.</summary>
    Task CreateAsync();

    /// <summary>One more store on it.</summary>
    internal IMessageStore Open();

    /// <summary>The read marks of a process of its own. Closed with the database.</summary>
    internal IReadMarks OpenMarks();

    /// <summary>The revocations of a process of its own. Closed with the database.</summary>
    internal IRevocationStore OpenRevocations();

    /// <summary>The requests with a key of a process of its own. Closed with the database.</summary>
    internal IRequestRecords OpenRequests();

    /// <summary>The reads of rooms of a process of its own. Closed with the database.</summary>
    internal IRoomReads OpenReads();

    /// <summary>What is known of users, of a process of its own. Closed with the database.</summary>
    internal IUserData OpenUserData();

    /// <summary>The deletions of a process of its own. Closed with the database.</summary>
    internal IErasures OpenErasures();

    /// <summary>The retention of a process of its own. Closed with the database.</summary>
    internal IRetention OpenRetention();

    /// <summary>The lists of rooms of a process of its own. Closed with the database.</summary>
    internal IRoomLists OpenLists();

    /// <summary>The audit log of a process of its own. Closed with the database.</summary>
    internal IAuditLog OpenAudit();

    /// <summary>Removes it; every store is closed.</summary>
    Task DropAsync();
}
