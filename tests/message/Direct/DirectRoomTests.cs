using Tertulia.Contracts;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Tests.Direct;

/// <summary>The room of two users comes to be with its first message, whoever writes it, also when both do at the same moment.</summary>
public sealed class DirectRoomTests : IAsyncLifetime
{
    private readonly Backbone _backbone = new();
    private readonly string _room = DirectRooms.IdOf("ana", "bruno");
    private MessageReplica _replica = null!;
    private TestNode _one = null!;
    private TestNode _two = null!;

    public async Task InitializeAsync()
    {
        _replica = await MessageReplica.StartAsync(_backbone);
        _one = await _backbone.NodeAsync("node-1");
        _two = await _backbone.NodeAsync("node-2");
    }

    public async Task DisposeAsync()
    {
        await _one.DisposeAsync();
        await _two.DisposeAsync();
        await _replica.DisposeAsync();
        await _backbone.DisposeAsync();
    }

    [Fact]
    public void Both_come_to_the_same_id_and_no_other_pair_does()
    {
        Assert.Equal(_room, DirectRooms.IdOf("bruno", "ana"));
        Assert.Matches("^dm:[0-9a-f]{40}$", _room);
        Assert.NotEqual(DirectRooms.IdOf("an", "abruno"), _room);
        Assert.Equal("dm:" + Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData("ana\0bruno"u8))[..40], _room);
    }

    [Fact]
    public async Task Both_write_first_at_the_same_moment_and_there_is_one_room_of_both()
    {
        var first = Commands.Direct("ana", "bruno", "hola");
        var second = Commands.Direct("bruno", "ana", "buenas");

        await Task.WhenAll(_one.SubmitAsync(first), _two.SubmitAsync(second));
        Assert.False((await _one.ReplyToAsync(first)).Stored.Duplicate);
        Assert.False((await _two.ReplyToAsync(second)).Stored.Duplicate);

        var log = await _replica.Store.ReadEventsAsync(_room, 1, 100, ReadLimit.Of(100), CancellationToken.None);
        Assert.Equal(
            [
                RoomEvent.BodyOneofCase.Room, RoomEvent.BodyOneofCase.Member, RoomEvent.BodyOneofCase.Member, RoomEvent.BodyOneofCase.Message,
                RoomEvent.BodyOneofCase.Message,
            ],
            log!.Events.Select(entry => entry.BodyCase));
        var loaded = await _replica.Store.LoadAsync([_room], [new(_room, "ana"), new(_room, "bruno")], CancellationToken.None);
        Assert.Equal((RoomKinds.Direct, 2), (loaded.Rooms[_room].Kind, loaded.Rooms[_room].Members));
        Assert.All(loaded.Members.Values, membership => Assert.Equal(new Membership("member", Banned: false), membership));
    }

    [Fact]
    public async Task It_is_private_to_the_two()
    {
        await _one.AskAsync(Commands.Direct("ana", "bruno", "hola"));

        Assert.Equal(ErrorCode.Forbidden, (await _one.AskAsync(Commands.Join(_room, "carla"))).Refused.Code);
        Assert.Equal(ErrorCode.NotMember, (await _one.AskAsync(Commands.Send(_room, "carla", "hola"))).Refused.Code);
        Assert.Equal(ErrorCode.Forbidden, (await _one.AskAsync(Commands.Change(_room, "ana", MemberAction.Add, "carla"))).Refused.Code);
        Assert.Equal("member", (await _two.AskAsync(Commands.Join(_room, "bruno"))).Joined.Role);
    }

    [Fact]
    public async Task A_client_that_sends_again_has_the_first_result()
    {
        var first = await _one.AskAsync(Commands.Direct("ana", "bruno", "hola", "c1"));
        var again = await _two.AskAsync(Commands.Direct("ana", "bruno", "hola", "c1"));

        Assert.Equal((first.Stored.Seq, first.Stored.MessageId, true), (again.Stored.Seq, again.Stored.MessageId, again.Stored.Duplicate));
    }

    [Fact]
    public async Task A_room_that_is_not_the_one_of_the_two_is_not_made()
    {
        var wrong = Commands.Direct("ana", "bruno", "hola");
        wrong.Send.DirectTo = "carla";

        Assert.Equal(ErrorCode.RoomNotFound, (await _one.AskAsync(wrong)).Refused.Code);
        Assert.Empty((await _replica.Store.LoadAsync([_room], [], CancellationToken.None)).Rooms);
    }
}
