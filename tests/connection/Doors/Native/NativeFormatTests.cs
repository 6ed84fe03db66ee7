using System.Text;
using System.Text.Json;
using Google.Protobuf;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Tests.Doors.Native;

public sealed class NativeFormatTests
{
    private static readonly NativeFormat Format = new(NativeEncoders.All);
    private const long Noon = 1_893_499_200_007; // 2030-01-01T12:00:00.007Z
    private static readonly DateTimeOffset NoonTime = DateTimeOffset.FromUnixTimeMilliseconds(Noon);
    private static readonly PresentUser Ana = new() { UserId = "u1", Username = "Ana" };

    [Fact]
    public void A_live_message()
    {
        var entry = new RoomEvent
        {
            Seq = 42,
            CreatedAtMs = Noon,
            UserId = "u1",
            Username = "Ana <3 \"ñ\"",
            Message = new MessageCreated
            {
                MessageId = "m1",
                ClientMsgId = "c1",
                Content = "a<b>&'éж中\n\\\u0001😀",
                ReplyTo = "m0",
                Metadata = ByteString.CopyFromUtf8("""{"k": [1]}"""),
            },
        };

        var frame = new MessageEvent("lobby", "e1", entry);

        Assert.Equal(
            """{"type":"message","room_id":"lobby","seq":42,"epoch":"e1","data":{"id":"m1","seq":42,"user_id":"u1","username":"Ana <3 \"ñ\"","content":"a<b>&'éж中\n\\\u0001\uD83D\uDE00","created_at":"2030-01-01T12:00:00.007Z","client_msg_id":"c1","reply_to":"m0","metadata":{"k": [1]}}}""",
            Text(frame));
        Assert.Equal(DeliveryClass.Durable, frame.Class);
    }

    [Fact]
    public void A_live_message_without_options_leaves_them_out()
    {
        var entry = new RoomEvent { Seq = 1, CreatedAtMs = Noon, UserId = "1", Username = "1", Message = new MessageCreated { MessageId = "m", Content = "x" } };

        Assert.Equal(
            """{"type":"message","room_id":"1","seq":1,"epoch":"e","data":{"id":"m","seq":1,"user_id":"1","username":"1","content":"x","created_at":"2030-01-01T12:00:00.007Z"}}""",
            Text(new MessageEvent("1", "e", entry)));
    }

    [Fact]
    public void A_sent_message_has_id_and_time_at_the_top_and_in_data()
    {
        Assert.Equal(
            """{"type":"message_sent","room_id":"1","seq":7,"epoch":"e","ref":"r","message_id":"m","timestamp":"2030-01-01T12:00:00.007Z","data":{"message_id":"m","client_msg_id":"c","seq":7,"timestamp":"2030-01-01T12:00:00.007Z","duplicate":true}}""",
            Text(new MessageSentEvent("1", "e", "r", "m", "c", 7, Noon, Duplicate: true)));
    }

    [Fact]
    public void The_small_frames()
    {
        Assert.Equal("""{"type":"left","room_id":"1","ref":"r","data":{"room_id":"1"}}""", Text(new LeftEvent("1", "r")));
        Assert.Equal("""{"type":"user_joined","room_id":"1","data":{"user_id":"u1","username":"Ana","status":"online"}}""", Text(new UserJoinedEvent("1", Ana)));
        Assert.Equal("""{"type":"user_left","room_id":"1","data":{"user_id":"u1","username":"Ana"}}""", Text(new UserLeftEvent("1", Ana)));
        Assert.Equal("""{"type":"typing","room_id":"1","data":{"user_id":"u1","username":"Ana","is_typing":true}}""", Text(new TypingEvent("1", "u1", "Ana", true)));
        Assert.Equal("""{"type":"online_count","room_id":"1","data":{"room_id":"1","online":3,"members":9}}""", Text(new OnlineCountEvent("1", 3, 9)));
        Assert.Equal(
            """{"type":"presence_state","room_id":"1","data":{"users":[{"user_id":"u1","username":"Ana","status":"online"}],"has_more":false}}""",
            Text(new PresenceStateEvent("1", [Ana], HasMore: false)));
        Assert.Equal("""{"type":"gap","room_id":"1","epoch":"e","data":{"room_id":"1","from_seq":3,"to_seq":9}}""", Text(new GapEvent("1", "e", 3, 9)));
        Assert.Equal("""{"type":"pong","ref":"r","data":{"server_time":"2030-01-01T12:00:00.007Z"}}""", Text(new PongEvent("r", NoonTime)));
        Assert.Equal("""{"type":"auth_ok","data":{"expires_at":"2030-01-01T12:00:00.007Z"}}""", Text(new AuthOkEvent(NoonTime, null)));
        Assert.Equal("""{"type":"auth_ok","ref":"r","data":{}}""", Text(new AuthOkEvent(null, "r")));
        Assert.Equal("""{"type":"token_expiring","data":{"expires_at":"2030-01-01T12:00:00.007Z"}}""", Text(new TokenExpiringEvent(NoonTime)));
        Assert.Equal("""{"type":"reconnect","data":{"reason":"drain","delay_ms":10,"jitter_ms":20}}""", Text(new ReconnectEvent("drain", 10, 20)));
    }

