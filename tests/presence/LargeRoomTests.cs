using Microsoft.Extensions.Time.Testing;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Presence.Tests;

/// <summary>Whatever a client was shown when it came, and however often its room becomes large and small again: in the end it knows who is there.</summary>
public sealed class LargeRoomTests
{
    private const string Room = "stadium";
    private const int Large = 5;
    private const int Steps = 315; // The last phase is one of going.

    private readonly FakeTimeProvider _time = new();
    private readonly FaultyBus _bus = TestPresence.NewBus();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public async Task Clients_of_all_nodes_know_the_users_and_their_names_after_random_crossings_and_lost_flushes(int seed)
    {
        var random = new Random(seed);
        await using var presence = await TestPresence.StartAsync(_bus, _time, $"Presence:LargeRoomUsers={Large}", "Presence:NodeTimeout=00:10:00");
        TestNode[] nodes = [await TestNode.StartAsync(_bus, "n0", 3), await TestNode.StartAsync(_bus, "n1", 3), await TestNode.StartAsync(_bus, "n2", 3)];
        foreach (var node in nodes)
        {
            await node.HeartbeatAsync();
            await node.OpenAsync($"0-{node.Id}", "watcher", Room);
        }

        await presence.KnowsAsync(stats => stats.TotalConnections == nodes.Length, "the watchers are there");
        var clients = new List<Client>();
        for (var step = 1; step <= Steps; step++)
        {
            var node = nodes[random.Next(nodes.Length)];
            switch (random.Next(8))
            {
                case < 5:
                    await ComeOrGoAsync(node, random, step);
                    break;
                case 5:
                    _time.Advance(TimeSpan.FromMilliseconds(random.Next(1500)));
                    break;
                case 6:
                    _bus.RefusesSends = random.Next(3) == 0;
                    break;
                default:
                    clients.Add(await Client.EnterAsync(node, presence));
                    break;
            }
        }

        _bus.RefusesSends = false;
        var truth = Truth(nodes);
        await Eventually.HoldsAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromMilliseconds(500));
                return clients.TrueForAll(client => client.Sees() == truth);
            },
            $"all see {truth}", () => string.Join(" | ", clients.Select(client => client.Sees()).Distinct()));

        foreach (var node in nodes)
        {
            await node.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_node_that_was_taken_for_dead_and_is_back_is_told_who_is_in_its_rooms()
    {
        await using var presence = await TestPresence.StartAsync(_bus, _time);
        await using var node = await TestNode.StartAsync(_bus, "n0");
        await using var other = await TestNode.StartAsync(_bus, "n1");
        await node.HeartbeatAsync();
        await other.HeartbeatAsync();
        await node.OpenAsync("1", "ana", Room);
        Assert.Equal("stadium 1 +ana", await node.NextChangeAsync());

        node.Announces = false;
        for (var second = 0; second < 16; second++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await other.HeartbeatAsync();
        }

        await presence.KnowsAsync(stats => stats.TotalConnections == 0, "the node is taken for dead");
        await presence.ToldAsync();
        await other.OpenAsync("2", "bruno", Room);
        Assert.Equal("stadium 1 +bruno", await other.NextChangeAsync());
        Assert.Empty(node.Unread());
        await node.AnnounceAsync();
        Assert.Equal("stadium 2 +ana", await node.NextChangeAsync());
        Assert.Equal("stadium 2 +ana", await other.NextChangeAsync());
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal("stadium 2 +ana +bruno all", await node.NextChangeAsync());
        Assert.Equal("stadium 2 +ana +bruno all", await other.NextChangeAsync());
    }

    [Fact]
    public async Task A_node_with_very_many_rooms_that_is_back_is_told_of_them_a_part_each_second()
    {
        const int Rooms = 50_000;
        const int MaxNamed = 20_000;
        await using var presence = await TestPresence.StartAsync(_bus, _time, "Presence:NodeTimeout=00:10:00");
        await using var node = await TestNode.StartAsync(_bus, "n0");
        await node.HeartbeatAsync();
        var rooms = Enumerable.Range(0, Rooms).Select(room => $"room-{room}").ToArray();
        foreach (var some in rooms.Chunk(1_000))
        {
            await node.OpenAsync($"c-{some[0]}", "ana", some);
        }

        await presence.KnowsAsync(stats => stats.TotalConnections == Rooms / 1_000, "the node is known");
        node.Announces = false;
        _time.Advance(TimeSpan.FromMinutes(9));
        _time.Advance(TimeSpan.FromMinutes(1));
        await presence.KnowsAsync(stats => stats.TotalConnections == 0, "the node is taken for dead");
        await presence.ToldAsync();
        node.Unread();

        await node.AnnounceAsync();
        await presence.KnowsAsync(stats => stats.TotalConnections == Rooms / 1_000, "the node is back");
        await presence.ToldAsync();
        Assert.DoesNotContain(node.Seen, change => change.Complete);
        var told = new HashSet<string>(StringComparer.Ordinal);
        for (var second = 1; told.Count < Rooms; second++)
        {
            var before = told.Count;
            _time.Advance(TimeSpan.FromSeconds(1));
            await Eventually.HoldsAsync(() => Whole() > before, "some rooms are told");
            await presence.ToldAsync();
            Assert.InRange(Whole() - before, 1, MaxNamed);
        }

        int Whole()
        {
            told.UnionWith(node.Seen.Where(change => change.Complete).Select(change => change.RoomId));
            return told.Count;
        }
    }

    [Fact]
    public async Task A_user_with_two_names_is_shown_with_that_of_its_newest_connection()
    {
        await using var presence = await TestPresence.StartAsync(_bus, _time);
        await using var node = await TestNode.StartAsync(_bus, "n0");
        await node.HeartbeatAsync();
        await OpenAsync(node, "1", "ana", "Ana");
        Assert.Equal("Ana", await NameAsync());

        await OpenAsync(node, "2", "ana", "Ana María");
        await OpenAsync(node, "3", "bruno", "Bruno");
        Assert.Equal("Ana María", await NameAsync());
        Assert.Equal("Ana María", (await presence.RoomAsync(Room)).Users.Single(user => user.UserId == "ana").Username);

        await node.CloseAsync("2");
        Assert.Equal("Ana", await NameAsync());

        async Task<string> NameAsync()
        {
            PresentUser? told = null;
            await Eventually.HoldsAsync(
                () => (told = node.Seen.SelectMany(change => change.Joined).LastOrDefault(user => user.UserId == "ana")) is not null && IsLatest(told.Username),
                "the name is told", () => string.Join(' ', node.Seen.SelectMany(change => change.Joined).Select(user => user.Username)));
            return told!.Username;
        }

        bool IsLatest(string name) => name == node.Connections.Where(connection => connection.UserId == "ana")
            .MaxBy(connection => connection.ConnectionId, StringComparer.Ordinal)!.Username;
    }

    private static async Task ComeOrGoAsync(TestNode node, Random random, int step)
    {
        var mine = node.Connections.Where(connection => connection.UserId != "watcher").ToArray();
        // Many come, then many go, so that the room crosses the limit in both directions.
        if (mine.Length == 0 || (step / 40 % 2 == 0 ? random.Next(3) > 0 : random.Next(4) == 0))
        {
            await OpenAsync(node, $"{step:D5}-{node.Id}", $"user-{random.Next(9)}", $"name-{random.Next(2)}");
        }
        else
        {
            await node.CloseAsync(mine[random.Next(mine.Length)].ConnectionId);
        }
    }

    private static Task OpenAsync(TestNode node, string connectionId, string userId, string username) => node.ReportAsync(
    [
        new PresenceChange { ConnectionId = connectionId, Opened = new ConnectionOpened { UserId = userId, Username = username } },
        TestNode.Entered(connectionId, Room),
    ]);

    private static string Truth(TestNode[] nodes)
    {
        var users = nodes.SelectMany(node => node.Connections).GroupBy(connection => connection.UserId)
            .ToDictionary(user => user.Key, user => user.MaxBy(connection => connection.ConnectionId, StringComparer.Ordinal)!.Username);
        return users.Count > Large ? $"{users.Count} users" : Words(users);
    }

    private static string Words(Dictionary<string, string> users) =>
        string.Join(' ', users.Select(user => $"{user.Key}={user.Value}").Order(StringComparer.Ordinal));

    /// <summary>A client as the protocol has it: it is shown the room, then applies what its node is told.</summary>
    private sealed class Client
    {
        private readonly TestNode _node;
        private readonly int _from;
        private readonly RoomPresence _shown;

        private Client(TestNode node, int from, RoomPresence shown) => (_node, _from, _shown) = (node, from, shown);

        public static async Task<Client> EnterAsync(TestNode node, TestPresence presence)
        {
            var from = node.Seen.Count; // What comes from now on waits until the room was shown.
            return new Client(node, from, await presence.RoomAsync(Room));
        }

        public string Sees()
        {
            var (users, online) = (_shown.Users.ToDictionary(user => user.UserId, user => user.Username), _shown.Online);
            var isLarge = _shown.Users.Count < _shown.Online;
            foreach (var change in _node.Seen.Skip(_from))
            {
                if (change.CountsOnly || change.Complete)
                {
                    (isLarge, online) = (change.CountsOnly, change.Online);
                    users.Clear();
                }

                foreach (var user in change.Left)
                {
                    users.Remove(user.UserId);
                }

                foreach (var user in change.Joined)
                {
                    users[user.UserId] = user.Username;
                }
            }

            return isLarge ? $"{online} users" : Words(users);
        }
    }
}
