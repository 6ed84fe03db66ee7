using System.Text;
using Grpc.Core;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Notifying;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Notifying;

/// <summary>The inbox of a user, as devices see it.</summary>
public sealed class NotificationTests : IAsyncLifetime
{
    private TestNode _node = null!;

    public async Task InitializeAsync()
    {
        _node = await TestNode.StartAsync();
        _node.Calls.On<LocateUsersRequest, LocateUsersReply>("LocateUsers", request => new LocateUsersReply
        {
            Users = { request.UserIds.Select(id => new UserNodes { UserId = id, NodeIds = { _node.Id } }) },
        });
    }

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task A_device_for_notifications_is_greeted_with_the_newest_and_the_count()
    {
        _node.Calls.On<GetInboxRequest, Inbox>("GetInbox", request => new Inbox
        {
            Unread = 3, LastUseq = 9, HasMore = true, Notifications = { new Notification { NotificationId = $"of {request.UserId}", Useq = 9, Kind = "mention" } },
        });
        await using var ana = _node.NewClient(Opening("ana"));
        await ana.OpenAsync();

        var greeting = await ana.NextAsync("connected", "the greeting");

        var notifications = greeting.Data.GetProperty("notifications");
        Assert.Equal((3, 9, true), (notifications.GetProperty("unread").GetInt32(), notifications.GetProperty("last_useq").GetInt32(), notifications.GetProperty("has_more").GetBoolean()));
        Assert.Equal("of ana", notifications.GetProperty("items")[0].GetProperty("id").GetString());
        Assert.Equal("ana", greeting.Data.GetProperty("user").GetProperty("user_id").GetString());
    }

    [Fact]
    public async Task What_comes_between_the_inbox_and_the_greeting_is_sent_to_the_node_because_presence_knows_of_it()
    {
        var seen = false;
        _node.Calls.On<LocateUsersRequest, LocateUsersReply>("LocateUsers", request =>
        {
            var reply = new LocateUsersReply();
            if (seen)
            {
                reply.Users.Add(new UserNodes { UserId = "ana", NodeIds = { "another", _node.Id } });
            }

            return reply;
        });
        var asked = 0;
        _node.Calls.On<GetInboxRequest, Inbox>("GetInbox", _ =>
        {
            asked++;
            return new Inbox();
        });
        await using var ana = _node.NewClient(Opening("ana"));
        await ana.OpenAsync();
        _node.Time.Advance(TimeSpan.FromMilliseconds(60));
        Assert.Equal(0, asked);

        seen = true;
        for (var greeted = ana.NextAsync("connected", "the greeting"); !greeted.IsCompleted; await Task.Yield())
        {
            _node.Time.Advance(TimeSpan.FromMilliseconds(1));
        }

        Assert.Equal(1, asked);
    }

    [Fact]
    public async Task A_device_whose_inbox_cannot_be_read_is_told_and_comes_back()
    {
        _node.Calls.On<GetInboxRequest, Inbox>("GetInbox", Task<Inbox> (_) => throw RpcErrors.Refuse(ErrorCode.BadRequest));
        await using var ana = _node.NewClient(Opening("ana"));
        await ana.OpenAsync();

        Assert.Equal(40001, (await ana.NextAsync("error", "the refusal")).Code);
        await Eventually.HoldsAsync(() => ana.Session.Outbox.IsClosing, "it is closed");
    }

    [Fact]
    public async Task A_page_is_asked_for_and_answered()
    {
        GetInboxRequest? asked = null;
        _node.Calls.On<GetInboxRequest, Inbox>("GetInbox", request =>
        {
            asked = request;
            return new Inbox { Unread = 1, LastUseq = 4, Notifications = { new Notification { NotificationId = "n2", Useq = 2 } } };
        });
        await using var ana = await _node.ConnectAsync("ana");

        await ana.SendAsync(Read("""{"type":"notifications","ref":"p","before_useq":3,"limit":10,"unread_only":true}"""));

        var page = await ana.NextAsync("notifications", "the page");
        Assert.Equal(("p", 2, false), (page.Ref, page.Data.GetProperty("items")[0].GetProperty("useq").GetInt32(), page.Data.GetProperty("has_more").GetBoolean()));
        Assert.Equal(new GetInboxRequest { UserId = "ana", BeforeUseq = 3, Limit = 10, UnreadOnly = true }, asked);
    }

    [Fact]
    public async Task A_device_with_a_narrowed_token_is_told_without_what_is_said_elsewhere()
    {
        var secret = new Notification { NotificationId = "n1", Useq = 1, Kind = "mention", Body = "secret", RoomId = "other" };
        _node.Calls.On<GetInboxRequest, Inbox>("GetInbox", _ => new Inbox { Notifications = { secret } });
        var grants = Connections.Auth.RoomGrants.Parse(System.Text.Json.JsonDocument.Parse("""{"lobby":["read"]}""").RootElement);
        await using var narrow = _node.NewClient(new SessionOpening(TestClient.User("ana") with { Grants = grants }, null, null, null, null) { IsForNotifications = true });
        await using var ana = await _node.ConnectAsync("ana");
        await narrow.OpenAsync();
        var greeting = await narrow.NextAsync("connected", "the greeting");
        await _node.TellAsync(new NodeBatch { UserEvents = { new UserEvent { UserId = "ana", Notification = secret } } });
        var told = await narrow.NextAsync("notification", "the notification");
        await narrow.SendAsync(Read("""{"type":"notifications","ref":"p"}"""));

        var page = await narrow.NextAsync("notifications", "the page");
        Assert.Equal((1, ""), (told.Number("useq"), told.Text("body")));
        Assert.Equal("", page.Data.GetProperty("items")[0].GetProperty("body").GetString());
        Assert.Equal("", greeting.Data.GetProperty("notifications").GetProperty("items")[0].GetProperty("body").GetString());
        Assert.Equal("secret", (await ana.NextAsync("notification", "the notification")).Text("body"));
    }

