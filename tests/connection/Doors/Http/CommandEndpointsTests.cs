using Tertulia.Connections.Rooms;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Tests.Doors.Http;

/// <summary>Endpoints that are one command: what the path says counts, the body has the rest, and the answer is that of the frame.</summary>
public sealed class CommandEndpointsTests : IAsyncLifetime
{
    private HttpHost _host = null!;

    public async Task InitializeAsync()
    {
        _host = await HttpHost.StartAsync(("Limits:EventsPerMinute", "0"));
    }

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Fact]
    public async Task A_room_is_created_once_for_each_key()
    {
        var rooms = new HashSet<string>();
        for (var attempt = 0; attempt < 2; attempt++)
        {
            var creating = _host.SendAsync(HttpMethod.Post, "/api/v1/rooms", "ana", """{"kind":"private","name":"Team"}""", ("Idempotency-Key", "k1"));
            var create = await _host.CommandAsync(Command.BodyOneofCase.CreateRoom);
            Assert.Equal(("private", "Team"), (create.CreateRoom.Settings.Kind, create.CreateRoom.Settings.Name));
            await TellAsync(create, entry => entry.Room = new RoomCreated { Kind = "private", Settings = create.CreateRoom.Settings });
            var answer = await creating;
            Assert.Equal((201, $"/api/v1/rooms/{create.RoomId}"), (answer.Status, answer.Headers["Location"]));
            rooms.Add(Text(answer, "room_id"));
        }

        Assert.Single(rooms);
    }

    [Fact]
    public async Task A_user_who_is_a_member_already_is_given_the_role()
    {
        var putting = _host.SendAsync(HttpMethod.Put, "/api/v1/rooms/lobby/members/bruno", "ana", """{"role":"moderator"}""");
        var add = await _host.CommandAsync(Command.BodyOneofCase.ChangeMember);
        Assert.Equal((MemberAction.Add, "bruno", "moderator"), (add.ChangeMember.Action, add.ChangeMember.UserId, add.ChangeMember.Role));
        await _host.ReplyAsync(add, reply => reply.Stored = new Stored { Entry = new RoomEvent { Member = new MemberChanged { UserId = "bruno", Role = "member" } } });
        var role = await _host.CommandAsync(Command.BodyOneofCase.ChangeMember);
        Assert.Equal((MemberAction.SetRole, "bruno", "moderator"), (role.ChangeMember.Action, role.ChangeMember.UserId, role.ChangeMember.Role));
        await TellAsync(role, entry => entry.Member = new MemberChanged { UserId = "bruno", Role = "moderator", Action = MemberAction.SetRole });

        Assert.Equal((200, "moderator"), ((await putting).Status, Text(await putting, "role")));
    }

    [Fact]
    public async Task One_enters_a_room_without_a_socket_and_leaves_no_session_behind()
    {
        var entering = _host.SendAsync(HttpMethod.Put, "/api/v1/rooms/lobby/members/me", "ana");
        var join = await _host.CommandAsync(Command.BodyOneofCase.Join);
        Assert.Equal("ana", join.Actor.UserId);
        await _host.ReplyAsync(join, reply => reply.Joined = new Joined { Epoch = "e1", Seq = 5, OwnerEpoch = 1, Members = 2, Role = "member" });

        Assert.Equal((200, "member"), ((await entering).Status, Text(await entering, "role")));
        Assert.Equal(0, _host.Of<RoomHub>().Find("lobby")!.LocalCount);
    }

    [Theory]
    [InlineData("POST", "/api/v1/rooms/lobby/kicks", """{"user_id":"bruno"}""", MemberAction.Kick)]
    [InlineData("POST", "/api/v1/rooms/lobby/bans", """{"user_id":"bruno","until":"2099-01-01T00:00:00.000Z"}""", MemberAction.Ban)]
    [InlineData("DELETE", "/api/v1/rooms/lobby/bans/bruno", null, MemberAction.Unban)]
    [InlineData("POST", "/api/v1/rooms/lobby/mutes", """{"user_id":"bruno"}""", MemberAction.Mute)]
    [InlineData("DELETE", "/api/v1/rooms/lobby/mutes/bruno", null, MemberAction.Unmute)]
    [InlineData("POST", "/api/v1/rooms/lobby/invitations", """{"user_id":"bruno"}""", MemberAction.Invite)]
    [InlineData("DELETE", "/api/v1/rooms/lobby/members/bruno", null, MemberAction.Remove)]
    public async Task What_is_done_to_a_user_is_the_same_command_as_on_a_socket(string method, string path, string? body, MemberAction action)
    {
        var asking = _host.SendAsync(new HttpMethod(method), path, "ana", body);

        var change = await _host.CommandAsync(Command.BodyOneofCase.ChangeMember);
        Assert.Equal((action, "bruno"), (change.ChangeMember.Action, change.ChangeMember.UserId));
        await TellAsync(change, entry => entry.Member = new MemberChanged { UserId = "bruno", Action = action });
        Assert.Equal(200, (await asking).Status);
    }

    [Fact]
    public async Task A_room_is_read_up_to_a_seq()
    {
        var reading = _host.SendAsync(HttpMethod.Put, "/api/v1/rooms/lobby/read", "ana", """{"seq":7}""");
        var read = await _host.CommandAsync(Command.BodyOneofCase.Read);
        Assert.Equal(7, read.Read.Seq);
        Assert.True(read.Read.Quiet, "while presence does not answer nobody knows whether the user is invisible");
        await _host.ReplyAsync(read, reply => reply.Marked = new Marked { ReadSeq = 7, Unread = 2, LastSeq = 9, Epoch = "e1" });

        Assert.Equal((7, 2), ((await reading).Json.GetProperty("read_seq").GetInt32(), (await reading).Json.GetProperty("unread").GetInt32()));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Who_is_invisible_reads_over_http_without_the_others_being_told(bool isInvisible)
    {
        _host.Calls.On<GetUserRequest, UserPresence>("GetUser", request => new UserPresence { Invisible = isInvisible && request.UserId == "ana" });

        var reading = _host.SendAsync(HttpMethod.Put, "/api/v1/rooms/lobby/read", "ana", """{"seq":7}""");
        var read = await _host.CommandAsync(Command.BodyOneofCase.Read);
        Assert.Equal(isInvisible, read.Read.Quiet);
        await _host.ReplyAsync(read, reply => reply.Marked = new Marked { ReadSeq = 7, Epoch = "e1" });

        Assert.Equal(200, (await reading).Status);
    }

    [Fact]
    public async Task Presence_is_told_to_who_may_read_the_room_and_set_for_the_caller()
    {
        _host.Calls.On<GetRoomRequest, RoomPresence>("GetRoom", request => new RoomPresence { RoomId = request.RoomId, Online = 1, Users = { new PresentUser { UserId = "zoe", Username = "Zoe" } } });
        _host.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", request => request.RoomId == "lobby" ? new Snapshot() : throw RpcErrors.Refuse(ErrorCode.NotMember));
        _host.Calls.On<GetUsersRequest, UsersPresence>("GetUsers", request => new UsersPresence { Users = { request.UserIds.Select(id => new PresentUser { UserId = id, Status = "away" }) } });
        _host.Calls.On<SetStatusRequest, ChosenStatus>("SetStatus", request => new ChosenStatus { UserId = request.UserId, Status = request.Status, Text = request.Text });

        Assert.Equal("""{"room_id":"lobby","online":1,"users":[{"user_id":"zoe","username":"Zoe","status":"online"}]}""", (await _host.SendAsync(HttpMethod.Get, "/api/v1/presence/rooms/lobby", "ana")).Body);
        Assert.Equal((403, 40302, "not_member"), (await _host.SendAsync(HttpMethod.Get, "/api/v1/presence/rooms/other", "ana")).Problem);
        Assert.Equal("""{"users":[{"user_id":"zoe","status":"away"}]}""", (await _host.SendAsync(HttpMethod.Post, "/api/v1/presence/users", "ana", """{"user_ids":["zoe"]}""")).Body);
        Assert.Equal("""{"user_id":"ana","status":"busy","text":"soon"}""", (await _host.SendAsync(HttpMethod.Put, "/api/v1/presence/me", "ana", """{"status":"busy","text":"soon"}""")).Body);
        Assert.Equal((400, 40001, "bad_request"), (await _host.SendAsync(HttpMethod.Put, "/api/v1/presence/me", "ana", """{"status":"gone"}""")).Problem);
    }

    [Theory]
    [InlineData("POST", "/api/v1/rooms/lobby/kicks", "[]", 40001)]
    [InlineData("DELETE", "/api/v1/rooms/lobby/bans/bruno", "{\"reason\":\"a\"", 40002)]
    [InlineData("POST", "/api/v1/rooms/lobby/kicks", "{}", 40001)]
    [InlineData("PUT", "/api/v1/rooms/lobby/read", """{"seq":-1}""", 40001)]
    [InlineData("POST", "/api/v1/rooms", """{"kind":"secret"}""", 40001)]
    [InlineData("POST", "/api/v1/presence/users", "{}", 40001)]
    public async Task What_is_malformed_reaches_no_room(string method, string path, string body, int code)
    {
        Assert.Equal((400, code), (await _host.SendAsync(new HttpMethod(method), path, "ana", body)).Problem is var problem ? (problem.Status, problem.Code) : default);
        Assert.False(_host.TryReadCommand(out _));
    }

    private static string Text(HttpAnswer answer, string field) => answer.Json.GetProperty(field).GetString()!;

    private Task TellAsync(Command command, Action<RoomEvent> body)
    {
        var entry = new RoomEvent { Seq = 9, CreatedAtMs = 1_900_000_000_000, UserId = command.Actor.UserId, Username = command.Actor.Username, OriginNodeId = _host.Id, CommandId = command.CommandId };
        body(entry);
        return _host.TellAsync(new NodeBatch { Rooms = { new RoomEvents { RoomId = command.RoomId, Epoch = HttpHost.Epoch, Events = { entry } } } });
    }
}
