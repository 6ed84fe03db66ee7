using Tertulia.Connections.Rooms;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Rooms;

/// <summary>Counts of large rooms reach no client more often than once a second; auditoriums have counts only.</summary>
public sealed class RoomCountsTests : IAsyncLifetime
{
    private TestNode _node = null!;

    public async Task InitializeAsync() => _node = await TestNode.StartAsync();

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task However_many_counts_come_a_client_is_told_one_a_second_and_the_last_one()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);
        await CountAsync(201);
        Assert.Equal(201, await NextAsync(ana));

        for (var online = 202u; online <= 210; online++)
        {
            await CountAsync(online);
        }

        await PassAsync(TimeSpan.FromMilliseconds(750));
        await ana.HasNothingMoreAsync();
        await PassAsync(TimeSpan.FromMilliseconds(250));
        Assert.Equal(210, await NextAsync(ana));
        await PassAsync(TimeSpan.FromSeconds(5));
        await ana.HasNothingMoreAsync();

        await CountAsync(211);
        Assert.Equal(211, await NextAsync(ana));
    }

    [Fact]
    public async Task Who_enters_meanwhile_is_told_the_last_count_once_and_not_before_its_second()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);
        await CountAsync(201);
        Assert.Equal(201, await NextAsync(ana));
        var snapshot = new TaskCompletionSource<Snapshot>(TaskCreationOptions.RunContinuationsAsynchronously);
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ => snapshot.Task);
        var carla = await _node.ConnectAsync("carla");
        await carla.JoinAsync("lobby");
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 5);
        for (var online = 202u; online <= 204; online++)
        {
            await PassAsync(TimeSpan.FromSeconds(1));
            await CountAsync(online);
            Assert.Equal(online, await NextAsync(ana));
        }

        snapshot.SetResult(new Snapshot { Epoch = TestNode.Epoch, Seq = 5 });

        await carla.NextAsync("joined", "the answer");
        await carla.HasNothingMoreAsync();
        await PassAsync(TimeSpan.FromSeconds(1));
        Assert.Equal(204, await NextAsync(carla));
        await PassAsync(TimeSpan.FromSeconds(2));
        await carla.HasNothingMoreAsync();
    }

    [Fact]
    public async Task When_all_users_are_told_again_no_count_follows()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);
        await CountAsync(201);
        await NextAsync(ana);
        await CountAsync(202);
        await _node.TellAsync(new NodeBatch { Presence = { new RoomPresenceChange { RoomId = "lobby", Complete = true, Online = 1 } } });
        await ana.NextAsync("presence_state", "the list");

        await PassAsync(TimeSpan.FromSeconds(3));

        await ana.HasNothingMoreAsync();
    }

    /// <summary>The answer to a join says how many there were after it; of a batch with many joins it comes after their entries.</summary>
    [Fact]
    public async Task An_answer_that_is_older_than_what_came_does_not_take_members_away()
    {
        var ana = await _node.JoinedAsync("ana", "lobby", seq: 5);
        var carla = await _node.ConnectAsync("carla");
        await carla.JoinAsync("lobby");
        var join = await _node.CommandAsync(Command.BodyOneofCase.Join);
        await _node.TellEventsAsync("lobby", Added(6, "carla", members: 2));
        await _node.TellEventsAsync("lobby", Added(7, "dora", members: 3));

        await _node.AdmitAsync(join, seq: 6);
        await _node.SettledAsync();
        await CountAsync(201);

        var count = await ana.NextAsync();
        while (count.Type != "online_count") // Behind those of the members.
        {
            count = await ana.NextAsync();
        }

        Assert.Equal(3, count.Number("members"));
    }

    [Fact]
    public async Task Presence_is_told_of_auditoriums_before_anybody_is_in_them_and_who_enters_is_shown_a_count()
    {
        _node.Calls.On<GetRoomRequest, RoomPresence>("GetRoom", _ => new RoomPresence { Online = 3 });
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ => new Snapshot { Epoch = TestNode.Epoch, Seq = 5 });
        var ana = await _node.ConnectAsync("ana");
        await EnterAsync(ana, "auditorium");
        var joined = await ana.NextAsync("joined", "the answer");
        Assert.Equal((0, 3L), (joined.Items("active_users").Count, joined.Number("count")));
        var bruno = await _node.ConnectAsync("bruno");
        await EnterAsync(bruno, "auditorium");
        await bruno.NextAsync("joined", "the answer");
        await _node.TellEventsAsync("lobby", new RoomEvent { Seq = 6, RoomUpdated = new RoomUpdated { Settings = new RoomSettings { Kind = "open" } } });
        await _node.TellEventsAsync("lobby", new RoomEvent { Seq = 7, RoomUpdated = new RoomUpdated { Settings = new RoomSettings { Kind = "auditorium" } } });
        await _node.SettledAsync();
        await _node.TellAsync(new NodeBatch { Announce = new AnnounceRequest() });
        var told = new List<string>();
        await ToldAsync(() => told.Contains("all: lobby"), "the whole report names it");
        await ana.GoAsync();
        await bruno.GoAsync();
        await ToldAsync(() => told.Count(word => word == "no") == 2, "it is none any more, and again when all are gone");

        Assert.Equal(["yes", "entered", "entered", "no", "yes", "all: lobby", "no"], told);
        _node.Time.Advance(Connections.Announcing.PresenceReporter.HeartbeatInterval);
        await Eventually.HoldsAsync(() => _node.Reports.TryRead(out var report) && report.Heartbeat is { Digest: 0 }, "the digest is that of an empty node");

        Task ToldAsync(Func<bool> condition, string what) => Eventually.HoldsAsync(
            () =>
            {
                while (_node.Reports.TryRead(out var report))
                {
                    told.AddRange((report.Delta?.Changes ?? []).Where(change => change.HasAuditorium || change.HasNoAuditorium || change.HasEntered)
                        .Select(change => change.HasEntered ? "entered" : change.HasAuditorium ? "yes" : "no"));
                    told.AddRange((report.Snapshot?.Auditoriums ?? []).Select(room => $"all: {room}"));
                }

                return condition();
            },
            what, () => string.Join(' ', told));
    }

    private async Task EnterAsync(TestClient client, string kind)
    {
        await client.JoinAsync("lobby");
        var join = await _node.CommandAsync(Command.BodyOneofCase.Join);
        await _node.ReplyAsync(join, reply => reply.Joined = new Joined { Epoch = TestNode.Epoch, Seq = 5, OwnerEpoch = 1, Members = 1, Role = "member", Kind = kind });
    }

    private static RoomEvent Added(long seq, string userId, uint members) => new()
    {
        Seq = seq,
        UserId = userId,
        Member = new MemberChanged { UserId = userId, Action = MemberAction.Enter, Role = "member", Members = members },
    };

    private async Task CountAsync(uint online)
    {
        await _node.TellAsync(new NodeBatch { Presence = { new RoomPresenceChange { RoomId = "lobby", Online = online, CountsOnly = true } } });
        await _node.SettledAsync();
    }

    private static async Task<long> NextAsync(TestClient client) => (await client.NextAsync("online_count", "the count")).Number("online");

    // A look at a time: the timer's own would come on other threads.
    private Task PassAsync(TimeSpan time)
    {
        for (var passed = TimeSpan.Zero; passed < time; passed += RoomCounts.Interval)
        {
            _node.Time.Advance(RoomCounts.Interval);
            _node.Of<RoomCounts>().Look();
        }

        return Task.CompletedTask;
    }
}
