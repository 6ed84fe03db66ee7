using Grpc.Core;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Rooms;
using Tertulia.Testing;

namespace Tertulia.Messages.Tests.Rooms;

/// <summary>What a user is shown of rooms in lists, and of one room.</summary>
public sealed class RoomDetailTests : IAsyncLifetime
{
    private readonly Backbone _backbone = new();
    private readonly Dictionary<string, long> _seqs = [];
    private MessageReplica _replica = null!;
    private TestNode _node = null!;

    public async Task InitializeAsync()
    {
        _replica = await MessageReplica.StartAsync(_backbone);
        _node = await _backbone.NodeAsync("node-1");
    }

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        await _replica.DisposeAsync();
        await _backbone.DisposeAsync();
    }

    [Fact]
    public async Task A_users_rooms_show_the_newest_message_as_it_is_now_and_what_is_unread()
    {
        await JoinAsync("garden", "ana", "bruno");
        await JoinAsync("lobby", "ana", "bruno");
        await SayAsync("garden", "ana", "earlier");
        await SayAsync("lobby", "ana", "hola");
        var deleted = await SayAsync("lobby", "ana", "secret");
        await DoAsync(Commands.React("lobby", "bruno", deleted.Send.MessageId, "👍"));
        await DoAsync(Commands.Delete("lobby", "ana", deleted.Send.MessageId));
        await DoAsync(Commands.Change("lobby", "ana", MemberAction.Mute, "bruno"));
        await DoAsync(Commands.Update("lobby", "ana", new UpdateRoom { Name = "Lobby", Archived = true }));

        var page = await ListAsync("bruno");

        Assert.Equal(["lobby", "garden"], page.Rooms.Select(room => room.RoomId));
        var lobby = page.Rooms[0];
        Assert.Equal((_seqs["lobby"], "Lobby", true, 2U, "member", true), (lobby.Seq, lobby.Settings.Name, lobby.Settings.Archived, lobby.Members, lobby.Role, lobby.Muted));
        Assert.Equal((3L, 2L), (lobby.ReadSeq, lobby.Unread));
        Assert.Equal((deleted.Send.MessageId, "", true, "ana"), (
            lobby.LastMessage.MessageId, lobby.LastMessage.Content, lobby.LastMessage.DeletedAtMs > 0, lobby.LastMessage.DeletedBy));
        Assert.Equal(("earlier", false, _replica.Store.Epoch), (page.Rooms[1].LastMessage.Content, page.Rooms[1].Muted, page.Rooms[1].Epoch));
        await SayAsync("garden", "bruno", "now"); // Reads it, and brings the room to the top.
        Assert.Equal([("garden", 0L), ("lobby", 2L)], (await ListAsync("bruno")).Rooms.Select(room => (room.RoomId, room.Unread)));
    }

    [Fact]
    public async Task Pages_are_full_and_end_also_when_a_token_leaves_rooms_out()
    {
        string[] rooms = [.. Enumerable.Range(1, 7).Select(i => $"room-{i}")];
        foreach (var room in rooms)
        {
            await JoinAsync(room, "ana");
        }

        Assert.Equal(rooms.Order(StringComparer.Ordinal), (await AllAsync(new ListRoomDetailsRequest { Limit = 2 })).Order(StringComparer.Ordinal));
        var scope = new RoomScope { Patterns = { "room-1", "room-3", "*7", "room-9" }, Except = { "room-3" } };
        Assert.Equal(["room-1", "room-7"], (await AllAsync(new ListRoomDetailsRequest { Limit = 1, Scope = scope })).Order(StringComparer.Ordinal));
        Assert.Empty(await AllAsync(new ListRoomDetailsRequest { Limit = 1, Scope = new RoomScope { Patterns = { "other-*" } } }));
    }

    [Fact]
    public async Task Invitations_are_a_list_of_their_own_that_shows_no_message()
    {
        await JoinAsync("lobby", "ana");
        await SayAsync("lobby", "ana", "hola");
        await DoAsync(Commands.Change("lobby", "ana", MemberAction.Invite, "bruno"));
        await CreateAsync("secret", "ana", new RoomSettings { Kind = "private", Name = "Secret" });
        await DoAsync(Commands.Change("secret", "ana", MemberAction.Invite, "bruno"));

        var invited = (await ListAsync("bruno", new ListRoomDetailsRequest { Invited = true })).Rooms;

        Assert.Empty((await ListAsync("bruno")).Rooms);
        Assert.Equal([("lobby", "", "ana"), ("secret", "Secret", "ana")], invited.Select(room => (room.RoomId, room.Settings.Name, room.InvitedBy)));
        Assert.All(invited, room => Assert.Equal((null, "", 0L), (room.LastMessage, room.Role, room.Unread)));
        Assert.Equal("Secret", (await DescribeAsync("secret", Commands.User("bruno"))).Settings.Name);
        await DoAsync(Commands.Change("lobby", "bruno", MemberAction.Decline));
        Assert.Equal(["secret"], (await ListAsync("bruno", new ListRoomDetailsRequest { Invited = true })).Rooms.Select(room => room.RoomId));
    }

    [Fact]
    public async Task A_direct_room_says_with_whom()
    {
        var direct = Commands.Direct("ana", "bruno", "hola");
        await _node.SubmitAsync(direct);
        await _node.EventsAsync(direct.RoomId, 1, 4);

        Assert.Equal(("bruno", "hola"), Of(Assert.Single((await ListAsync("ana")).Rooms)));
        Assert.Equal(("ana", "hola"), Of(Assert.Single((await ListAsync("bruno")).Rooms)));

        static (string, string) Of(RoomDetails room) => (room.OtherUserId, room.LastMessage.Content);
    }

    [Fact]
    public async Task A_room_is_shown_to_who_may_enter_it_and_its_messages_to_who_may_read_them()
    {
        await JoinAsync("lobby", "ana");
        await SayAsync("lobby", "ana", "hola");
        await CreateAsync("secret", "ana", new RoomSettings { Kind = "private" });
        await DoAsync(Commands.Change("lobby", "ana", MemberAction.Ban, "carla"));

        var stranger = await DescribeAsync("lobby", Commands.User("zoe"));
        Assert.Equal(("open", 1U, "", null), (stranger.Settings.Kind, stranger.Members, stranger.Role, stranger.LastMessage));
        Assert.Equal("hola", (await DescribeAsync("lobby", Commands.User("ana"))).LastMessage.Content);
        Assert.Equal("hola", (await DescribeAsync("lobby", Commands.User("zoe", grant: new Grant { Read = true }))).LastMessage.Content);
        Assert.Equal("private", (await DescribeAsync("secret", Commands.User("root", role: "admin"))).Settings.Kind);
        Assert.Equal(ErrorCode.Forbidden, await RefusedAsync("secret", Commands.User("zoe")));
        Assert.Equal(ErrorCode.Forbidden, await RefusedAsync("lobby", Commands.User("ana", grant: new Grant { Write = true })));
        Assert.Equal(ErrorCode.Banned, await RefusedAsync("lobby", Commands.User("carla")));
        Assert.Equal(ErrorCode.RoomNotFound, await RefusedAsync("nowhere", Commands.User("ana")));
        await DoAsync(Commands.DeleteRoom("secret", "ana"));
        Assert.Equal(ErrorCode.RoomNotFound, await RefusedAsync("secret", Commands.User("ana")));
    }

    [Theory]
    [InlineData("lobby")]
    [InlineData("x.lobby")]
    [InlineData("-1.lobby")]
    [InlineData("1.\0")]
    public async Task A_cursor_that_is_none_is_refused(string cursor) => Assert.Equal(
        ErrorCode.BadRequest, RpcErrors.ToRefusal(await Assert.ThrowsAsync<RpcException>(() => ListAsync("ana", new ListRoomDetailsRequest { Cursor = cursor }))).Code);

    private async Task JoinAsync(string roomId, params string[] userIds)
    {
        foreach (var userId in userIds)
        {
            _seqs[roomId] = (await _node.AskAsync(Commands.Join(roomId, userId))).Joined.Seq;
        }
    }

    private async Task CreateAsync(string roomId, string userId, RoomSettings settings)
    {
        await _node.SubmitAsync(Commands.Create(roomId, userId, settings));
        await _node.AskAsync(Commands.Subscribe(roomId));
        _seqs[roomId] = 2;
    }

    // Answered, or told, when it is durable.
    private async Task DoAsync(Command command)
    {
        await _node.SubmitAsync(command);
        var seq = _seqs[command.RoomId] += 1;
        await _node.EventsAsync(command.RoomId, seq, seq);
    }

    private async Task<Command> SayAsync(string roomId, string userId, string content)
    {
        var command = Commands.Send(roomId, userId, content);
        await DoAsync(command);
        var said = Now();
        await Eventually.HoldsAsync(() => Now() > said, "it is later: rooms with the same time stand by name");
        return command;

        static long Now() => TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
    }

    private Task<RoomDetailsPage> ListAsync(string userId, ListRoomDetailsRequest? request = null)
    {
        request ??= new ListRoomDetailsRequest();
        (request.Actor, request.Limit) = (Commands.User(userId), request.Limit == 0 ? 10 : request.Limit);
        return _replica.Get<RoomDetailPages>().GetAsync(request, CancellationToken.None);
    }

    // No page but the last one has less than was asked for, or says that there is more when there is not.
    private async Task<List<string>> AllAsync(ListRoomDetailsRequest request)
    {
        List<string> found = [];
        RoomDetailsPage page;
        do
        {
            page = await ListAsync("ana", request);
            Assert.True(page.Rooms.Count > 0 || !page.HasMore, "an empty page, and more");
            found.AddRange(page.Rooms.Select(room => room.RoomId));
            request.Cursor = page.HasMore ? page.Rooms[^1].Cursor : "";
        }
        while (page.HasMore);
        return found;
    }

    private Task<RoomDetails> DescribeAsync(string roomId, Actor actor) =>
        _replica.Get<RoomDetailPages>().GetAsync(new DescribeRoomRequest { RoomId = roomId, Actor = actor }, CancellationToken.None);

    private async Task<ErrorCode> RefusedAsync(string roomId, Actor actor) =>
        RpcErrors.ToRefusal(await Assert.ThrowsAsync<RpcException>(() => DescribeAsync(roomId, actor))).Code;
}