    [Fact]
    public async Task A_page_that_is_larger_than_a_frame_is_cut()
    {
        _node.Calls.On<GetInboxRequest, Inbox>("GetInbox", _ => new Inbox
        {
            Unread = 100, LastUseq = 100, Notifications = { Enumerable.Range(0, 100).Select(i => new Notification { Useq = 100 - i, Body = new string('ñ', 1_000) }) },
        });
        await using var ana = await _node.ConnectAsync("ana");

        await ana.SendAsync(Read("""{"type":"notifications","ref":"p"}"""));

        var page = await ana.NextAsync("notifications", "the page");
        Assert.InRange(page.Data.GetProperty("items").GetArrayLength(), 10, 60);
        Assert.True(page.Data.GetProperty("has_more").GetBoolean());
        Assert.Equal(100, page.Data.GetProperty("unread").GetInt32());
    }

    [Theory]
    [InlineData("""{"type":"notification_read","ref":"r","ids":["n1","n2"]}""", """{ "userId": "ana", "notificationIds": [ "n1", "n2" ] }""")]
    [InlineData("""{"type":"notification_read","ref":"r","up_to_useq":7}""", """{ "userId": "ana", "upToUseq": "7" }""")]
    [InlineData("""{"type":"notification_read","ref":"r","all":true}""", """{ "userId": "ana", "all": true }""")]
    public async Task Notifications_are_marked_as_read(string frame, string expected)
    {
        MarkReadRequest? asked = null;
        _node.Calls.On<MarkReadRequest, NotificationsRead>("MarkRead", request =>
        {
            asked = request;
            return new NotificationsRead { Unread = 5, UpToUseq = 7 };
        });
        await using var ana = await _node.ConnectAsync("ana");

        await ana.SendAsync(Read(frame));

        var answer = await ana.NextAsync("notification_read", "the answer");
        Assert.Equal(("r", 5, 7), (answer.Ref, answer.Number("unread"), answer.Number("up_to_useq")));
        Assert.Equal(ana.Session.ConnectionId, asked!.ConnectionId);
        asked.ConnectionId = "";
        Assert.Equal(MarkReadRequest.Parser.ParseJson(expected), asked);
    }

    [Theory]
    [InlineData("""{"type":"notification_read","ref":"r"}""")]
    [InlineData("""{"type":"notification_read","ref":"r","ids":[]}""")]
    [InlineData("""{"type":"notification_read","ref":"r","up_to_useq":7,"all":true}""")]
    public async Task What_names_none_or_too_much_is_refused(string frame)
    {
        await using var ana = await _node.ConnectAsync("ana");

        await ana.SendAsync(Read(frame));

        var error = await ana.NextAsync("error", "the refusal");
        Assert.Equal((40001, "r"), (error.Code, error.Ref));
    }

    [Fact]
    public async Task Reads_of_rooms_are_reported_once_a_second_the_last_one_of_each()
    {
        var reported = new List<RoomRead>();
        _node.Calls.On<MarkRoomsReadRequest, MarkRoomsReadReply>("MarkRoomsRead", request =>
        {
            lock (reported)
            {
                reported.AddRange(request.Rooms);
            }

            return new MarkRoomsReadReply();
        });
        await using var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);
        foreach (var seq in (long[])[4, 5])
        {
            await ana.SendAsync(Read($$"""{"type":"read","ref":"r","room_id":"lobby","seq":{{seq}}}"""));
            var command = await _node.CommandAsync(Command.BodyOneofCase.Read);
            await _node.ReplyAsync(command, reply => reply.Marked = new Marked { Epoch = TestNode.Epoch, ReadSeq = seq, LastSeq = 5 });
            await ana.NextAsync("unread", "the answer");
        }

        _node.Of<ReadReports>().Add("bruno", "lobby", 0); // Nothing is read.
        await Eventually.HoldsAsync(
            () =>
            {
                _node.Time.Advance(TimeSpan.FromMilliseconds(200));
                lock (reported)
                {
                    return reported.Count > 0;
                }
            },
            "the read is reported");
        Assert.Equal(new RoomRead { UserId = "ana", RoomId = "lobby", Seq = 5 }, Assert.Single(reported));
    }

    private static SessionOpening Opening(string userId) => new(TestClient.User(userId), null, null, null, null) { IsForNotifications = true };

    private ClientCommand Read(string json)
    {
        var reading = _node.Of<FrameReader>().Read(Encoding.UTF8.GetBytes(json));
        Assert.True(reading.Command is not null, reading.Detail);
        return reading.Command;
    }
}
