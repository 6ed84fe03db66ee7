using Tertulia.Feed;
using Tertulia.Mongo;

namespace Tertulia.Notifications.Storage.Mongo;

/// <summary>The store on MongoDB: a round is one write after the other, and what ends something comes last.</summary>
internal sealed class MongoNotificationStore(MongoConnection connection) : NotificationStore
{
    /// <summary>The documents.</summary>
    public NotificationCollections Collections { get; } = new(connection);

    /// <inheritdoc />
    public override Task InitializeAsync(CancellationToken cancellationToken) => MongoConnection.TryForAsLongAsItTakesAsync(async () =>
    {
        await connection.CheckServerAsync(CancellationToken.None);
        await Collections.CreateAsync();
        return true;
    }).WaitAsync(cancellationToken);

    /// <inheritdoc />
    public override Task CheckAsync(CancellationToken cancellationToken) => connection.PingAsync(cancellationToken);

    /// <inheritdoc />
    public override Task<FeedMark> ReadMarkAsync(string follower, int partition, CancellationToken cancellationToken) =>
        connection.TryAsync(() => new MongoFeedMarks(connection, NotificationCollections.Marks, follower).ReadAsync(partition), cancellationToken);

    /// <inheritdoc />
    public override Task<T> ReadAsync<T>(Func<IRound, Task<T>> work, CancellationToken cancellationToken) =>
        connection.TryAsync(() => work(new MongoRound(Collections)), cancellationToken);

    /// <inheritdoc />
    public override Task<T> WriteAsync<T>(Func<IRound, Task<T>> work, CancellationToken cancellationToken) => connection.TryAsync(async () =>
    {
        var round = new MongoRound(Collections);
        var result = await work(round);
        await round.EndAsync();
        return result;
    }, cancellationToken);

    /// <inheritdoc />
    public override ValueTask DisposeAsync() => connection.DisposeAsync();
}

/// <summary>Writes that follow each other. What ends something is kept until the others are there: <see cref="Last"/>.</summary>
internal sealed class MongoRound(NotificationCollections collections) : IRound
{
    private readonly List<Func<Task>> _last = [];
    private readonly List<Func<Task>> _marks = [];
    private IInboxRows? _inbox;
    private IWithheldRows? _withheld;
    private MongoFactRows? _facts;

    public IJobRows Jobs => new MongoJobRows(collections, this);

    public IInboxRows Inbox => _inbox ??= new MongoInboxRows(collections, this);

    public ILaterRows Later => new MongoLaterRows(collections, this);

    public IPreferenceRows Preferences => new MongoPreferenceRows(collections);

    public IWithheldRows Withheld => _withheld ??= new MongoWithheldRows(collections, this);

    public IFactRows Facts => _facts ??= new MongoFactRows(collections);

    public IThreadRows Threads => new MongoThreadRows(collections);

    public IPushRows Pushes => new MongoPushRows(collections);

    public IDeviceRows Devices => new MongoDeviceRows(collections);

    public IWebhookRows Webhooks => new MongoWebhookRows(collections, this);

    public ITrailRows Trails => new MongoTrailRows(collections);

    public IOwnedRows Owned => new MongoOwnedRows(collections);

    public async Task<bool> MoveMarkAsync(string follower, FeedBatch batch)
    {
        var marks = new MongoFeedMarks(collections.Connection, NotificationCollections.Marks, follower);
        if (await marks.ReadAsync(batch.Partition) != batch.From)
        {
            return false;
        }

        // Should another follower be faster now, it has written the same, and this one finds its mark when it goes on.
        _marks.Add(() => marks.MoveAsync(batch));
        return true;
    }

    /// <summary>Does this when all else of the round is written. In the order in which it was said, marks after everything.</summary>
    public void Last(Func<Task> work) => _last.Add(work);

    /// <summary>Everything was written that comes first.</summary>
    public async Task EndAsync()
    {
        foreach (var work in _last)
        {
            await work();
        }

        await (_facts?.WriteAsync() ?? Task.CompletedTask);
        foreach (var work in _marks)
        {
            await work();
        }
    }
}
