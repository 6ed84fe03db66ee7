using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Tests.Doors.Http;

public sealed class NotificationEndpointsTests : IAsyncLifetime
{
    private const string Path = "/api/v1/notifications";

    private HttpHost _host = null!;

    public async Task InitializeAsync() => _host = await HttpHost.StartAsync(("Limits:EventsPerMinute", "0"));

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Fact]
    public async Task The_inbox_is_paged_and_counted()
    {
        GetInboxRequest? asked = null;
        _host.Calls.On<GetInboxRequest, Inbox>("GetInbox", request =>
        {
            asked = request;
            return new Inbox
            {
                Unread = 2, LastUseq = 7, HasMore = true,
                Notifications = { new Notification { NotificationId = "n1", Useq = 7, Kind = "mention", Title = "t", Body = "b", CreatedAtMs = 7_000 } },
            };
        });

        var page = await _host.SendAsync(HttpMethod.Get, Path + "?before_useq=9&limit=1&unread_only=true", "ana");
        Assert.Equal(new GetInboxRequest { UserId = "ana", BeforeUseq = 9, Limit = 1, UnreadOnly = true }, asked);
        Assert.Equal((200,
            """{"unread":2,"last_useq":7,"items":[{"id":"n1","useq":7,"kind":"mention","title":"t","body":"b","created_at":"1970-01-01T00:00:07.000Z","read":false}],"has_more":true}"""),
            (page.Status, page.Body));

        var count = await _host.SendAsync(HttpMethod.Get, Path + "/count", "ana");
        Assert.Equal((200, """{"unread":2,"last_useq":7}"""), (count.Status, count.Body));
        Assert.Equal(new GetInboxRequest { UserId = "ana" }, asked);
    }

    [Theory]
    [InlineData("""{"ids":["n1","n2"]}""", """{ "userId": "ana", "notificationIds": [ "n1", "n2" ] }""")]
    [InlineData("""{"up_to_useq":7}""", """{ "userId": "ana", "upToUseq": "7" }""")]
    [InlineData("""{"all":true}""", """{ "userId": "ana", "all": true }""")]
    public async Task Notifications_are_marked_as_read(string body, string expected)
    {
        MarkReadRequest? asked = null;
        _host.Calls.On<MarkReadRequest, NotificationsRead>("MarkRead", request =>
        {
            asked = request;
            return new NotificationsRead { UpToUseq = 7, Unread = 1 };
        });

        var answer = await _host.SendAsync(HttpMethod.Post, Path + "/read", "ana", body);

        Assert.Equal((200, """{"up_to_useq":7,"unread":1}"""), (answer.Status, answer.Body));
        Assert.Equal(MarkReadRequest.Parser.ParseJson(expected), asked);
    }

    [Fact]
    public async Task Preferences_come_back_as_they_were_set()
    {
        NotificationPreferences kept = new();
        _host.Calls.On<SetPreferencesRequest, NotificationPreferences>("SetPreferences", request => kept = request.Preferences);
        _host.Calls.On<GetPreferencesRequest, NotificationPreferences>("GetPreferences", _ => kept);
        const string Body = """
            {"level":"mentions","mute_until":"2026-11-28T09:00:00.000Z","kinds":{"reply":{"off":true},"mention":{"sound":""}},"rooms":{"lobby":{"level":"none","kinds":{}}},"quiet_hours":{"start":"22:00","end":"07:00","zone":"Europe/Madrid"},"keywords":["café"],"digest":{"every":"daily","at":"08:30","zone":"Europe/Madrid"}}
            """;

        Assert.Equal("""{"level":"all","kinds":{},"rooms":{},"keywords":[]}""", (await _host.SendAsync(HttpMethod.Get, Path + "/preferences", "ana")).Body);
        Assert.Equal(Body, (await _host.SendAsync(HttpMethod.Put, Path + "/preferences", "ana", Body)).Body);
        Assert.Equal(Body, (await _host.SendAsync(HttpMethod.Get, Path + "/preferences", "ana")).Body);
        Assert.Equal(DateTimeOffset.Parse("2026-11-28T09:00:00Z", null).ToUnixTimeMilliseconds(), kept.MuteUntilMs);
    }

    [Fact]
    public async Task Preferences_of_rooms_that_a_token_may_not_read_are_not_shown_not_set_and_stay()
    {
        var kept = new NotificationPreferences { Rooms = { ["secret"] = new RoomPreferences { Level = "all" }, ["lobby"] = new RoomPreferences { Level = "none" } } };
        _host.Calls.On<SetPreferencesRequest, NotificationPreferences>("SetPreferences", request => (kept = request.Preferences.Clone()).Clone());
        _host.Calls.On<GetPreferencesRequest, NotificationPreferences>("GetPreferences", _ => kept.Clone());
        var token = _host.Token("ana", rooms: new Dictionary<string, string[]> { ["lobby"] = ["read"] });

        var shown = await _host.SendRawAsync(HttpMethod.Get, Path + "/preferences", token);
        var refused = await _host.SendRawAsync(HttpMethod.Put, Path + "/preferences", token, """{"rooms":{"secret":{"level":"none"}}}"""u8.ToArray());
        var set = await _host.SendRawAsync(HttpMethod.Put, Path + "/preferences", token, """{"level":"mentions"}"""u8.ToArray());

        Assert.Equal("""{"level":"all","kinds":{},"rooms":{"lobby":{"level":"none","kinds":{}}},"keywords":[]}""", shown.Body);
        Assert.Equal((403, 40301, "forbidden"), refused.Problem);
        Assert.Equal("""{"level":"mentions","kinds":{},"rooms":{},"keywords":[]}""", set.Body);
        Assert.Equal(("mentions", "all"), (kept.Level, Assert.Single(kept.Rooms).Value.Level));
    }

    [Fact]
    public async Task A_token_does_not_see_what_is_said_in_rooms_that_it_may_not_read()
    {
        _host.Calls.On<GetInboxRequest, Inbox>("GetInbox", _ => new Inbox
        {
            Unread = 3, LastUseq = 7,
            Notifications =
            {
                new Notification
                {
                    NotificationId = "n3", Useq = 7, Kind = "mention", Title = "Zoe · other", Body = "secret", Link = "/rooms/other", Sound = "s", RoomId = "other",
                    MessageId = "m", Seq = 3, UserId = "zoe", Username = "Zoe",
                },
                new Notification { NotificationId = "n2", Useq = 6, Kind = "mention", Title = "t", Body = "seen", RoomId = "lobby" },
                new Notification { NotificationId = "n1", Useq = 5, Kind = "billing", Title = "t", Body = "server" },
            },
        });
        var token = _host.Token("ana", rooms: new Dictionary<string, string[]> { ["lobby"] = ["read"], ["other"] = ["write"] });

        var items = (await _host.SendRawAsync(HttpMethod.Get, Path, token)).Json.GetProperty("items");

        Assert.Equal("""{"id":"n3","useq":7,"kind":"mention","title":"","body":"","created_at":"1970-01-01T00:00:00.000Z","read":false}""", items[0].GetRawText());
        Assert.Equal(("seen", "server"), (items[1].GetProperty("body").GetString(), items[2].GetProperty("body").GetString()));
    }

    [Fact]
    public async Task A_digest_tells_how_much_there_is_in_which_room_and_names_none_that_a_token_may_not_read()
    {
        _host.Calls.On<GetInboxRequest, Inbox>("GetInbox", _ => new Inbox
        {
            Notifications =
            {
                new Notification
                {
                    NotificationId = "n1", Useq = 5, Kind = "digest", Title = "3 unread notifications", Body = "Lobby: 2\nOther: 1",
                    Rooms = { new RoomTally { RoomId = "lobby", Name = "Lobby", Count = 2 }, new RoomTally { Name = "Other", Count = 1 } },
                },
            },
        });

        var all = (await _host.SendAsync(HttpMethod.Get, Path, "ana")).Json.GetProperty("items")[0];
        var narrowed = (await _host.SendRawAsync(HttpMethod.Get, Path, _host.Token("ana", rooms: new Dictionary<string, string[]> { ["team"] = ["read"] }))).Json.GetProperty("items")[0];

        Assert.Equal("""[{"room_id":"lobby","name":"Lobby","count":2},{"name":"Other","count":1}]""", all.GetProperty("rooms").GetRawText());
        Assert.Equal("""{"id":"n1","useq":5,"kind":"digest","title":"","body":"","created_at":"1970-01-01T00:00:00.000Z","read":false}""", narrowed.GetRawText());
    }

    [Theory]
    [InlineData("GET", "?limit=101", null, 40001)]
    [InlineData("GET", "?before_useq=0", null, 40001)]
    [InlineData("POST", "/read", "{", 40002)]
    [InlineData("POST", "/read", """{"ids":7}""", 40001)]
    [InlineData("POST", "/read", """{"ids":[null]}""", 40001)]
    [InlineData("PUT", "/preferences", "null", 40001)]
    [InlineData("PUT", "/preferences", """{"level":"some"}""", 40001)]
    public async Task What_makes_no_sense_is_refused(string method, string path, string? body, int code)
    {
        _host.Calls.On<SetPreferencesRequest, NotificationPreferences>("SetPreferences", Task<NotificationPreferences> (_) => throw RpcErrors.Refuse(ErrorCode.BadRequest));

        var answer = await _host.SendAsync(new HttpMethod(method), Path + path, "ana", body);

        Assert.Equal((400, code), (answer.Problem.Status, answer.Problem.Code));
    }
}
