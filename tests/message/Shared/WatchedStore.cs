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

    public string Epoch => store.Epoch;

    public async Task<AppendOutcome> AppendAsync(IReadOnlyList<LogEntry> entries, CancellationToken cancellationToken)
    {
        if (Reject is not null && Has(entries, Reject))
        {
            throw new StoreRejectedException("refused by the test");
        }

        try
        {
            var outcome = await store.AppendAsync(entries, cancellationToken);
            if (!_answerWasLost && LoseAnswerOf is not null && Has(entries, LoseAnswerOf))
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

    public Task InitializeAsync(CancellationToken cancellationToken) => store.InitializeAsync(cancellationToken);

    public Task CheckAsync(CancellationToken cancellationToken) => store.CheckAsync(cancellationToken);

    public Task<long> TakePartitionAsync(int partition, long nowMs, CancellationToken cancellationToken) =>
        store.TakePartitionAsync(partition, nowMs, cancellationToken);

    public Task<Dictionary<EntryKey, RoomEvent>> FindByKeysAsync(IReadOnlyCollection<EntryKey> keys, CancellationToken cancellationToken) =>
        store.FindByKeysAsync(keys, cancellationToken);

    public Task<LoadedRooms> LoadAsync(
        IReadOnlyCollection<string> roomIds, IReadOnlyCollection<MemberKey> members, CancellationToken cancellationToken) =>
        store.LoadAsync(roomIds, members, cancellationToken);

    public Task<RoomView?> ReadChangesAsync(MemberKey reader, long sinceSeq, int limit, CancellationToken cancellationToken) =>
        store.ReadChangesAsync(reader, sinceSeq, limit, cancellationToken);

    public Task<RoomView?> ReadPageAsync(MemberKey reader, HistoryRange range, int limit, CancellationToken cancellationToken) =>
        store.ReadPageAsync(reader, range, limit, cancellationToken);

    public Task<LogView?> ReadEventsAsync(string roomId, long fromSeq, long toSeq, int limit, CancellationToken cancellationToken) =>
        store.ReadEventsAsync(roomId, fromSeq, toSeq, limit, cancellationToken);

    public Task<IReadOnlyList<RoomSummary>> ListRoomsAsync(string userId, CancellationToken cancellationToken) => store.ListRoomsAsync(userId, cancellationToken);

    public ValueTask DisposeAsync() => store.DisposeAsync();

    private static bool Has(IReadOnlyList<LogEntry> entries, string content) => entries.Any(entry => entry.Event.Message?.Content == content);
}
