using Tertulia.Contracts;
using Tertulia.Notifications.Storage;

namespace Tertulia.Notifications.Threads;

/// <summary>A partition's threads as they are known from the entries of rooms: their replies, and who follows them. In the follower's round.</summary>
internal sealed class ThreadFacts(IThreadRows rows, int partition)
{
    /// <summary>A reply is there: its author follows the thread, and has read what is above it.</summary>
    public async Task AddReplyAsync(string roomId, RoomEvent entry)
    {
        var rootId = entry.Message.ThreadRoot;
        await rows.AddReplyAsync(roomId, partition, entry.Seq, rootId, entry.UserId, entry.CreatedAtMs);
        await FollowAsync(entry, roomId, rootId, [entry.UserId], entry.Seq, again: true);
        if (entry.Message.ReplyTo == rootId && entry.Message.ReplyToUserId.Length > 0)
        {
            await FollowAsync(entry, roomId, rootId, [entry.Message.ReplyToUserId], entry.Message.ThreadRootSeq);
        }
    }

    /// <summary>A message mentions users: they follow its thread, or the one that will begin with it.</summary>
    public Task AddMentionsAsync(string roomId, RoomEvent entry, IReadOnlyCollection<string> userIds) => entry.Message.ThreadRoot.Length > 0
        ? FollowAsync(entry, roomId, entry.Message.ThreadRoot, userIds, entry.Seq - 1)
        : FollowAsync(entry, roomId, entry.Message.MessageId, userIds, entry.Seq);

    /// <summary>A message mentions users now that it was edited.</summary>
    public async Task AddMentionsOfEditAsync(string roomId, RoomEvent entry, IReadOnlyCollection<string> userIds)
    {
        if (userIds.Count > 0)
        {
            var edited = entry.Edited;
            var rootId = await rows.RootOfAsync(roomId, edited.MessageSeq);
            await FollowAsync(entry, roomId, rootId ?? edited.MessageId, userIds, rootId is null ? edited.MessageSeq : edited.MessageSeq - 1);
        }
    }

    /// <summary>Those who follow a thread.</summary>
    public Task<List<string>> FollowersAsync(string rootId, int limit) => rows.FollowersAsync(rootId, limit);

    /// <summary>Those who have read a thread up to a seq at least.</summary>
    public Task<HashSet<string>> ReadersAsync(string rootId, long seq) => rows.ReadersAsync(rootId, seq);

    /// <summary>A message was deleted: it is no reply any more, and no thread begins with it.</summary>
    public Task RemoveAsync(string roomId, MessageDeleted deleted) => rows.RemoveAsync(roomId, deleted.MessageSeq, deleted.MessageId);

    /// <summary>Messages from before this one are kept no longer.</summary>
    public Task TrimAsync(string roomId, long firstSeq) => rows.TrimAsync(roomId, firstSeq);

    /// <summary>Users are no members any more, and follow nothing there.</summary>
    public Task RemoveUsersAsync(string roomId, IReadOnlyCollection<string> userIds) => rows.RemoveUsersAsync(roomId, userIds);

    /// <summary>Those who have read the thread that a reply is in up to the reply; nobody when it is none.</summary>
    public async Task<HashSet<string>> ReadersOfReplyAsync(string roomId, long seq) =>
        await rows.RootOfAsync(roomId, seq) is { } rootId ? await rows.ReadersAsync(rootId, seq) : [];

    /// <summary>The room is no more.</summary>
    public Task RemoveRoomAsync(string roomId) => rows.RemoveRoomAsync(roomId);

    // Who chose not to follow a thread follows it again by writing in it.
    private Task FollowAsync(RoomEvent entry, string roomId, string rootId, IReadOnlyCollection<string> userIds, long readSeq, bool again = false) =>
        userIds.Count == 0 ? Task.CompletedTask : rows.FollowAsync(roomId, partition, rootId, [.. userIds.Distinct(StringComparer.Ordinal)], readSeq, again, entry.CreatedAtMs);
}
