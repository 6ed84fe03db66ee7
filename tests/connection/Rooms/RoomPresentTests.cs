using Grpc.Core;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Rooms;

/// <summary>A presence service that hangs, or is away, does not slow joins.</summary>
public sealed class RoomPresentTests : IAsyncLifetime
{
    private const int Many = 200; // More than three times as many as read their snapshots at once.

    private readonly TaskCompletionSource<RoomPresence> _never = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TestNode _node = null!;
    private int _asked;

    public async Task InitializeAsync()
    {
        _node = await TestNode.StartAsync();
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ => new Snapshot { Epoch = TestNode.Epoch, Seq = 5 });
        _node.Calls.On<GetRoomRequest, RoomPresence>("GetRoom", _ =>
        {
            Interlocked.Increment(ref _asked);
            return _never.Task;
        });
    }

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task While_it_hangs_many_joins_wait_a_moment_together_and_the_next_ones_not_at_all()
    {
        var clients = new List<TestClient>();
        for (var index = 0; index < Many; index++)
        {
            var client = await _node.ConnectAsync($"user-{index}");
            await client.JoinAsync("lobby");
            await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 5);
            clients.Add(client);
        }

        var joined = clients.Select(client => client.NextAsync("joined", "the answer")).ToArray();
        var begun = _node.Time.GetUtcNow();
        await Eventually.HoldsAsync(() =>
        {
            _node.Time.Advance(TimeSpan.FromMilliseconds(50));
            return joined.All(answer => answer.IsCompleted) || _node.Time.GetUtcNow() - begun > TimeSpan.FromSeconds(30);
        }, "all are in the room");
        Assert.All(joined, answer => Assert.True(answer.IsCompleted));
        var asked = Volatile.Read(ref _asked);

        var late = await _node.ConnectAsync("late");
        await late.JoinAsync("lobby");
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 5);
        var users = (await late.NextAsync("joined", "at once, without any time passing")).Items("active_users");

        Assert.Equal(RoomPresent.MaxListed + 1, users.Count); // Of this node, and the caller.
        Assert.InRange(Volatile.Read(ref _asked), asked, asked + 1); // A probe at most.
    }

    [Fact]
    public async Task While_it_is_away_only_those_are_listed_of_whom_it_is_known_that_they_are_not_invisible()
    {
        _node.Calls.On<GetRoomRequest, RoomPresence>("GetRoom", _ => Task.FromException<RoomPresence>(Hosting.RpcErrors.Refuse(ErrorCode.Unavailable)));
        await _node.JoinedAsync("ana", "lobby", seq: 5);
        await _node.JoinedAsync("bruno", "lobby", seq: 5, isKnown: false);
        var carla = await _node.ConnectAsync("carla", isKnown: false);
        await carla.JoinAsync("lobby");
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 5);

        var users = (await carla.NextAsync("joined", "the answer")).Items("active_users");

        Assert.Equal(["ana", "carla"], users.Select(user => user.GetProperty("user_id").GetString()));
    }

    [Fact]
    public async Task A_join_waits_no_longer_for_it_than_its_patience()
    {
        var ana = await _node.ConnectAsync("ana");
        await ana.JoinAsync("lobby");
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 5);
        await Eventually.HoldsAsync(() =>
        {
            _node.Time.Advance(TimeSpan.FromMilliseconds(1));
            return Volatile.Read(ref _asked) > 0;
        }, "presence is asked");

        _node.Time.Advance(TimeSpan.FromMilliseconds(250));

        await ana.NextAsync("joined", "without any more time passing");
    }

    [Fact]
    public async Task When_it_answers_again_joins_ask_it_again()
    {
        await FirstJoinAsync();
        Assert.True(_node.Of<RoomPresent>().IsSilent);

        _node.Calls.On<GetRoomRequest, RoomPresence>("GetRoom", _ => new RoomPresence
        {
            Online = 1, Users = { new PresentUser { UserId = "zoe", Username = "Zoe", Status = "online" } },
        });
        _never.SetResult(new RoomPresence());
        await Eventually.HoldsAsync(() =>
        {
            _node.Time.Advance(RoomPresent.ProbeInterval);
            return !_node.Of<RoomPresent>().IsSilent;
        }, "a probe is answered");

        var bruno = await _node.ConnectAsync("bruno");
        await bruno.JoinAsync("lobby");
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 5);
        var users = (await bruno.NextAsync("joined", "the answer")).Items("active_users");
        Assert.Equal(["zoe", "bruno"], users.Select(user => user.GetProperty("user_id").GetString()));
    }

    [Fact]
    public async Task Messages_flow_while_it_hangs()
    {
        var ana = await FirstJoinAsync();

        await _node.TellEventsAsync("lobby", TestNode.Message(6));

        Assert.Equal(["m6"], await ana.MessagesAsync(1));
    }

    [Fact]
    public async Task An_answer_that_comes_before_the_snapshot_is_shown_however_late_it_is()
    {
        var snapshot = new TaskCompletionSource<Snapshot>(TaskCreationOptions.RunContinuationsAsynchronously);
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ => snapshot.Task);
        var ana = await _node.ConnectAsync("ana");
        await ana.JoinAsync("lobby");
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 5);
        await Eventually.HoldsAsync(() =>
        {
            _node.Time.Advance(RoomPresent.Patience);
            return Volatile.Read(ref _asked) > 0;
        }, "presence is asked");
        _node.Time.Advance(TimeSpan.FromSeconds(3));
        _never.SetResult(new RoomPresence { Online = 1, Users = { new PresentUser { UserId = "zoe", Username = "Zoe", Status = "online" } } });
        await Eventually.HoldsAsync(() => _node.Of<RoomPresent>().UnderWay == 0, "the answer is there");

        snapshot.SetResult(new Snapshot { Epoch = TestNode.Epoch, Seq = 5 });

        var users = (await ana.NextAsync("joined", "the answer")).Items("active_users");
        Assert.Contains("zoe", users.Select(user => user.GetProperty("user_id").GetString()));
        Assert.False(_node.Of<RoomPresent>().IsSilent);
    }

    private async Task<TestClient> FirstJoinAsync()
    {
        var ana = await _node.ConnectAsync("ana");
        await ana.JoinAsync("lobby");
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 5);
        var joined = ana.NextAsync("joined", "the answer");
        await Eventually.HoldsAsync(() =>
        {
            _node.Time.Advance(TimeSpan.FromMilliseconds(50));
            return joined.IsCompleted;
        }, "the join is over");
        return ana;
    }
}
