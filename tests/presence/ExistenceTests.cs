using Microsoft.Extensions.Time.Testing;
using Tertulia.Contracts;
using Tertulia.Presence.Existence;
using Tertulia.Testing;

namespace Tertulia.Presence.Tests;

/// <summary>Which rooms are occupied and which users are online: all at first, then what changes, as others see it.</summary>
public sealed class ExistenceTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new();
    private readonly FaultyBus _bus = TestPresence.NewBus();
    private readonly Recorder<ExistencePart> _parts = new();
    private readonly CancellationTokenSource _ending = new();
    private Task _writing = Task.CompletedTask;
    private bool _hasBegun;
    private TestPresence _presence = null!;
    private TestNode _node = null!;

    public async Task InitializeAsync()
    {
        _node = await TestNode.StartAsync(_bus, "node");
        _presence = await TestPresence.StartAsync(_bus, _time);
    }

    public async Task DisposeAsync()
    {
        await _ending.CancelAsync();
        await _writing;
        await _presence.DisposeAsync();
        await _node.DisposeAsync();
        _ending.Dispose();
    }

    [Fact]
    public async Task All_is_told_at_first_and_then_who_is_the_first_and_who_is_the_last()
    {
        await _presence.ChooseAsync("eva", "invisible");
        await _node.OpenAsync("a", "ana", "lobby");
        await _node.OpenAsync("e", "eva", "lobby", "hidden");
        await KnownAsync(connections: 2);

        Follow();
        Assert.Equal("complete lobby | ana", await NextAsync());

        await _node.OpenAsync("b", "bruno", "lobby", "team");
        await _node.OpenAsync("a2", "ana", "team");
        await KnownAsync(connections: 4);
        Assert.Equal("team | bruno", await NextAsync()); // Not the lobby, nor ana, who were there.

        await _node.CloseAsync("a");
        await _node.LeaveAsync("b", "lobby");
        await _presence.HasAsync(map => map.Rooms["lobby"].Online == 0, "the lobby is empty");
        Assert.Equal("-lobby |", await NextAsync());

        await _presence.ChooseAsync("eva", "online");
        await _presence.ChooseAsync("bruno", "invisible");
        await _presence.HasAsync(map => map.Users["eva"].Look is not null && map.Users["bruno"].Look is null, "eva is seen, bruno is not");
        Assert.Equal("hidden lobby | eva -bruno", await NextAsync());

        await _node.GoAsync();
        await KnownAsync(connections: 0);
        Assert.Equal("-hidden -lobby -team | -ana -bruno -eva", await NextAsync());
        Assert.Equal("|", await NextAsync());
    }

    [Fact]
    public async Task A_large_picture_comes_in_parts()
    {
        for (var user = 0; user < 3; user++)
        {
            var rooms = Enumerable.Range(0, 1_000).Select(room => $"room-{user}-{room}").ToArray();
            await _node.OpenAsync($"c{user}", $"user-{user}", rooms);
        }

        await KnownAsync(connections: 3);
        Follow();

        List<ExistencePart> parts = [await _parts.NextAsync()];
        while (!parts[^1].Complete)
        {
            parts.Add(await _parts.NextAsync());
        }

        Assert.True(parts.Count > 1);
        Assert.Equal(3_000, parts.SelectMany(part => part.OccupiedRooms).Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(["user-0", "user-1", "user-2"], parts.SelectMany(part => part.OnlineUsers).Order(StringComparer.Ordinal));
    }

    private void Follow() => _writing = _presence.Existence.WriteAsync(
        part =>
        {
            _parts.Add(part);
            return Task.CompletedTask;
        },
        _ending.Token);

    private Task KnownAsync(uint connections) => _presence.KnowsAsync(stats => stats.TotalConnections == connections, $"{connections} connections are known");

    /// <summary>The next part, after the time until it is due has passed.</summary>
    private async Task<string> NextAsync()
    {
        if (_hasBegun)
        {
            _time.Advance(ExistenceStream.Interval);
        }

        _hasBegun = true;
        return Words(await _parts.NextAsync());
    }

    private static string Words(ExistencePart part) => string.Join(' ', (string[])
    [
        .. part.Complete ? (string[])["complete"] : [],
        .. part.OccupiedRooms.Order(StringComparer.Ordinal), .. part.VacatedRooms.Order(StringComparer.Ordinal).Select(id => $"-{id}"), "|",
        .. part.OnlineUsers.Order(StringComparer.Ordinal), .. part.OfflineUsers.Order(StringComparer.Ordinal).Select(id => $"-{id}"),
    ]);
}
