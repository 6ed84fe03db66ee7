using System.Globalization;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Notifications.Inbox;
using Tertulia.Notifications.Storage;

namespace Tertulia.Notifications.Threads;

/// <summary>What users do with the threads that they follow: read them, follow them or not, list them.</summary>
/// <remarks>A thread's mark is a seq of its room, and moves up only. What is not read is counted from the replies themselves.</remarks>
internal sealed class FollowedThreads(NotificationStore store, InboxStore inbox)
{
    /// <summary>Unread replies are counted up to so many.</summary>
    public const int MaxUnread = 1_000;

    /// <summary>Moves a mark up, and changes the choice to follow when the request has one.</summary>
    public Task<MarkedThread> MarkAsync(MarkThreadRequest request, int partitions, CancellationToken cancellationToken) => store.WriteAsync(
        async round =>
        {
            var isChanged = await round.Threads.MarkAsync(request, Partitioner.PartitionOf(request.RoomId, partitions));
            var ended = isChanged && request.ReadSeq > 0 ? await inbox.MarkThreadAsync(round, request) : [];
            return new MarkedThread((await round.Threads.FindAsync(request.RootId, request.UserId, MaxUnread))!, isChanged, ended);
        }, cancellationToken);

    /// <summary>A page of the threads that a user follows in rooms of which the user is a member, those first that were answered last.</summary>
    /// <returns>Null when the cursor is none.</returns>
    public async Task<ListThreadsReply?> ListAsync(ListThreadsRequest request, CancellationToken cancellationToken)
    {
        var (beforeMs, beforeRoot) = (long.MaxValue, "");
        if (request.Cursor.Length > 0 && !TryParse(request.Cursor, out beforeMs, out beforeRoot))
        {
            return null;
        }

        var found = await store.ReadAsync(
            round => round.Threads.ListAsync(request.UserId, request.UnreadOnly, beforeMs, beforeRoot, (int)request.Limit + 1, MaxUnread), cancellationToken);
        var reply = new ListThreadsReply { HasMore = found.Count > request.Limit };
        reply.Threads.AddRange(found.Take((int)request.Limit));
        if (reply is { HasMore: true, Threads: [.., var last] })
        {
            reply.Cursor = string.Create(CultureInfo.InvariantCulture, $"{last.LastReplyAtMs}.{last.RootId}");
        }

        return reply;
    }

    /// <summary>Forgets who follows threads that never began.</summary>
    /// <returns>How many; more may be left when it is <paramref name="limit"/>.</returns>
    public Task<int> PruneAsync(DateTimeOffset before, int limit, CancellationToken cancellationToken) =>
        store.WriteAsync(round => round.Threads.RemoveUnansweredAsync(before, limit), cancellationToken);

    private static bool TryParse(string cursor, out long beforeMs, out string rootId)
    {
        var dot = cursor.IndexOf('.', StringComparison.Ordinal);
        (beforeMs, rootId) = (0, dot < 0 ? "" : cursor[(dot + 1)..]);
        return dot > 0 && rootId.Length > 0 && long.TryParse(cursor.AsSpan(0, dot), NumberStyles.None, CultureInfo.InvariantCulture, out beforeMs);
    }
}

/// <summary>A thread after its user has read it, or chose to follow it or not.</summary>
/// <param name="Thread">As it is now.</param>
/// <param name="IsChanged">It was otherwise before.</param>
/// <param name="Ended">Notifications about it that are read with it.</param>
internal sealed record MarkedThread(ThreadUnread Thread, bool IsChanged, IReadOnlyList<Ended> Ended);
