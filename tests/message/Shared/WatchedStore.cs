using System.Collections.Concurrent;
using Tertulia.Contracts;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Tests;

/// <summary>The real store, whose appends can be watched and made to fail in ways that a test cannot cause from outside.</summary>
internal sealed class WatchedStore(IMessageStore store) : IMessageStore
{
    private bool _answerWasLost;

    /// <summary>Called once, when an append failed.</summary>
    public Action? Failed { get; set; }

    /// <summary>The first append of this content is done, but its answer does not come.</summary>
    public string? LoseAnswerOf { get; init; }

    /// <summary>An append with this content is refused for ever.</summary>
    public string? Reject { get; init; }

    /// <summary>Called before every append; the append waits for what it returns.</summary>
    public Func<IReadOnlyList<RoomAppend>, Task>? Appending { get; set; }

    /// <summary>Called before rooms are loaded; the load waits for what it returns.</summary>
    public Func<IReadOnlyCollection<string>, Task>? Loading { get; set; }

    /// <summary>What reaches the store instead: a store without locks lets an older owner's append through.</summary>
    public Func<RoomAppend, RoomAppend>? Instead { get; set; }

    /// <summary>Rooms of each append that was tried.</summary>
    public ConcurrentQueue<string[]> Tried { get; } = [];

    /// <summary>Message ids of each read of messages.</summary>
    public ConcurrentQueue<string[]> LookedFor { get; } = [];

    public string Epoch => store.Epoch;

    public async Task<AppendOutcome[]> AppendAsync(IReadOnlyList<RoomAppend> appends, CancellationToken cancellationToken)
    {
        if (Reject is not null && Has(appends, Reject))
        {
            throw new StoreRejectedException("refused by the test");
        }

        Tried.Enqueue([.. appends.Select(append => append.RoomId)]);
        if (Appending is { } appending)
        {
            await appending(appends);
        }

        if (Instead is { } instead)
        {
            appends = [.. appends.Select(instead)];
        }

        try
        {
            var outcome = await store.AppendAsync(appends, cancellationToken);
            if (!_answerWasLost && LoseAnswerOf is not null && Has(appends, LoseAnswerOf))
            {
                _answerWasLost = true;
                throw new StoreUnavailableException("the answer was lost by the test");
            }

            return outcome;
        }
        catch (StoreUnavailableException)
        {
            Failed?.Invoke();
            Failed = null;
            throw;
        }
    }

    public async Task<LoadedRooms> LoadAsync(
        IReadOnlyCollection<string> roomIds, IReadOnlyCollection<MemberKey> members, CancellationToken cancellationToken)
    {
        if (Loading is { } loading)
        {
            await loading(roomIds);
        }

        return await store.LoadAsync(roomIds, members, cancellationToken);
    }

    public Task InitializeAsync(CancellationToken cancellationToken) => store.InitializeAsync(cancellationToken);

    public Task CheckAsync(CancellationToken cancellationToken) => store.CheckAsync(cancellationToken);

    public Task<string> RenewEpochAsync(string knownEpoch, CancellationToken cancellationToken) => store.RenewEpochAsync(knownEpoch, cancellationToken);

    public Task<long> TakePartitionAsync(int partition, long nowMs, CancellationToken cancellationToken) =>
        store.TakePartitionAsync(partition, nowMs, cancellationToken);

    public Task<Dictionary<EntryKey, RoomEvent>> FindByKeysAsync(IReadOnlyCollection<EntryKey> keys, CancellationToken cancellationToken) =>
        store.FindByKeysAsync(keys, cancellationToken);

    public Task<IReadOnlyList<FoundMessage>> FindMessagesAsync(IReadOnlyCollection<string> messageIds, CancellationToken cancellationToken)
    {
        LookedFor.Enqueue([.. messageIds]);
        return store.FindMessagesAsync(messageIds, cancellationToken);
    }

    public Task<Dictionary<string, CreatedRooms>> CountCreatedRoomsAsync(
        IReadOnlyCollection<string> userIds, long sinceMs, CancellationToken cancellationToken) =>
        store.CountCreatedRoomsAsync(userIds, sinceMs, cancellationToken);

    public Task<Dictionary<RoomSeq, long>> CountMessagesAsync(IReadOnlyCollection<RoomSeq> positions, CancellationToken cancellationToken) =>
        store.CountMessagesAsync(positions, cancellationToken);

    public Task<RoomView?> ReadChangesAsync(MemberKey reader, long sinceSeq, ReadLimit limit, CancellationToken cancellationToken) =>
        store.ReadChangesAsync(reader, sinceSeq, limit, cancellationToken);

    public Task<RoomView?> ReadPageAsync(MemberKey reader, HistoryRange range, ReadLimit limit, CancellationToken cancellationToken) =>
        store.ReadPageAsync(reader, range, limit, cancellationToken);

    public Task<RoomView?> ReadThreadAsync(MemberKey reader, long rootSeq, HistoryRange range, ReadLimit limit, CancellationToken cancellationToken) =>
        store.ReadThreadAsync(reader, rootSeq, range, limit, cancellationToken);

    public Task<RoomView?> ReadPinsAsync(MemberKey reader, long beforePinnedSeq, ReadLimit limit, CancellationToken cancellationToken) =>
        store.ReadPinsAsync(reader, beforePinnedSeq, limit, cancellationToken);

    public Task<Dictionary<string, int>> CountPinsAsync(IReadOnlyCollection<string> roomIds, CancellationToken cancellationToken) =>
        store.CountPinsAsync(roomIds, cancellationToken);

    public Task<LogView?> ReadEventsAsync(string roomId, long fromSeq, long toSeq, ReadLimit limit, CancellationToken cancellationToken) =>
        store.ReadEventsAsync(roomId, fromSeq, toSeq, limit, cancellationToken);

    public Task<RoomsPage> ListRoomsAsync(string userId, string afterRoomId, int limit, CancellationToken cancellationToken) =>
        store.ListRoomsAsync(userId, afterRoomId, limit, cancellationToken);

    public Task<FeedHeads> ReadFeedHeadsAsync(CancellationToken cancellationToken) => store.ReadFeedHeadsAsync(cancellationToken);

    public Task<FeedPage> ReadFeedAsync(FeedHeads heads, int partition, FeedPosition from, ReadLimit limit, CancellationToken cancellationToken) =>
        store.ReadFeedAsync(heads, partition, from, limit, cancellationToken);

    public ValueTask DisposeAsync() => store.DisposeAsync();

    private static bool Has(IReadOnlyList<RoomAppend> appends, string content) =>
        appends.Any(append => append.Entries.Any(entry => entry.Event.Message?.Content == content));
}
