using System.Text;
using System.Text.Json;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Tests.Notifying;

/// <summary>The threads that a user follows, as devices see them.</summary>
public sealed class ThreadTests : IAsyncLifetime
{
    private readonly List<MarkThreadRequest> _marked = [];
    private TestNode _node = null!;

    public async Task InitializeAsync()
    {
        _node = await TestNode.StartAsync();
        _node.Calls.On<GetThreadRequest, ThreadPage>("GetThread", request => request.RootId is "m7" or "m3"
            ? new ThreadPage { Root = new Message { MessageId = "m3", Seq = 3 }, Messages = { new Message { MessageId = "m9", Seq = 9 } } }
            : throw RpcErrors.Refuse(ErrorCode.MessageNotFound));
        _node.Calls.On<MarkThreadRequest, ThreadUnread>("MarkThread", request =>
        {
            _marked.Add(request);
            return new ThreadUnread { RoomId = request.RoomId, RootId = request.RootId, ReadSeq = request.ReadSeq, Unread = 2, LastSeq = 9, Following = true };
        });
    }

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Theory]
    [InlineData("""{"type":"read","ref":"r","room_id":"lobby","seq":7,"thread_root":"m7"}""", """{ "userId": "ana", "roomId": "lobby", "rootId": "m3", "readSeq": "7" }""")]
    [InlineData("""{"type":"read","ref":"r","room_id":"lobby","seq":70,"thread_root":"m3"}""", """{ "userId": "ana", "roomId": "lobby", "rootId": "m3", "readSeq": "9" }""")]
    [InlineData("""{"type":"thread_follow","ref":"r","room_id":"lobby","thread_root":"m3"}""", """{ "userId": "ana", "roomId": "lobby", "rootId": "m3", "readSeq": "9", "following": true }""")]
    [InlineData("""{"type":"thread_unfollow","ref":"r","room_id":"lobby","thread_root":"m3"}""", """{ "userId": "ana", "roomId": "lobby", "rootId": "m3", "following": false }""")]
    public async Task A_thread_is_marked_no_further_than_it_goes(string frame, string expected)
    {
        await using var ana = await _node.ConnectAsync("ana");

        await ana.SendAsync(Read(frame));

        var answer = await ana.NextAsync("unread", "the answer");
        Assert.Equal(("r", "lobby", "m3", 2, 9, true), (answer.Ref, answer.Text("room_id"), answer.Text("thread_root"), answer.Number("unread"), answer.Number("last_seq"),
            answer.Data.GetProperty("following").GetBoolean()));
        Assert.Equal(MarkThreadRequest.Parser.ParseJson(expected), Assert.Single(_marked));
    }

    [Theory]
    [InlineData("""{"type":"read","ref":"r","room_id":"lobby","seq":7,"thread_root":"none"}""", 40402)]
    [InlineData("""{"type":"thread_follow","ref":"r","room_id":"lobby","thread_root":"none"}""", 40402)]
    [InlineData("""{"type":"threads","ref":"r","cursor":"none"}""", 40001)]
    public async Task What_is_refused_behind_is_told(string frame, int code)
    {
        _node.Calls.On<ListThreadsRequest, ListThreadsReply>("ListThreads", Task<ListThreadsReply> (_) => throw RpcErrors.Refuse(ErrorCode.BadRequest));
        await using var ana = await _node.ConnectAsync("ana");

        await ana.SendAsync(Read(frame));

        var error = await ana.NextAsync("error", "the refusal");
        Assert.Equal((code, "r"), (error.Code, error.Ref));
        Assert.Empty(_marked);
    }

    [Theory]
    [InlineData("""{"type":"thread_follow","room_id":"lobby"}""")]
    [InlineData("""{"type":"thread_unfollow","room_id":"lobby","thread_root":"a\u0000b"}""")]
    [InlineData("""{"type":"threads","limit":101}""")]
    [InlineData("""{"type":"threads","unread_only":"yes"}""")]
    public void A_frame_that_makes_no_sense_is_none(string frame) => Assert.Null(_node.Of<FrameReader>().Read(Encoding.UTF8.GetBytes(frame)).Command);

    [Fact]
    public async Task A_token_is_shown_and_told_of_threads_in_rooms_that_it_may_read()
    {
        ListThreadsRequest? asked = null;
        _node.Calls.On<ListThreadsRequest, ListThreadsReply>("ListThreads", request =>
        {
            asked = request;
            return new ListThreadsReply
            {
                HasMore = true, Cursor = "8.m2",
                Threads =
                {
                    new ThreadUnread { RoomId = "lobby", RootId = "m3", Unread = 2, ReadSeq = 4, LastSeq = 9, Following = true, LastReplyAtMs = 9_000 },
                    new ThreadUnread { RoomId = "secret", RootId = "m2", Unread = 1, LastSeq = 5, Following = true, LastReplyAtMs = 8_000 },
                },
            };
        });
        var grants = Connections.Auth.RoomGrants.Parse(JsonDocument.Parse("""{"lobby":["read"]}""").RootElement);
        await using var narrow = _node.NewClient(new SessionOpening(TestClient.User("ana") with { Grants = grants }, null, null, null, null));
        await narrow.OpenAsync();
        await narrow.NextAsync("connected", "the greeting");
        await using var wide = await _node.ConnectAsync("ana");
        await narrow.SendAsync(Read("""{"type":"threads","ref":"r","unread_only":true,"cursor":"9.m9","limit":2}"""));

        var page = await narrow.NextAsync("threads", "the page");
        Assert.Equal(new ListThreadsRequest { UserId = "ana", UnreadOnly = true, Cursor = "9.m9", Limit = 2 }, asked);
        Assert.Equal(
            """{"items":[{"room_id":"lobby","thread_root":"m3","following":true,"read_seq":4,"unread":2,"last_seq":9,"last_reply_at":"1970-01-01T00:00:09.000Z"}],"has_more":true,"cursor":"8.m2"}""",
            page.Data.GetRawText());

        await TellAsync("secret");
        await TellAsync("lobby");
        Assert.Equal("lobby", (await narrow.NextAsync("unread", "of the room that it may read")).Text("room_id"));
        Assert.Equal("secret", (await wide.NextAsync("unread", "of the other one")).Text("room_id"));
        Assert.Equal("lobby", (await wide.NextAsync("unread", "of this one, too")).Text("room_id"));
    }

    private Task TellAsync(string roomId) =>
        _node.TellAsync(new NodeBatch { UserEvents = { new UserEvent { UserId = "ana", ThreadUnread = new ThreadUnread { RoomId = roomId, RootId = "m3" } } } });

    private ClientCommand Read(string json)
    {
        var reading = _node.Of<FrameReader>().Read(Encoding.UTF8.GetBytes(json));
        Assert.True(reading.Command is not null, reading.Detail);
        return reading.Command;
    }
}
