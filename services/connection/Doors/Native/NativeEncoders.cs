using System.Text.Json;
using Tertulia.Connections.Events;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Doors.Native;

/// <summary>Every server frame of PROTOCOL §3. A field that is absent is left out.</summary>
internal static class NativeEncoders
{
    /// <summary>One for each kind of event that there is without further verbs.</summary>
    public static IReadOnlyList<NativeEncoder> All { get; } =
    [
        NativeEncoder.Json<MessageEvent>(Message),
        NativeEncoder.Json<MessageStateEvent>(MessageState),
        NativeEncoder.Json<MessageSentEvent>(MessageSent),
        NativeEncoder.Json<MessageUpdatedEvent>(updated => EntryJson.Begin("message_updated"u8, updated)),
        NativeEncoder.Json<MessageDeletedEvent>(deleted => EntryJson.Begin("message_deleted"u8, deleted)),
        NativeEncoder.Json<ReactionEvent>(reaction => EntryJson.Begin("reaction"u8, reaction)),
        NativeEncoder.Json<PinnedEvent>(pinned => EntryJson.Begin("pinned"u8, pinned)),
        NativeEncoder.Json<MessagesExpiredEvent>(Expired),
        NativeEncoder.Json<ThreadEvent>(Thread),
        NativeEncoder.Json<PinsEvent>(Pins),
        NativeEncoder.Json<ConnectedEvent>(Connected),
        NativeEncoder.Json<RoomsEvent>(Rooms),
        NativeEncoder.Json<JoinedEvent>(Joined),
        NativeEncoder.Json<LeftEvent>(Left),
        NativeEncoder.Json<HistoryEvent>(History),
        NativeEncoder.Json<SearchEvent>(Search),
        NativeEncoder.Json<UserJoinedEvent>(UserJoined),
        NativeEncoder.Json<UserLeftEvent>(UserLeft),
        NativeEncoder.Json<BroadcastEvent>(Broadcast),
        NativeEncoder.Json<BroadcastTakenEvent>(BroadcastTaken),
        NativeEncoder.Json<TypingEvent>(Typing),
        NativeEncoder.Json<TypingTakenEvent>(TypingTaken),
        NativeEncoder.Json<UnreadEvent>(Unread),
        NativeEncoder.Json<ReadReceiptEvent>(ReadReceipt),
        NativeEncoder.Json<OnlineCountEvent>(OnlineCount),
        NativeEncoder.Json<PresenceStateEvent>(PresenceState),
        .. RoomFrames.Encoders,
        .. RoomListFrames.Encoders,
        NativeEncoder.Json<GapEvent>(Gap),
        .. NotificationFrames.Encoders,
        .. ThreadFrames.Encoders,
        .. PresenceFrames.Encoders,
        NativeEncoder.Json<PongEvent>(Pong),
        NativeEncoder.Json<AuthOkEvent>(AuthOk),
        NativeEncoder.Json<TokenExpiringEvent>(TokenExpiring),
        NativeEncoder.Json<ReconnectEvent>(Reconnect),
        NativeEncoder.Json<ErrorEvent>(Error),
        NativeEncoder.Frame<AreYouThereEvent>(_ => WebSocketFrames.Make(WebSocketOpcode.Ping, [])),
        NativeEncoder.Frame<SocketPongEvent>(pong => WebSocketFrames.Make(WebSocketOpcode.Pong, pong.Payload.Span)),
        NativeEncoder.Frame<CloseEvent>(close => WebSocketFrames.Close(close.Code, close.Reason)),
    ];

    private static Utf8JsonWriter Message(MessageEvent live)
    {
        var (entry, message) = (live.Entry, live.Entry.Message);
        var json = FrameJson.BeginData("message"u8, live.RoomId, entry.Seq, live.Epoch);
        FrameJson.WriteMessageFields(
            json, message.MessageId, entry.Seq, entry.UserId, entry.Username, message.Content, entry.CreatedAtMs,
            message.ClientMsgId, message.ReplyTo, message.Metadata.Span);
        if (message.ThreadRoot.Length > 0)
        {
            json.WriteString("thread_root"u8, message.ThreadRoot);
            json.WriteNumber("thread_replies"u8, message.ThreadReplies);
        }

        return json;
    }

    private static Utf8JsonWriter MessageState(MessageStateEvent state)
    {
        var json = FrameJson.BeginData("message"u8, state.RoomId, state.Message.Seq, state.Epoch);
        FrameJson.WriteMessageFields(json, state.Message);
        return json;
    }

