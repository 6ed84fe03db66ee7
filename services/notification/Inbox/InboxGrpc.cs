using Grpc.Core;
using Microsoft.Extensions.Options;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Notifications.Explaining;
using Tertulia.Notifications.Preferences;
using Tertulia.Notifications.Storage;
using Tertulia.Notifications.Threads;

namespace Tertulia.Notifications.Inbox;

/// <summary>The inbox and the preferences of each user, for the doors.</summary>
internal sealed class InboxGrpc(
    NotificationStore store, InboxStore inbox, InboxNews news, PreferenceStore preferences, NotificationTrails trails, FollowedThreads threads,
    IOptions<LiveBusOptions> bus, TimeProvider time)
    : NotificationService.NotificationServiceBase
{
    private const int MaxPage = 100;
    private const int MaxIds = 100;
    private const int MaxReads = 1_000;
    private const int MaxUsers = 1_000;
    private const int MaxIdChars = 128;
    private const int MaxCursorChars = 160;
    private const int MaxKeyChars = 64;
    private const int MaxTitleChars = 200;
    private const int MaxBodyChars = 2_000;
    private const int MaxLinkChars = 1_000;

    public override Task<Contracts.Inbox> GetInbox(GetInboxRequest request, ServerCallContext context)
    {
        Check(IsId(request.UserId) && request.Limit <= MaxPage && request.BeforeUseq >= 0, $"limit is 0 to {MaxPage}, before_useq not below 0");
        return inbox.ReadAsync(request, context.CancellationToken);
    }

    public override async Task<NotificationsRead> MarkRead(MarkReadRequest request, ServerCallContext context)
    {
        var ways = (request.NotificationIds.Count > 0 ? 1 : 0) + (request.UpToUseq > 0 ? 1 : 0) + (request.All ? 1 : 0);
        Check(
            IsId(request.UserId) && ways == 1 && request.NotificationIds.Count <= MaxIds && request.NotificationIds.All(IsId),
            $"ids (1 to {MaxIds}), up_to_useq (from 1) or all");
        var ended = await store.WriteAsync(round => inbox.MarkAsync(round, request), context.CancellationToken);
        if (ended.Items.Count > 0)
        {
            inbox.OnCommitted();
            await news.TellAsync([], [ended], context.CancellationToken, request.ConnectionId);
        }

        return ended.What;
    }

    public override async Task<MarkRoomsReadReply> MarkRoomsRead(MarkRoomsReadRequest request, ServerCallContext context)
    {
        Check(
            request.Rooms.Count is > 0 and <= MaxReads && request.Rooms.All(read => IsId(read.UserId) && IsId(read.RoomId) && read.Seq > 0),
            $"rooms has 1 to {MaxReads}, each with a user, a room and a seq");
        var ended = await store.WriteAsync(round => inbox.MarkRoomsAsync(round, request.Rooms, bus.Value.Partitions), context.CancellationToken);
        inbox.OnCommitted();
        await news.TellAsync([], ended, context.CancellationToken);
        return new MarkRoomsReadReply();
    }

    public override async Task<GetRoomNoticesReply> GetRoomNotices(GetRoomNoticesRequest request, ServerCallContext context)
    {
        Check(IsId(request.UserId) && request.RoomIds.Count <= MaxReads && request.RoomIds.All(IsId), $"room_ids has at most {MaxReads}");
        var reply = new GetRoomNoticesReply();
        if (request.RoomIds.Count > 0)
        {
            var mentions = await inbox.CountMentionsAsync(request.UserId, request.RoomIds, context.CancellationToken);
            var chosen = (await preferences.ReadAsync(request.UserId, context.CancellationToken)).Rooms;
            foreach (var roomId in request.RoomIds.Where(roomId => mentions.ContainsKey(roomId) || chosen.ContainsKey(roomId)).Distinct(StringComparer.Ordinal))
            {
                var own = chosen.TryGetValue(roomId, out var room) ? room : new RoomPreferences();
                reply.Rooms.Add(new RoomNotices { RoomId = roomId, Mentions = mentions.GetValueOrDefault(roomId), Level = own.Level, MuteUntilMs = own.MuteUntilMs });
            }
        }

        return reply;
    }

    public override async Task<ThreadUnread> MarkThread(MarkThreadRequest request, ServerCallContext context)
    {
        Check(
            IsId(request.UserId) && IsId(request.RoomId) && IsId(request.RootId) && request.ReadSeq >= 0,
            "user_id, room_id and root_id are needed, read_seq is not below 0");
        var marked = await threads.MarkAsync(request, bus.Value.Partitions, context.CancellationToken);
        if (marked.IsChanged)
        {
            inbox.OnCommitted();
            await news.TellAsync([], marked.Ended, context.CancellationToken);
            await news.TellAsync(request.UserId, marked.Thread, context.CancellationToken);
        }

        return marked.Thread;
    }

    public override async Task<ListThreadsReply> ListThreads(ListThreadsRequest request, ServerCallContext context)
    {
        Check(
            IsId(request.UserId) && request.Limit is >= 1 and <= MaxPage && IsText(request.Cursor, 0, MaxCursorChars),
            $"limit is 1 to {MaxPage}");
        var page = await threads.ListAsync(request, context.CancellationToken);
        Check(page is not null, "the cursor is that of no page");
        return page!;
    }

    public override Task<NotificationPreferences> GetPreferences(GetPreferencesRequest request, ServerCallContext context)
    {
        Check(IsId(request.UserId), "user_id is missing");
        return preferences.ReadAsync(request.UserId, context.CancellationToken);
    }

    public override async Task<NotificationPreferences> SetPreferences(SetPreferencesRequest request, ServerCallContext context)
    {
        Check(IsId(request.UserId) && request.Preferences is not null, "user_id and preferences are needed");
        var wrong = PreferenceRules.Refuse(request.Preferences!);
        Check(wrong is null, wrong!);
        await preferences.SaveAsync(request.UserId, request.Preferences!, context.CancellationToken);
        return request.Preferences!;
    }

    public override async Task<NotifyReply> Notify(NotifyRequest request, ServerCallContext context)
    {
        Check(request.UserIds.Count is > 0 and <= MaxUsers && request.UserIds.All(IsId), $"user_ids has 1 to {MaxUsers}");
        Check(IsText(request.Key, 1, MaxKeyChars), $"key has 1 to {MaxKeyChars} characters");
        Check(
            request.Kind.Length <= MaxKeyChars && request.Kind.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '_' or '.'),
            $"kind has up to {MaxKeyChars} of a-z 0-9 _ .");
        Check(
            IsText(request.Title, 1, MaxTitleChars) && IsText(request.Body, 0, MaxBodyChars) && IsText(request.Link, 0, MaxLinkChars) && IsText(request.Sound, 0, MaxKeyChars)
            && (request.RoomId.Length == 0 || IsId(request.RoomId)),
            $"title has 1 to {MaxTitleChars} characters, body up to {MaxBodyChars}, link up to {MaxLinkChars}");
        var item = new Notification
        {
            Kind = request.Kind.Length > 0 ? request.Kind : NotificationKinds.Server, Title = request.Title, Body = request.Body, Link = request.Link,
            RoomId = request.RoomId, CreatedAtMs = time.GetUtcNow().ToUnixTimeMilliseconds(),
        };
        var sound = request.HasSound ? request.Sound : null;
        Wanted[] wanted = [.. request.UserIds.Distinct(StringComparer.Ordinal).Select(userId => new Wanted(userId, $"s:{request.Key}", item, sound))];
        var made = await store.WriteAsync(round => inbox.AddAsync(round, wanted), context.CancellationToken);
        inbox.OnCommitted();
        await news.TellAsync(made, [], context.CancellationToken);
        return new NotifyReply { Notified = (uint)made.Count };
    }

    public override Task<NotificationTrail> ExplainMessage(ExplainMessageRequest request, ServerCallContext context)
    {
        Check(IsId(request.MessageId) && IsId(request.RoomId) && (request.UserId.Length == 0 || IsId(request.UserId)), "message_id and room_id are needed");
        return trails.OfAsync(request, context.CancellationToken);
    }

    private static bool IsId(string id) => IsText(id, 1, MaxIdChars);

    private static bool IsText(string text, int min, int max) => text.Length >= min && text.Length <= max && !text.Contains('\0', StringComparison.Ordinal);

    private static void Check(bool isRight, string detail)
    {
        if (!isRight)
        {
            throw RpcErrors.Refuse(ErrorCode.BadRequest, detail);
        }
    }
}
