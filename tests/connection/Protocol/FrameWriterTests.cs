using System.Text;
using System.Text.Json;
using Google.Protobuf;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Protocol;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Tests.Protocol;

public sealed class FrameWriterTests
{
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

        var frame = FrameWriter.Message("lobby", "e1", entry);

        Assert.Equal(
            """{"type":"message","room_id":"lobby","seq":42,"epoch":"e1","data":{"id":"m1","seq":42,"user_id":"u1","username":"Ana <3 \"ñ\"","content":"a<b>&'éж中\n\\\u0001\uD83D\uDE00","created_at":"2030-01-01T12:00:00.007Z","client_msg_id":"c1","reply_to":"m0","metadata":{"k": [1]}}}""",
            Text(frame));
        Assert.Equal(FrameClass.Durable, frame.Class);
    }

    [Fact]
    public void A_live_message_without_options_leaves_them_out()
    {
        var entry = new RoomEvent { Seq = 1, CreatedAtMs = Noon, UserId = "1", Username = "1", Message = new MessageCreated { MessageId = "m", Content = "x" } };

        Assert.Equal(
            """{"type":"message","room_id":"1","seq":1,"epoch":"e","data":{"id":"m","seq":1,"user_id":"1","username":"1","content":"x","created_at":"2030-01-01T12:00:00.007Z"}}""",
            Text(FrameWriter.Message("1", "e", entry)));
    }

    [Fact]
    public void A_sent_message_has_id_and_time_at_the_top_and_in_data()
    {
        Assert.Equal(
            """{"type":"message_sent","room_id":"1","seq":7,"epoch":"e","ref":"r","message_id":"m","timestamp":"2030-01-01T12:00:00.007Z","data":{"message_id":"m","client_msg_id":"c","seq":7,"timestamp":"2030-01-01T12:00:00.007Z","duplicate":true}}""",
            Text(FrameWriter.MessageSent("1", "e", "r", "m", "c", 7, Noon, duplicate: true)));
    }

    [Fact]
    public void The_small_frames()
    {
        Assert.Equal("""{"type":"left","room_id":"1","ref":"r","data":{"room_id":"1"}}""", Text(FrameWriter.Left("1", "r")));
        Assert.Equal("""{"type":"user_joined","room_id":"1","data":{"user_id":"u1","username":"Ana"}}""", Text(FrameWriter.UserJoined("1", Ana)));
        Assert.Equal("""{"type":"user_left","room_id":"1","data":{"user_id":"u1","username":"Ana"}}""", Text(FrameWriter.UserLeft("1", Ana)));
        Assert.Equal("""{"type":"typing","room_id":"1","data":{"user_id":"u1","username":"Ana","is_typing":true}}""", Text(FrameWriter.Typing("1", "u1", "Ana", true)));
        Assert.Equal("""{"type":"online_count","room_id":"1","data":{"room_id":"1","online":3,"members":9}}""", Text(FrameWriter.OnlineCount("1", 3, 9)));
        Assert.Equal("""{"type":"gap","room_id":"1","epoch":"e","data":{"room_id":"1","from_seq":3,"to_seq":9}}""", Text(FrameWriter.Gap("1", "e", 3, 9)));
        Assert.Equal("""{"type":"pong","ref":"r","data":{"server_time":"2030-01-01T12:00:00.007Z"}}""", Text(FrameWriter.Pong("r", NoonTime)));
        Assert.Equal("""{"type":"auth_ok","data":{"expires_at":"2030-01-01T12:00:00.007Z"}}""", Text(FrameWriter.AuthOk(NoonTime, null)));
        Assert.Equal("""{"type":"auth_ok","ref":"r","data":{}}""", Text(FrameWriter.AuthOk(null, "r")));
        Assert.Equal("""{"type":"token_expiring","data":{"expires_at":"2030-01-01T12:00:00.007Z"}}""", Text(FrameWriter.TokenExpiring(NoonTime)));
        Assert.Equal("""{"type":"reconnect","data":{"reason":"drain","delay_ms":10,"jitter_ms":20}}""", Text(FrameWriter.Reconnect("drain", 10, 20)));
    }

    [Fact]
    public void An_error_has_the_words_of_the_catalog_unless_there_are_better_ones()
    {
        Assert.Equal(
            """{"type":"error","ref":"r","data":{"message":"Rate limit exceeded","code":42901,"name":"rate_limited","temporary":true,"retry_after_ms":600}}""",
            Text(FrameWriter.Error(ErrorCode.RateLimited, reference: "r", retryAfterMs: 600)));
        Assert.Equal(
            """{"type":"error","room_id":"1","data":{"message":"limit must be an integer, 1 to 100","code":40001,"name":"bad_request","temporary":false}}""",
            Text(FrameWriter.Error(ErrorCode.BadRequest, "limit must be an integer, 1 to 100", roomId: "1")));
    }

    [Fact]
    public void Connected_says_who_where_and_what_the_limits_are()
    {
        var caller = new Caller("u1", "Ana", "user", "https://example.com/a.png", null, null, null);
        var snapshot = new Snapshot { Epoch = "e", Seq = 1, Members = 2, Messages = { Message(1, "x") } };
        RoomSummary[] rooms = [new RoomSummary { RoomId = "1", Epoch = "e", Seq = 1, Role = "owner" }];

        var frame = FrameWriter.Connected(
            "c", "s", caller, new LimitOptions(), TimeSpan.FromSeconds(25), NoonTime, rooms, new RoomView("1", snapshot, [Ana], 1), out var taken);

        Assert.Equal(1, taken);
        Assert.Equal(
            """{"type":"connected","room_id":"1","seq":1,"epoch":"e","data":{"room_id":"1","epoch":"e","seq":1,"recovered":false,"members":2,"count":1,"active_users":[{"user_id":"u1","username":"Ana","status":"online"}],"history":[{"id":"m1","seq":1,"user_id":"u","username":"U","content":"x","created_at":"2030-01-01T12:00:00.007Z"}],"connection_id":"c","session_id":"s","user":{"user_id":"u1","username":"Ana","role":"user","avatar":"https://example.com/a.png"},"rooms":[{"room_id":"1","epoch":"e","seq":1,"role":"owner"}],"heartbeat_ms":25000,"server_time":"2030-01-01T12:00:00.007Z","limits":{"content_length":1000,"frame_bytes":65536,"events_per_minute":100,"burst":20,"rooms_per_connection":128,"connections_per_user":20,"history_page":100}}}""",
            Text(frame));
    }

    [Fact]
    public void Connected_without_a_room_has_empty_lists()
    {
        var frame = FrameWriter.Connected(
            "c", "s", new Caller("u1", "Ana", "user", null, null, null, null), new LimitOptions(), TimeSpan.FromSeconds(25), NoonTime, [], null, out _);

        using var json = JsonDocument.Parse(frame.Json);
        var data = json.RootElement.GetProperty("data");
        Assert.False(json.RootElement.TryGetProperty("room_id", out _));
        Assert.Equal((0, 0, 0), (data.GetProperty("active_users").GetArrayLength(), data.GetProperty("history").GetArrayLength(), data.GetProperty("rooms").GetArrayLength()));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_page_that_is_too_large_is_cut_on_the_side_that_can_be_had_later(bool recovered)
    {
        var snapshot = new Snapshot { Epoch = "e", Seq = 300, Recovered = recovered };
        snapshot.Messages.AddRange(Enumerable.Range(1, 300).Select(seq => Message(seq, string.Concat(Enumerable.Repeat("€😀", 100)))));

        var frame = FrameWriter.Joined(new RoomView("1", snapshot, [], 500), "r", out var taken);

        Assert.InRange(frame.Json.Length, 32 * 1024, FrameWriter.MaxFrameBytes);
        Assert.Equal(recovered ? Enumerable.Range(1, taken) : Enumerable.Range(301 - taken, taken), Seqs(frame, "history"));
    }

    [Fact]
    public void A_history_page_that_is_too_large_says_that_there_is_more()
    {
        var messages = Enumerable.Range(1, 100).Select(seq => Message(seq, new string('\u0001', 1000))).ToArray();

        var newest = FrameWriter.History("1", "r", messages, hasMore: false);
        var oldest = FrameWriter.History("1", "r", messages, hasMore: false, newest: false);

        Assert.Equal((100, 1), (Seqs(newest, "items").Last(), Seqs(oldest, "items").First()));
        foreach (var frame in new[] { newest, oldest })
        {
            Assert.InRange(frame.Json.Length, 1, FrameWriter.MaxFrameBytes);
            Assert.InRange(Seqs(frame, "items").Count(), 1, 99);
            Assert.EndsWith("\"has_more\":true}}", Text(frame), StringComparison.Ordinal);
        }
    }

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

    private static string Text(EncodedFrame frame) => Encoding.UTF8.GetString(frame.Json.Span);

    private static IEnumerable<int> Seqs(EncodedFrame frame, string list) =>
        [.. JsonDocument.Parse(frame.Json).RootElement.GetProperty("data").GetProperty(list).EnumerateArray().Select(item => item.GetProperty("seq").GetInt32())];
}