    private static Utf8JsonWriter MessageSent(MessageSentEvent sent)
    {
        var json = FrameJson.Begin("message_sent"u8, sent.RoomId, sent.Seq, sent.Epoch, sent.Ref);
        json.WriteString("message_id"u8, sent.MessageId);
        FrameJson.WriteTime(json, "timestamp"u8, sent.TimestampMs);
        json.WriteStartObject("data"u8);
        json.WriteString("message_id"u8, sent.MessageId);
        FrameJson.WriteOptional(json, "client_msg_id"u8, sent.ClientMsgId);
        json.WriteNumber("seq"u8, sent.Seq);
        FrameJson.WriteTime(json, "timestamp"u8, sent.TimestampMs);
        json.WriteBoolean("duplicate"u8, sent.Duplicate);
        return json;
    }

    private static Utf8JsonWriter Thread(ThreadEvent thread)
    {
        var json = FrameJson.BeginData("thread"u8, thread.RoomId, reference: thread.Ref);
        json.WriteStartObject("root"u8);
        FrameJson.WriteMessageFields(json, thread.Root);
        json.WriteEndObject();
        FrameJson.WriteMessages(json, "items"u8, thread.Items);
        json.WriteBoolean("has_more"u8, thread.HasMore);
        return json;
    }

    private static Utf8JsonWriter Pins(PinsEvent pins)
    {
        var json = FrameJson.BeginData("pins"u8, pins.RoomId, reference: pins.Ref);
        FrameJson.WriteMessages(json, "items"u8, pins.Items);
        json.WriteBoolean("has_more"u8, pins.HasMore);
        return json;
    }

    private static Utf8JsonWriter Broadcast(BroadcastEvent broadcast)
    {
        var json = FrameJson.BeginData("broadcast"u8, broadcast.RoomId);
        json.WriteString("event"u8, broadcast.Event);
        json.WriteString("user_id"u8, broadcast.UserId);
        json.WriteString("username"u8, broadcast.Username);
        if (!broadcast.Payload.IsEmpty)
        {
            json.WritePropertyName("payload"u8);
            json.WriteRawValue(broadcast.Payload.Span, skipInputValidation: true); // FrameReader took it only as complete JSON.
        }

        return json;
    }

    private static Utf8JsonWriter BroadcastTaken(BroadcastTakenEvent taken)
    {
        var json = FrameJson.BeginData("broadcast"u8, taken.RoomId, reference: taken.Ref);
        json.WriteString("event"u8, taken.Event);
        return json;
    }

    private static Utf8JsonWriter Connected(ConnectedEvent connected)
    {
        var json = connected.Room is { } room
            ? FrameJson.BeginData("connected"u8, room.RoomId, connected.Shown.Seq, room.Snapshot.Epoch)
            : FrameJson.BeginData("connected"u8);
        if (connected.Room is not null)
        {
            WriteRoom(json, connected.Room, connected.Shown);
        }
        else
        {
            FrameJson.WriteUsers(json, "active_users"u8, []);
        }

        FrameJson.WriteMessages(json, "history"u8, connected.Shown.History);
        json.WriteString("connection_id"u8, connected.ConnectionId);
        json.WriteString("session_id"u8, connected.SessionId);
        json.WriteStartObject("user"u8);
        json.WriteString("user_id"u8, connected.User.UserId);
        json.WriteString("username"u8, connected.User.Username);
        json.WriteString("role"u8, connected.User.Role);
        FrameJson.WriteOptional(json, "avatar"u8, connected.User.Avatar);
        json.WriteEndObject();
        FrameJson.WriteRooms(json, connected.Rooms);
        if (connected.HasMoreRooms)
        {
            json.WriteBoolean("rooms_has_more"u8, true);
        }

        if (connected.TotalUnread is { } total)
        {
            json.WriteNumber("unread_total"u8, total);
        }

        if (connected.Notifications is { } notifications)
        {
            json.WriteStartObject("notifications"u8);
            NotificationFrames.WritePage(json, notifications);
            json.WriteEndObject();
        }

        json.WriteNumber("heartbeat_ms"u8, (long)connected.Heartbeat.TotalMilliseconds);
        FrameJson.WriteTime(json, "server_time"u8, connected.ServerTime);
        WriteLimits(json, connected.Limits);
        return json;
    }

