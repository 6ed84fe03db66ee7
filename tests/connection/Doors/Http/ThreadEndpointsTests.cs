using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Tests.Doors.Http;

public sealed class ThreadEndpointsTests : IAsyncLifetime
{
    private const string Answer = """{"room_id":"lobby","thread_root":"m3","following":true,"read_seq":5,"unread":1,"last_seq":9}""";

    private readonly List<MarkThreadRequest> _marked = [];
    private HttpHost _host = null!;

    public async Task InitializeAsync()
    {
        _host = await HttpHost.StartAsync(("Limits:EventsPerMinute", "0"));
        _host.Calls.On<GetMessageRequest, GetMessageReply>("GetMessage", _ => new GetMessageReply { RoomId = "lobby" });
        _host.Calls.On<GetThreadRequest, ThreadPage>("GetThread", request => request.Actor.UserId == "ana"
            ? new ThreadPage { Root = new Message { MessageId = "m3", Seq = 3 }, Messages = { new Message { MessageId = "m9", Seq = 9 } } }
            : throw RpcErrors.Refuse(ErrorCode.NotMember));
        _host.Calls.On<MarkThreadRequest, ThreadUnread>("MarkThread", request =>
        {
            _marked.Add(request);
            return new ThreadUnread { RoomId = request.RoomId, RootId = request.RootId, ReadSeq = 5, Unread = 1, LastSeq = 9, Following = true };
        });
    }

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Fact]
    public async Task A_thread_is_read_and_followed()
    {
        var read = await _host.SendAsync(HttpMethod.Put, "/api/v1/rooms/lobby/read", "ana", """{"seq":5,"thread_root":"m9"}""");
        var followed = await _host.SendAsync(HttpMethod.Put, "/api/v1/messages/m9/following", "ana");
        var unfollowed = await _host.SendAsync(HttpMethod.Delete, "/api/v1/messages/m9/following", "ana");

        Assert.Equal([(200, Answer), (200, Answer), (200, Answer)], [(read.Status, read.Body), (followed.Status, followed.Body), (unfollowed.Status, unfollowed.Body)]);
        Assert.Equal(
            [
                new MarkThreadRequest { UserId = "ana", RoomId = "lobby", RootId = "m3", ReadSeq = 5 },
                new MarkThreadRequest { UserId = "ana", RoomId = "lobby", RootId = "m3", ReadSeq = 9, Following = true },
                new MarkThreadRequest { UserId = "ana", RoomId = "lobby", RootId = "m3", Following = false },
            ],
            _marked);
    }

    [Fact]
    public async Task Who_may_not_read_the_room_is_not_told_that_there_is_such_a_message()
    {
        Assert.Equal((404, 40402, "message_not_found"), (await _host.SendAsync(HttpMethod.Put, "/api/v1/messages/m9/following", "eva")).Problem);
        Assert.Equal((403, 40302, "not_member"), (await _host.SendAsync(HttpMethod.Put, "/api/v1/rooms/lobby/read", "eva", """{"seq":5,"thread_root":"m9"}""")).Problem);
        Assert.Empty(_marked);
    }

    [Fact]
    public async Task The_threads_that_one_follows_are_paged()
    {
        ListThreadsRequest? asked = null;
        _host.Calls.On<ListThreadsRequest, ListThreadsReply>("ListThreads", request =>
        {
            asked = request;
            return new ListThreadsReply { Threads = { new ThreadUnread { RoomId = "lobby", RootId = "m3", LastSeq = 9, Following = true, LastReplyAtMs = 9_000 } } };
        });

        var page = await _host.SendAsync(HttpMethod.Get, "/api/v1/threads?unread_only=true&cursor=7.m1&limit=3", "ana");

        Assert.Equal(
            """{"items":[{"room_id":"lobby","thread_root":"m3","following":true,"read_seq":0,"unread":0,"last_seq":9,"last_reply_at":"1970-01-01T00:00:09.000Z"}],"has_more":false}""",
            page.Body);
        Assert.Equal(new ListThreadsRequest { UserId = "ana", UnreadOnly = true, Cursor = "7.m1", Limit = 3 }, asked);
    }

    [Theory]
    [InlineData("limit=0")]
    [InlineData("limit=101")]
    [InlineData("cursor=%00")]
    public async Task A_page_that_makes_no_sense_is_refused(string query) =>
        Assert.Equal(400, (await _host.SendAsync(HttpMethod.Get, $"/api/v1/threads?{query}", "ana")).Status);
}
