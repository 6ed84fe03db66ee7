using System.Data.Common;
using Tertulia.Contracts;
using Tertulia.Notifications.Storage;
using Tertulia.Sql;

namespace Tertulia.Notifications.Threads;

/// <summary>Threads as they are known from the entries of rooms: their replies, and who follows them. In the follower's transaction.</summary>
internal sealed class ThreadFacts(ISqlDialect dialect, DbCommand command, int partition)
{
    /// <summary>A reply is there: its author follows the thread, and has read what is above it.</summary>
    public async Task AddReplyAsync(string roomId, RoomEvent entry)
    {
        var rootId = entry.Message.ThreadRoot;
        await command.With(
            """
            insert into notification_replies (room_id, seq, root_id, user_id, partition, created_at_ms) values (@room, @seq, @root, @user, @partition, @at)
            on conflict do nothing
            """,
            ("room", roomId), ("seq", entry.Seq), ("root", rootId), ("user", entry.UserId), ("partition", partition), ("at", entry.CreatedAtMs)).RunAsync();
        await FollowAsync(roomId, rootId, [entry.UserId], entry.Seq, again: true);
        if (entry.Message.ReplyTo == rootId && entry.Message.ReplyToUserId.Length > 0)
        {
            await FollowAsync(roomId, rootId, [entry.Message.ReplyToUserId], entry.Message.ThreadRootSeq);
        }
    }

    /// <summary>A message mentions users: they follow its thread, or the one that will begin with it.</summary>
    public Task AddMentionsAsync(string roomId, RoomEvent entry, IReadOnlyCollection<string> userIds) => entry.Message.ThreadRoot.Length > 0
        ? FollowAsync(roomId, entry.Message.ThreadRoot, userIds, entry.Seq - 1)
        : FollowAsync(roomId, entry.Message.MessageId, userIds, entry.Seq);

    /// <summary>A message mentions users now that it was edited.</summary>
    public async Task AddMentionsOfEditAsync(string roomId, MessageEdited edited, IReadOnlyCollection<string> userIds)
    {
        if (userIds.Count > 0)
        {
            var rootId = await command.With(
                "select root_id from notification_replies where room_id = @room and seq = @seq",
                ("room", roomId), ("seq", edited.MessageSeq)).FirstAsync(row => row.GetString(0));
            await FollowAsync(roomId, rootId ?? edited.MessageId, userIds, rootId is null ? edited.MessageSeq : edited.MessageSeq - 1);
        }
    }

    /// <summary>Those who follow a thread.</summary>
    public Task<List<string>> FollowersAsync(string rootId, int limit) => command.With(
        "select user_id from notification_threads where root_id = @root and choice = 1 order by user_id limit @limit", ("root", rootId), ("limit", limit))
        .ListAsync(row => row.GetString(0));

    /// <summary>Those who have read a thread up to a seq at least.</summary>
    public async Task<HashSet<string>> ReadersAsync(string rootId, long seq) => [
        .. await command.With("select user_id from notification_threads where root_id = @root and read_seq >= @seq", ("root", rootId), ("seq", seq))
            .ListAsync(row => row.GetString(0))];

    /// <summary>A message was deleted: it is no reply any more, and no thread begins with it.</summary>
    public async Task RemoveAsync(string roomId, MessageDeleted deleted)
    {
        await command.With(
            "delete from notification_replies where room_id = @room and seq = @seq", ("room", roomId), ("seq", deleted.MessageSeq)).RunAsync();
        await command.With(
            """
            delete from notification_threads where root_id = @root and not exists (
                select 1 from notification_replies r where r.root_id = notification_threads.root_id)
            """,
            ("root", deleted.MessageId)).RunAsync();
    }

    /// <summary>Messages from before this one are kept no longer.</summary>
    public Task TrimAsync(string roomId, long firstSeq) => command.With(
        "delete from notification_replies where room_id = @room and seq < @seq", ("room", roomId), ("seq", firstSeq)).RunAsync();

    /// <summary>A user is no member any more, and follows nothing there.</summary>
    public Task RemoveUserAsync(string roomId, string userId) => command.With(
        "delete from notification_threads where user_id = @user and room_id = @room", ("user", userId), ("room", roomId)).RunAsync();

    /// <summary>The room is no more.</summary>
    public async Task RemoveRoomAsync(string roomId)
    {
        await command.With("delete from notification_threads where room_id = @room", ("room", roomId)).RunAsync();
        await command.With("delete from notification_replies where room_id = @room", ("room", roomId)).RunAsync();
    }

    // Who chose not to follow a thread follows it again by writing in it. The users' order is the same for all, so that two transactions do not wait for
    // each other.
    private async Task FollowAsync(string roomId, string rootId, IReadOnlyCollection<string> userIds, long readSeq, bool again = false)
    {
        if (userIds.Count == 0)
        {
            return;
        }

        command.With(
            $"""
            insert into notification_threads (root_id, user_id, room_id, partition, choice, read_seq)
            select @root, u.user_id, @room, @partition, 1, @seq from {dialect.RowsTable("users", "user_id")} u where true order by u.user_id
            on conflict (root_id, user_id) do update set
                choice = {(again ? "1" : "case when notification_threads.choice = 0 then 1 else notification_threads.choice end")},
                read_seq = case when excluded.read_seq > notification_threads.read_seq then excluded.read_seq else notification_threads.read_seq end
            """,
            ("root", rootId), ("room", roomId), ("partition", partition), ("seq", readSeq));
        dialect.AddRows(command, "users", [.. userIds.Distinct(StringComparer.Ordinal)]);
        await command.RunAsync();
    }
}