    private static Utf8JsonWriter Rooms(RoomsEvent rooms)
    {
        var json = FrameJson.BeginData("rooms"u8);
        FrameJson.WriteRooms(json, rooms.Rooms);
        json.WriteBoolean("has_more"u8, rooms.HasMore);
        return json;
    }

    private static Utf8JsonWriter Joined(JoinedEvent joined)
    {
        var snapshot = joined.Room.Snapshot;
        var json = FrameJson.BeginData("joined"u8, joined.Room.RoomId, joined.Shown.Seq, snapshot.Epoch, joined.Ref);
        WriteRoom(json, joined.Room, joined.Shown);
        FrameJson.WriteMessages(json, "history"u8, joined.Shown.History);
        return json;
    }

    private static Utf8JsonWriter Expired(MessagesExpiredEvent expired)
    {
        var json = FrameJson.BeginData("messages_expired"u8, expired.RoomId, expired.Entry.Seq, expired.Epoch);
        json.WriteNumber("first_seq"u8, expired.Entry.Trimmed.FirstSeq);
        json.WriteNumber("seq"u8, expired.Entry.Seq);
        return json;
    }

    private static Utf8JsonWriter Left(LeftEvent left)
    {
        var json = FrameJson.BeginData("left"u8, left.RoomId, reference: left.Ref);
        json.WriteString("room_id"u8, left.RoomId);
        FrameJson.WriteOptional(json, "reason"u8, left.Reason);
        return json;
    }

    private static Utf8JsonWriter History(HistoryEvent page)
    {
        var json = FrameJson.BeginData("history"u8, page.RoomId, reference: page.Ref);
        FrameJson.WriteMessages(json, "items"u8, page.Items);
        json.WriteBoolean("has_more"u8, page.HasMore);
        if (page.Around is { } around)
        {
            json.WriteBoolean("has_more_before"u8, around.HasMoreBefore);
            json.WriteBoolean("has_more_after"u8, around.HasMoreAfter);
        }

        return json;
    }

    private static Utf8JsonWriter Search(SearchEvent found)
    {
        var json = FrameJson.BeginData("search"u8, reference: found.Ref);
        FrameJson.WriteSearch(json, found);
        return json;
    }

    // Who left is not shown as anything any more.
    private static Utf8JsonWriter UserLeft(UserLeftEvent left)
    {
        var json = FrameJson.BeginData("user_left"u8, left.RoomId);
        json.WriteString("user_id"u8, left.User.UserId);
        json.WriteString("username"u8, left.User.Username);
        return json;
    }

    private static Utf8JsonWriter UserJoined(UserJoinedEvent joined)
    {
        var json = FrameJson.BeginData("user_joined"u8, joined.RoomId);
        FrameJson.WriteUserFields(json, joined.User);
        return json;
    }

    private static Utf8JsonWriter Typing(TypingEvent typing)
    {
        var json = FrameJson.BeginData("typing"u8, typing.RoomId);
        json.WriteString("user_id"u8, typing.UserId);
        json.WriteString("username"u8, typing.Username);
        json.WriteBoolean("is_typing"u8, typing.IsTyping);
        return json;
    }

    private static Utf8JsonWriter TypingTaken(TypingTakenEvent taken)
    {
        var json = FrameJson.BeginData("typing"u8, taken.RoomId, reference: taken.Ref);
        json.WriteBoolean("is_typing"u8, taken.IsTyping);
        return json;
    }

    private static Utf8JsonWriter Unread(UnreadEvent unread)
    {
        var json = FrameJson.BeginData("unread"u8, unread.RoomId, epoch: unread.Mark.Epoch, reference: unread.Ref);
        json.WriteString("room_id"u8, unread.RoomId);
        FrameJson.WriteMark(json, unread.Mark);
        return json;
    }

    private static Utf8JsonWriter ReadReceipt(ReadReceiptEvent receipt)
    {
        var json = FrameJson.BeginData("read_receipt"u8, receipt.RoomId);
        json.WriteString("user_id"u8, receipt.UserId);
        json.WriteNumber("seq"u8, receipt.Seq);
        return json;
    }

    private static Utf8JsonWriter OnlineCount(OnlineCountEvent count)
    {
        var json = FrameJson.BeginData("online_count"u8, count.RoomId);
        json.WriteString("room_id"u8, count.RoomId);
        json.WriteNumber("online"u8, count.Online);
        json.WriteNumber("members"u8, count.Members);
        return json;
    }

