using System.Text;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Tests.Verbs;

/// <summary>Lists of rooms and communities, between a client's frames and the services.</summary>
public sealed class RoomsTests : IAsyncLifetime
{
    private const long Time = 1_893_456_000_000;
    private TestNode _node = null!;
    private ListRoomDetailsRequest? _asked;

    public async Task InitializeAsync()
    {
        _node = await TestNode.StartAsync();
        Answer(new RoomDetailsPage { Rooms = { Lobby() } });
    }

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task A_room_is_listed_with_its_settings_what_is_unread_and_its_newest_message()
    {
        _node.Calls.On<GetRoomNoticesRequest, GetRoomNoticesReply>("GetRoomNotices", request =>
        {
            Assert.Equal(new GetRoomNoticesRequest { UserId = "ana", RoomIds = { "lobby" } }, request);
            return new GetRoomNoticesReply { Rooms = { new RoomNotices { RoomId = "lobby", Mentions = 2, Level = "mentions", MuteUntilMs = Time } } };
        });
        var ana = await _node.ConnectAsync("ana");

        await ana.SendAsync(Read("""{"type":"rooms","ref":"r1","cursor":"17.lobby","limit":2}"""));

        var list = await ana.NextAsync("rooms", "the list");
        Assert.Equal(("ana", "17.lobby", 2, "", false, null), (_asked!.Actor.UserId, _asked.Cursor, _asked.Limit, _asked.Community, _asked.Invited, _asked.Scope));
        Assert.Equal("r1", list.Ref);
        Assert.Equal(
            """
            {"rooms":[{"room_id":"lobby","epoch":"e1","seq":9,"kind":"public","name":"Lobby","community":"casa","slow_mode":0,"archived":false,"retention_days":0,"members":3,
            "role":"member","muted":true,"muted_until":"2030-01-01T00:00:00.000Z","read_seq":7,"unread":1,"mentions":2,"notify_level":"mentions",
            "notify_mute_until":"2030-01-01T00:00:00.000Z","last_message":{"id":"m9","seq":9,"user_id":"zoe","username":"Zoe","content":"hola",
            "created_at":"2030-01-01T00:00:00.000Z"}}],"has_more":false}
            """.ReplaceLineEndings(""),
            list.Data.GetRawText());
    }

    [Fact]
    public async Task Without_the_notification_service_the_list_comes_without_mentions()
    {
        var ana = await _node.ConnectAsync("ana");

        await ana.SendAsync(Read("""{"type":"rooms"}"""));

        var room = Assert.Single((await ana.NextAsync("rooms", "the list")).Items("rooms"));
        Assert.False(room.TryGetProperty("mentions", out _));
        Assert.Equal(1, room.GetProperty("unread").GetInt64());
    }

    [Fact]
    public async Task Of_rooms_that_do_not_fit_the_cursor_goes_on_after_the_last_that_does()
    {
        var page = new RoomDetailsPage();
        page.Rooms.AddRange(Enumerable.Range(1, 20).Select(i =>
        {
            var room = Lobby();
            (room.RoomId, room.Cursor, room.LastMessage.Content) = ($"room-{i}", $"9.room-{i}", new string('x', 10_000));
            return room;
        }));
        Answer(page);
        var ana = await _node.ConnectAsync("ana");

        await ana.SendAsync(Read("""{"type":"rooms"}"""));

        var list = await ana.NextAsync("rooms", "the list");
        Assert.InRange(Encoding.UTF8.GetByteCount(list.Raw), 1, 64 * 1024);
        Assert.Equal((5, true, "9.room-5"), (list.Items("rooms").Count, list.Flag("has_more"), list.Text("cursor")));
    }

    [Fact]
    public async Task A_direct_room_says_with_whom_and_a_room_of_others_says_nothing_of_reading()
    {
        Answer(new RoomDetailsPage
        {
            Rooms =
            {
                new RoomDetails { RoomId = "dm:1", Epoch = "e1", Seq = 4, Settings = new RoomSettings { Kind = "direct" }, Members = 2, Role = "member", OtherUserId = "bruno" },
                new RoomDetails { RoomId = "garden", Epoch = "e1", Seq = 5, Settings = new RoomSettings { Kind = "open" }, InvitedBy = "zoe" },
            },
        });
        var ana = await _node.ConnectAsync("ana");

        await ana.SendAsync(Read("""{"type":"rooms","invited":true}"""));

        var rooms = (await ana.NextAsync("rooms", "the list")).Items("rooms");
        Assert.True(_asked!.Invited);
        Assert.Equal("""{"user_id":"bruno","username":"bruno"}""", rooms[0].GetProperty("with").GetRawText());
        Assert.Equal("zoe", rooms[1].GetProperty("invited_by").GetString());
        Assert.All(new[] { "role", "unread", "read_seq", "muted", "mentions", "last_message" }, name => Assert.False(rooms[1].TryGetProperty(name, out _), name));
    }

