using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Rooms;

public sealed class PresenceTests : IAsyncLifetime
{
    private TestNode _node = null!;
    private TestClient _ana = null!;
    private TestClient _bruno = null!;

    public async Task InitializeAsync()
    {
        _node = await TestNode.StartAsync();
        _ana = await _node.JoinedAsync("ana", "lobby", seq: 5);
        _bruno = await _node.JoinedAsync("bruno", "lobby", seq: 5);
    }

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task The_others_are_told_who_came_and_went_and_nobody_of_itself()
    {
        await TellAsync(new RoomPresenceChange { RoomId = "lobby", Joined = { User("ana"), User("zoe") }, Left = { User("bruno") }, Online = 2 });

        var came = await _bruno.NextAsync("user_joined", "ana came");
        Assert.Equal(("ana", "Name of ana"), (came.Text("user_id"), came.Text("username")));
        Assert.Equal("zoe", (await _bruno.NextAsync("user_joined", "zoe came")).Text("user_id"));
        Assert.Equal("zoe", (await _ana.NextAsync("user_joined", "zoe came")).Text("user_id"));
        Assert.Equal("bruno", (await _ana.NextAsync("user_left", "bruno went")).Text("user_id"));
        await _bruno.HasNothingMoreAsync();
        await _ana.HasNothingMoreAsync();
    }

    [Fact]
    public async Task In_a_large_room_all_are_told_how_many_there_are()
    {
        await TellAsync(new RoomPresenceChange { RoomId = "lobby", Online = 150, CountsOnly = true });

        var count = await _ana.NextAsync("online_count", "the count");
        Assert.Equal(("lobby", 150L, 1L), (count.Text("room_id"), count.Number("online"), count.Number("members")));
    }

    [Fact]
    public async Task When_a_room_is_no_longer_large_all_are_told_who_is_there_in_frames_that_are_not_too_large()
    {
        var users = Enumerable.Range(0, 100).Select(index => new PresentUser { UserId = $"user-{index}", Username = new string('漢', 256), Status = "online" }).ToArray();
        await TellAsync(new RoomPresenceChange { RoomId = "lobby", Online = 100, Complete = true, Joined = { users } });

        var told = new List<string>();
        Frame state;
        do
        {
            state = await _ana.NextAsync("presence_state", "a part of the users");
            Assert.InRange(System.Text.Encoding.UTF8.GetByteCount(state.Root.GetRawText()), 1, 64 * 1024);
            told.AddRange(state.Root.GetProperty("data").GetProperty("users").EnumerateArray().Select(user => user.GetProperty("user_id").GetString()!));
        }
        while (state.Flag("has_more"));
        Assert.Equal(users.Select(user => user.UserId), told);
    }

    [Fact]
    public async Task Who_is_entering_is_told_after_its_snapshot()
    {
        var snapshot = new TaskCompletionSource<Snapshot>(TaskCreationOptions.RunContinuationsAsynchronously);
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ => snapshot.Task);
        var carla = await _node.ConnectAsync("carla");
        await carla.JoinAsync("lobby");
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 5);

        await TellAsync(new RoomPresenceChange { RoomId = "lobby", Joined = { User("zoe") }, Online = 3 });
        await _node.SettledAsync();
        await carla.HasNothingMoreAsync();
        snapshot.SetResult(new Snapshot { Epoch = TestNode.Epoch, Seq = 5 });

        await carla.NextAsync("joined", "the answer");
        Assert.Equal("zoe", (await carla.NextAsync("user_joined", "zoe came")).Text("user_id"));
    }

    [Fact]
    public async Task Members_that_the_log_names_are_counted()
    {
        var changed = new RoomEvent { Seq = 6, Member = new MemberChanged { UserId = "zoe", Role = "member", Members = 7, Quiet = true } };
        await _node.TellEventsAsync("lobby", changed);
        await TellAsync(new RoomPresenceChange { RoomId = "lobby", Online = 150, CountsOnly = true });

        Assert.Equal(7, (await _ana.NextAsync("online_count", "the count")).Number("members"));
    }

    private static PresentUser User(string userId) => new() { UserId = userId, Username = $"Name of {userId}", Status = "online" };

    private Task TellAsync(RoomPresenceChange change) => _node.TellAsync(new NodeBatch { Presence = { change } });
}
