using System.Data.Common;
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

    // Of a thread t: where its replies end, and those that its user has not read.
    private const string LastSeq = "(select max(r.seq) from notification_replies r where r.root_id = t.root_id)";

    private static readonly string Unread = $"""
        (select count(*) from (
            select 1 from notification_replies r where r.root_id = t.root_id and r.seq > t.read_seq and r.user_id <> t.user_id limit {MaxUnread}) c)
        """;

    /// <summary>Moves a mark up, and changes the choice to follow when the request has one.</summary>
    public Task<MarkedThread> MarkAsync(MarkThreadRequest request, int partitions, CancellationToken cancellationToken) => store.WriteAsync(
        async command =>
        {
            var choice = request.HasFollowing ? request.Following ? "1" : "2" : null;
            var rows = await command.With(
                $"""
                insert into notification_threads (root_id, user_id, room_id, partition, choice, read_seq)
                values (@root, @user, @room, @partition, {choice ?? "0"}, @seq)
                on conflict (root_id, user_id) do update set
                    choice = {choice ?? "notification_threads.choice"},
                    read_seq = case when excluded.read_seq > notification_threads.read_seq then excluded.read_seq else notification_threads.read_seq end
                where excluded.read_seq > notification_threads.read_seq {(choice is null ? "" : $"or notification_threads.choice <> {choice}")}
                """,
                ("root", request.RootId), ("user", request.UserId), ("room", request.RoomId),
                ("partition", Partitioner.PartitionOf(request.RoomId, partitions)), ("seq", request.ReadSeq)).RunAsync();
            var ended = rows > 0 && request.ReadSeq > 0 ? await inbox.MarkThreadAsync(command, request) : [];
            var thread = await command.With(
                $"""
                select t.room_id, t.root_id, t.choice, t.read_seq, {LastSeq}, {Unread} from notification_threads t
                where t.root_id = @root and t.user_id = @user
                """,
                ("root", request.RootId), ("user", request.UserId)).FirstAsync(Read);
            return new MarkedThread(thread!, rows > 0, ended);
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
            command => command.With(
                $"""
                with t as materialized (
                    select f.room_id, f.root_id, f.user_id, f.choice, f.read_seq,
                        (select r.created_at_ms from notification_replies r where r.root_id = f.root_id order by r.seq desc limit 1) as last_at
                    from notification_threads f
                    join notification_members m on m.room_id = f.room_id and m.user_id = f.user_id
                    where f.user_id = @user and f.choice = 1)
                select t.room_id, t.root_id, t.choice, t.read_seq, {LastSeq}, {Unread}, t.last_at from t
                where (t.last_at < @before or (t.last_at = @before and t.root_id < @root))
                {(request.UnreadOnly
                    ? "and exists (select 1 from notification_replies r where r.root_id = t.root_id and r.seq > t.read_seq and r.user_id <> t.user_id)"
                    : "")}
                order by t.last_at desc, t.root_id desc limit @limit
                """,
                ("user", request.UserId), ("before", beforeMs), ("root", beforeRoot), ("limit", (int)request.Limit + 1)).ListAsync(row =>
                {
                    var thread = Read(row);
                    thread.LastReplyAtMs = row.GetInt64(6);
                    return thread;
                }),
            cancellationToken);
        var reply = new ListThreadsReply { HasMore = found.Count > request.Limit };
        reply.Threads.AddRange(found.Take((int)request.Limit));
        if (reply is { HasMore: true, Threads: [.., var last] })
        {
            reply.Cursor = string.Create(CultureInfo.InvariantCulture, $"{last.LastReplyAtMs}.{last.RootId}");
        }

        return reply;
    }

    private static bool TryParse(string cursor, out long beforeMs, out string rootId)
    {
        var dot = cursor.IndexOf('.', StringComparison.Ordinal);
        (beforeMs, rootId) = (0, dot < 0 ? "" : cursor[(dot + 1)..]);
        return dot > 0 && rootId.Length > 0 && long.TryParse(cursor.AsSpan(0, dot), NumberStyles.None, CultureInfo.InvariantCulture, out beforeMs);
    }

    private static ThreadUnread Read(DbDataReader row) => new()
    {
        RoomId = row.GetString(0),
        RootId = row.GetString(1),
        Following = row.GetInt32(2) == 1,
        ReadSeq = row.GetInt64(3),
        LastSeq = Math.Max(row.GetInt64(3), row.IsDBNull(4) ? 0 : row.GetInt64(4)), // What the follower has not come to yet may be read already.
        Unread = (uint)row.GetInt64(5),
    };
}

/// <summary>A thread after its user has read it, or chose to follow it or not.</summary>
/// <param name="Thread">As it is now.</param>
/// <param name="IsChanged">It was otherwise before.</param>
/// <param name="Ended">Notifications about it that are read with it.</param>
internal sealed record MarkedThread(ThreadUnread Thread, bool IsChanged, IReadOnlyList<Ended> Ended);