    private static Utf8JsonWriter PresenceState(PresenceStateEvent state)
    {
        var json = FrameJson.BeginData("presence_state"u8, state.RoomId);
        FrameJson.WriteUsers(json, "users"u8, state.Users);
        json.WriteBoolean("has_more"u8, state.HasMore);
        return json;
    }

    private static Utf8JsonWriter Gap(GapEvent gap)
    {
        var json = FrameJson.BeginData("gap"u8, gap.RoomId, epoch: gap.Epoch);
        json.WriteString("room_id"u8, gap.RoomId);
        json.WriteNumber("from_seq"u8, gap.FromSeq);
        json.WriteNumber("to_seq"u8, gap.ToSeq);
        return json;
    }

    private static Utf8JsonWriter Pong(PongEvent pong)
    {
        var json = FrameJson.BeginData("pong"u8, reference: pong.Ref);
        FrameJson.WriteTime(json, "server_time"u8, pong.ServerTime);
        return json;
    }

    private static Utf8JsonWriter AuthOk(AuthOkEvent ok)
    {
        var json = FrameJson.BeginData("auth_ok"u8, reference: ok.Ref);
        if (ok.ExpiresAt is { } expiresAt)
        {
            FrameJson.WriteTime(json, "expires_at"u8, expiresAt);
        }

        return json;
    }

    private static Utf8JsonWriter TokenExpiring(TokenExpiringEvent expiring)
    {
        var json = FrameJson.BeginData("token_expiring"u8);
        FrameJson.WriteTime(json, "expires_at"u8, expiring.ExpiresAt);
        return json;
    }

    private static Utf8JsonWriter Reconnect(ReconnectEvent reconnect)
    {
        var json = FrameJson.BeginData("reconnect"u8);
        json.WriteString("reason"u8, reconnect.Reason);
        json.WriteNumber("delay_ms"u8, reconnect.DelayMs);
        json.WriteNumber("jitter_ms"u8, reconnect.JitterMs);
        return json;
    }

    private static Utf8JsonWriter Error(ErrorEvent error)
    {
        var entry = ErrorCatalog.Of(error.Code);
        var json = FrameJson.BeginData("error"u8, error.RoomId, reference: error.Ref);
        json.WriteString("message"u8, string.IsNullOrEmpty(error.Message) ? entry.Message : error.Message);
        json.WriteNumber("code"u8, (int)entry.Code);
        json.WriteString("name"u8, entry.Name);
        json.WriteBoolean("temporary"u8, entry.Temporary);
        if (error.RetryAfterMs > 0)
        {
            json.WriteNumber("retry_after_ms"u8, error.RetryAfterMs);
        }

        return json;
    }

    private static void WriteRoom(Utf8JsonWriter json, RoomView room, in FittingRoom shown)
    {
        json.WriteString("room_id"u8, room.RoomId);
        json.WriteString("epoch"u8, room.Snapshot.Epoch);
        json.WriteNumber("seq"u8, shown.Seq);
        json.WriteBoolean("recovered"u8, room.Snapshot.Recovered);
        if (room.Snapshot.FirstSeq > 1)
        {
            json.WriteNumber("first_seq"u8, room.Snapshot.FirstSeq);
        }

        json.WriteNumber("members"u8, room.Snapshot.Members);
        json.WriteNumber("count"u8, room.Online);
        if (room.Snapshot.Mark is { } mark)
        {
            FrameJson.WriteMark(json, mark);
        }

        RoomFrames.WriteState(json, room.Snapshot, shown.Changes);
        FrameJson.WriteUsers(json, "active_users"u8, room.ActiveUsers);
    }

    private static void WriteLimits(Utf8JsonWriter json, LimitOptions limits)
    {
        json.WriteStartObject("limits"u8);
        json.WriteNumber("content_length"u8, limits.ContentLength);
        json.WriteNumber("frame_bytes"u8, limits.FrameBytes);
        json.WriteNumber("events_per_minute"u8, limits.EventsPerMinute);
        json.WriteNumber("burst"u8, limits.Burst);
        json.WriteNumber("rooms_per_connection"u8, limits.RoomsPerConnection);
        json.WriteNumber("connections_per_user"u8, limits.ConnectionsPerUser);
        json.WriteNumber("history_page"u8, LimitOptions.MaxHistoryPage);
        json.WriteEndObject();
    }
}
