using Microsoft.Extensions.Time.Testing;
using Tertulia.Testing;

namespace Tertulia.Presence.Tests;

public sealed class FocusTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new();
    private readonly FaultyBus _bus = TestPresence.NewBus();
    private TestPresence _presence = null!;
    private TestNode _node = null!;

    public async Task InitializeAsync()
    {
        _node = await TestNode.StartAsync(_bus, "node");
        _presence = await TestPresence.StartAsync(_bus, _time);
        await _node.OpenAsync("phone", "ana", "1", "2");
        await _node.OpenAsync("laptop", "ana", "1", "2");
    }

    public async Task DisposeAsync()
    {
        await _presence.DisposeAsync();
        await _node.DisposeAsync();
    }

    [Fact]
    public async Task The_rooms_that_a_users_devices_show_are_known_until_they_show_others_are_away_or_gone()
    {
        await _node.FocusAsync("phone", "1");
        await _node.FocusAsync("laptop", "2");
        await ShowsAsync("1 2");

        await _node.SetAwayAsync("laptop", true);
        await ShowsAsync("1");

        await _node.FocusAsync("phone", "");
        await _node.SetAwayAsync("laptop", false);
        await ShowsAsync("2");

        await _node.CloseAsync("laptop");
        await ShowsAsync("");
    }

    [Fact]
    public async Task A_new_replica_learns_them_and_agrees_with_the_node()
    {
        await _node.FocusAsync("phone", "1");

        await using var other = await TestPresence.StartAsync(_bus, _time);
        await ShowsAsync("1", other);
        _node.Requests.Drain();
        await _node.HeartbeatAsync();
        await _node.FocusAsync("laptop", "2");

        await ShowsAsync("1 2", other);
        await ShowsAsync("1 2");
        Assert.Equal(0, _node.Requests.Waiting);
    }

    private Task ShowsAsync(string rooms, TestPresence? of = null) => Eventually.EqualsAsync(rooms, () =>
        (of ?? _presence).Loop.AskAsync(map => string.Join(' ', map.FocusOf("ana").Order(StringComparer.Ordinal)), CancellationToken.None));
}