    [Fact]
    public async Task A_token_that_names_rooms_says_which_may_be_listed()
    {
        _node.Calls.On<ListCommunitiesRequest, CommunitiesPage>("ListCommunities", request =>
        {
            Assert.Equal(new RoomScope { Patterns = { "lobby" } }, request.Scope);
            return new CommunitiesPage();
        });
        var grants = RoomGrants.Parse(System.Text.Json.JsonDocument.Parse("""{"lobby":["read"],"yard":["write"]}""").RootElement);
        var ana = _node.NewClient(new SessionOpening(TestClient.User("ana") with { Grants = grants }, null, null, null, null));
        await ana.OpenAsync();
        await ana.NextAsync("connected", "the greeting");

        await ana.SendAsync(Read("""{"type":"rooms","community":"casa"}"""));
        await ana.NextAsync("rooms", "the list");
        await ana.SendAsync(Read("""{"type":"communities"}"""));
        await ana.NextAsync("communities", "the list");

        Assert.Equal(("casa", null, new RoomScope { Patterns = { "lobby" } }), (_asked!.Community, _asked.Actor.Grant, _asked.Scope));
    }

    [Fact]
    public async Task A_room_is_described_and_a_refusal_is_told()
    {
        _node.Calls.On<DescribeRoomRequest, RoomDetails>("DescribeRoom", request => request.RoomId == "lobby" ? Lobby() : throw RpcErrors.Refuse(ErrorCode.Forbidden));
        var ana = await _node.ConnectAsync("ana");

        await ana.SendAsync(Read("""{"type":"room","room_id":"lobby","ref":"r1"}"""));
        var room = await ana.NextAsync("room", "the room");
        await ana.SendAsync(Read("""{"type":"room","room_id":"secret","ref":"r2"}"""));
        var error = await ana.NextAsync("error", "the refusal");

        Assert.Equal(("r1", "lobby", "Lobby", 1L), (room.Ref, room.Text("room_id"), room.Text("name"), room.Number("unread")));
        Assert.Equal((40301, "r2"), (error.Code, error.Ref));
    }

    [Fact]
    public async Task Communities_are_listed_with_their_main_rooms_settings_where_there_is_one()
    {
        _node.Calls.On<ListCommunitiesRequest, CommunitiesPage>("ListCommunities", request =>
        {
            Assert.Equal(("ana", "a", 2), (request.Actor.UserId, request.After, request.Limit));
            return new CommunitiesPage
            {
                Communities =
                {
                    new Community { CommunityId = "barrio", Rooms = 1 },
                    new Community { CommunityId = "casa", Settings = new RoomSettings { Kind = "private", Name = "Casa" }, Role = "owner", Rooms = 2, Unread = 5 },
                },
                HasMore = true,
            };
        });
        var ana = await _node.ConnectAsync("ana");

        await ana.SendAsync(Read("""{"type":"communities","cursor":"a","limit":2}"""));

        Assert.Equal(
            """
            {"items":[{"community":"barrio","rooms":1,"unread":0},{"community":"casa","kind":"private","name":"Casa","archived":false,"role":"owner","rooms":2,"unread":5}],"has_more":true,"cursor":"casa"}
            """,
            (await ana.NextAsync("communities", "the list")).Data.GetRawText());
    }

    [Fact]
    public async Task A_list_of_a_community_and_of_invitations_is_refused_and_a_bad_frame_too()
    {
        var ana = await _node.ConnectAsync("ana");

        await ana.SendAsync(Read("""{"type":"rooms","invited":true,"community":"casa","ref":"r1"}"""));

        Assert.Equal((40001, "r1"), await CodeAsync(ana));
        foreach (var frame in new[] { """{"type":"rooms","limit":101}""", """{"type":"rooms","cursor":7}""", """{"type":"communities","limit":0}""", """{"type":"rooms","invited":1}""" })
        {
            Assert.Equal(ErrorCode.BadRequest, _node.Of<FrameReader>().Read(Encoding.UTF8.GetBytes(frame)).Error);
        }
    }

    private static async Task<(int?, string?)> CodeAsync(TestClient client)
    {
        var error = await client.NextAsync("error", "the refusal");
        return (error.Code, error.Ref);
    }

    private void Answer(RoomDetailsPage page) => _node.Calls.On<ListRoomDetailsRequest, RoomDetailsPage>("ListRoomDetails", request =>
    {
        _asked = request;
        return page;
    });

    private static RoomDetails Lobby() => new()
    {
        RoomId = "lobby", Epoch = "e1", Seq = 9, Settings = new RoomSettings { Kind = "open", Name = "Lobby", Community = "casa" }, Members = 3, Role = "member", Muted = true,
        MutedUntilMs = Time, ReadSeq = 7, Unread = 1, Cursor = "18.lobby",
        LastMessage = new Message { MessageId = "m9", Seq = 9, UpdatedSeq = 9, UserId = "zoe", Username = "Zoe", Content = "hola", CreatedAtMs = Time },
    };

    private ClientCommand Read(string json)
    {
        var reading = _node.Of<FrameReader>().Read(Encoding.UTF8.GetBytes(json));
        Assert.True(reading.Command is not null, reading.Detail);
        return reading.Command;
    }
}
