using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Tests.Doors.Http;

/// <summary>Lists of rooms and communities, and one room, over HTTP.</summary>
public sealed class RoomEndpointsTests : IAsyncLifetime
{
    private HttpHost _host = null!;
    private ListRoomDetailsRequest? _asked;

    public async Task InitializeAsync()
    {
        _host = await HttpHost.StartAsync();
        _host.Calls.On<ListRoomDetailsRequest, RoomDetailsPage>("ListRoomDetails", request =>
        {
            _asked = request;
            return new RoomDetailsPage { Rooms = { Lobby(seq: 9) }, HasMore = true };
        });
        _host.Calls.On<GetRoomNoticesRequest, GetRoomNoticesReply>("GetRoomNotices", _ => new GetRoomNoticesReply());
    }

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Theory]
    [InlineData("order=activity&limit=2", "", false, 2)]
    [InlineData("order=activity&cursor=17.lobby", "", false, 50)]
    [InlineData("community=casa", "casa", false, 50)]
    [InlineData("invited=true", "", true, 50)]
    public async Task Rooms_are_listed_with_details(string query, string community, bool invited, int limit)
    {
        var list = await _host.SendAsync(HttpMethod.Get, $"/api/v1/rooms?{query}", "ana");

        Assert.Equal(200, list.Status);
        Assert.Equal((community, invited, limit), (_asked!.Community, _asked.Invited, _asked.Limit));
        Assert.Equal(query.Contains("cursor", StringComparison.Ordinal) ? "17.lobby" : "", _asked.Cursor);
        Assert.Equal(
            """
            {"rooms":[{"room_id":"lobby","epoch":"e1","seq":9,"kind":"private","slow_mode":0,"archived":false,"retention_days":0,"members":3,"role":"member","muted":false,"read_seq":7,"unread":1,"mentions":0}],"has_more":true,"cursor":"18.lobby"}
            """,
            list.Body);
    }

    [Theory]
    [InlineData("order=name")]
    [InlineData("order=activity&community=casa")]
    [InlineData("order=activity&limit=101")]
    [InlineData("order=activity&after=a")]
    [InlineData("community=")]
    [InlineData("community=%00")]
    [InlineData("cursor=17.lobby")]
    public async Task A_list_that_makes_no_sense_is_refused(string query) =>
        Assert.Equal((400, 40001, "bad_request"), (await _host.SendAsync(HttpMethod.Get, $"/api/v1/rooms?{query}", "ana")).Problem);

    [Fact]
    public async Task A_room_has_a_tag_and_is_not_sent_again_to_who_holds_it()
    {
        var seq = 9L;
        DescribeRoomRequest? asked = null;
        _host.Calls.On<DescribeRoomRequest, RoomDetails>("DescribeRoom", request =>
        {
            asked = request;
            return request.RoomId == "lobby" ? Lobby(seq) : throw RpcErrors.Refuse(ErrorCode.RoomNotFound);
        });

        var first = await _host.SendRawAsync(HttpMethod.Get, "/api/v1/rooms/lobby", _host.Token("ana", rooms: new Dictionary<string, string[]> { ["lobby"] = ["read"] }));
        var again = await _host.SendAsync(HttpMethod.Get, "/api/v1/rooms/lobby", "ana", headers: ("If-None-Match", first.Headers["ETag"]));
        seq++;
        var changed = await _host.SendAsync(HttpMethod.Get, "/api/v1/rooms/lobby", "ana", headers: ("If-None-Match", first.Headers["ETag"]));

        Assert.Equal((200, "private", 9), (first.Status, first.Json.GetProperty("kind").GetString(), first.Json.GetProperty("seq").GetInt32()));
        Assert.Equal((304, ""), (again.Status, again.Body));
        Assert.Equal((200, 10), (changed.Status, changed.Json.GetProperty("seq").GetInt32()));
        Assert.Null(asked!.Actor.Grant);
        Assert.Equal((404, 40401, "room_not_found"), (await _host.SendAsync(HttpMethod.Get, "/api/v1/rooms/nowhere", "ana")).Problem);
        Assert.Equal(400, (await _host.SendAsync(HttpMethod.Get, "/api/v1/rooms/no%20room", "ana")).Status);
    }

    [Fact]
    public async Task The_callers_communities_are_listed()
    {
        _host.Calls.On<ListCommunitiesRequest, CommunitiesPage>("ListCommunities", request =>
        {
            Assert.Equal(("ana", "a", 50), (request.Actor.UserId, request.After, request.Limit));
            return new CommunitiesPage { Communities = { new Community { CommunityId = "casa", Rooms = 2, Unread = 5 } } };
        });

        var list = await _host.SendAsync(HttpMethod.Get, "/api/v1/communities?cursor=a", "ana");

        Assert.Equal("""{"items":[{"community":"casa","rooms":2,"unread":5}],"has_more":false}""", list.Body);
        Assert.Equal(400, (await _host.SendAsync(HttpMethod.Get, "/api/v1/communities?limit=0", "ana")).Status);
    }

    private static RoomDetails Lobby(long seq) => new()
    {
        RoomId = "lobby", Epoch = "e1", Seq = seq, Settings = new RoomSettings { Kind = "private" }, Members = 3, Role = "member", ReadSeq = 7, Unread = 1, Cursor = "18.lobby",
    };
}