    [Fact]
    public void An_error_has_the_words_of_the_catalog_unless_there_are_better_ones()
    {
        Assert.Equal(
            """{"type":"error","ref":"r","data":{"message":"Rate limit exceeded","code":42901,"name":"rate_limited","temporary":true,"retry_after_ms":600}}""",
            Text(new ErrorEvent(ErrorCode.RateLimited, Ref: "r", RetryAfterMs: 600)));
        Assert.Equal(
            """{"type":"error","room_id":"1","data":{"message":"limit must be an integer, 1 to 100","code":40001,"name":"bad_request","temporary":false}}""",
            Text(new ErrorEvent(ErrorCode.BadRequest, "limit must be an integer, 1 to 100", RoomId: "1")));
    }

    [Fact]
    public void Connected_says_who_where_and_what_the_limits_are()
    {
        var caller = new Caller("u1", "Ana", "user", "https://example.com/a.png", null, null, null);
        var snapshot = new Snapshot { Epoch = "e", Seq = 1, Members = 2, Messages = { Message(1, "x") } };
        RoomSummary[] rooms = [new RoomSummary { RoomId = "1", Epoch = "e", Seq = 1, Role = "owner" }];

        var view = new RoomView("1", snapshot, [Ana], 1);
        var frame = Connected(caller) with { Rooms = rooms, Room = view, Shown = view.Fit(0) };

        Assert.Equal(
            """{"type":"connected","room_id":"1","seq":1,"epoch":"e","data":{"room_id":"1","epoch":"e","seq":1,"recovered":false,"members":2,"count":1,"active_users":[{"user_id":"u1","username":"Ana","status":"online"}],"history":[{"id":"m1","seq":1,"user_id":"u","username":"U","content":"x","created_at":"2030-01-01T12:00:00.007Z"}],"connection_id":"c","session_id":"s","user":{"user_id":"u1","username":"Ana","role":"user","avatar":"https://example.com/a.png"},"rooms":[{"room_id":"1","epoch":"e","seq":1,"read_seq":0,"unread":0,"role":"owner"}],"heartbeat_ms":25000,"server_time":"2030-01-01T12:00:00.007Z","limits":{"content_length":1000,"frame_bytes":65536,"events_per_minute":100,"burst":20,"rooms_per_connection":128,"connections_per_user":20,"history_page":100}}}""",
            Text(frame));
    }

    [Fact]
    public void Connected_without_a_room_has_empty_lists()
    {
        var frame = Connected(new Caller("u1", "Ana", "user", null, null, null, null));

        using var json = JsonDocument.Parse(Json(frame));
        var data = json.RootElement.GetProperty("data");
        Assert.False(json.RootElement.TryGetProperty("room_id", out _));
        Assert.Equal((0, 0, 0), (data.GetProperty("active_users").GetArrayLength(), data.GetProperty("history").GetArrayLength(), data.GetProperty("rooms").GetArrayLength()));
    }

    [Fact]
    public void An_event_is_encoded_once_and_deflated_once()
    {
        var message = new RawEvent("{\"content\":\"" + new string('a', 500) + "\"}");
        var (plain, deflated) = (message.In(RawEvent.Format), message.In(RawEvent.Format.Deflated));

        Assert.True(plain.Equals(message.In(RawEvent.Format))); // As memory: the same bytes, not equal ones.
        Assert.True(deflated.Equals(message.In(RawEvent.Format.Deflated)));
        Assert.Equal(0xC1, deflated.Span[0]);
        Assert.Equal(Inflation.Done, MessageInflater.Inflate(deflated.Span[2..], message.Text.Length, out var inflated).Inflation);
        Assert.Equal(message.Text, Encoding.UTF8.GetString(inflated.AsSpan(0, message.Text.Length)));
    }

    [Fact]
    public void A_changed_copy_is_encoded_anew()
    {
        var pong = new PongEvent("a", NoonTime);
        Assert.Contains("\"a\"", Text(pong), StringComparison.Ordinal);

        Assert.Contains("\"b\"", Text(pong with { Ref = "b" }), StringComparison.Ordinal);
    }

    [Fact]
    public void What_would_not_become_smaller_and_control_frames_stay_plain()
    {
        Assert.Equal("{}"u8.ToArray(), new RawEvent("{}").In(RawEvent.Format.Deflated)[2..].ToArray());
        Assert.Equal([0x89, 0], AreYouThereEvent.Instance.In(RawEvent.Format.Deflated).ToArray());
        Assert.Equal([0x88, 2, 0x0F, 0xA3], new CloseEvent(CloseCode.SlowConsumer, "").In(RawEvent.Format.Deflated).ToArray());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_page_that_is_too_large_is_cut_on_the_side_that_can_be_had_later(bool recovered)
    {
        var snapshot = new Snapshot { Epoch = "e", Seq = 300, Recovered = recovered };
        snapshot.Messages.AddRange(Enumerable.Range(1, 300).Select(seq => Message(seq, string.Concat(Enumerable.Repeat("€😀", 100)))));

        var frame = JoinedEvent.Fit(new RoomView("1", snapshot, [], 500), "r");
        var taken = frame.Shown.History.Count;

        Assert.InRange(Json(frame).Length, 32 * 1024, ServerEvent.MaxBytes);
        Assert.Equal(recovered ? Enumerable.Range(1, taken) : Enumerable.Range(301 - taken, taken), Seqs(frame, "history"));
    }

    [Fact]
    public void A_history_page_that_is_too_large_says_that_there_is_more()
    {
        var messages = Enumerable.Range(1, 100).Select(seq => Message(seq, new string('\u0001', 1000))).ToArray();

        var newest = HistoryEvent.Fit("1", "r", messages, hasMore: false);
        var oldest = HistoryEvent.Fit("1", "r", messages, hasMore: false, newest: false);

        Assert.Equal((100, 1), (Seqs(newest, "items").Last(), Seqs(oldest, "items").First()));
        foreach (var frame in new[] { newest, oldest })
        {
            Assert.InRange(Json(frame).Length, 1, ServerEvent.MaxBytes);
            Assert.InRange(Seqs(frame, "items").Count(), 1, 99);
            Assert.EndsWith("\"has_more\":true}}", Text(frame), StringComparison.Ordinal);
        }
    }

    private static ConnectedEvent Connected(Caller caller) => new()
    {
        ConnectionId = "c",
        SessionId = "s",
        User = caller,
        Limits = new LimitOptions(),
        Heartbeat = TimeSpan.FromSeconds(25),
        ServerTime = NoonTime,
        Rooms = [],
    };

    private static Message Message(long seq, string content) => new()
    {
        MessageId = $"m{seq}",
        Seq = seq,
        UpdatedSeq = seq,
        UserId = "u",
        Username = "U",
        Content = content,
        CreatedAtMs = Noon,
    };

    private static ReadOnlyMemory<byte> Json(ServerEvent serverEvent)
    {
        var frame = serverEvent.In(Format);
        return frame[(frame.Length - WebSocketFrames.Payload(frame.Span).Length)..];
    }

    private static string Text(ServerEvent frame) => Encoding.UTF8.GetString(Json(frame).Span);

    private static IEnumerable<int> Seqs(ServerEvent frame, string list) =>
        [.. JsonDocument.Parse(Json(frame)).RootElement.GetProperty("data").GetProperty(list).EnumerateArray().Select(item => item.GetProperty("seq").GetInt32())];
}
