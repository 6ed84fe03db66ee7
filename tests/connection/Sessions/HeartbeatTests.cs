using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Sessions;

public sealed class HeartbeatTests : IAsyncLifetime
{
    private TestNode _node = null!;

    public async Task InitializeAsync() => _node = await TestNode.StartAsync();

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task A_silent_client_is_pinged_and_then_closed()
    {
        var ana = await _node.ConnectAsync("ana");

        Look(seconds: 25);
        await Eventually.HoldsAsync(() => ana.Stream.Pings == 1, "a ping");
        Look(seconds: 19);
        Assert.False(ana.Stream.Closed.IsCompleted);
        Look(seconds: 1);

        Assert.Equal(4002, (await Eventually.CompletesAsync(ana.Stream.Closed, "the close frame")).Code);
        Assert.Equal(1, ana.Stream.Pings);
    }

    [Fact]
    public async Task Any_frame_of_the_client_counts()
    {
        var ana = await _node.ConnectAsync("ana");

        for (var round = 0; round < 5; round++)
        {
            Look(seconds: 24);
            ana.Session.Heard();
        }

        Assert.Equal(0, ana.Stream.Pings);
        Assert.False(ana.Stream.Closed.IsCompleted);
    }

    [Fact]
    public async Task A_client_that_is_not_listened_to_is_not_taken_for_gone()
    {
        var ana = await _node.ConnectAsync("ana");
        ana.Stream.Stall();
        for (var sent = 0; sent < 6; sent++)
        {
            ana.Session.Send(new ErrorEvent(ErrorCode.Internal, new string('x', 60_000)));
        }

        await Eventually.HoldsAsync(() => ana.Session.Outbox.WhenRoomAsync() is { IsCompleted: false }, "its outbox is full, so that its frames wait");
        Look(seconds: 100);
        Assert.False(ana.Session.Outbox.IsClosing);

        ana.Stream.Resume();
        await Eventually.HoldsAsync(() => !ana.Session.Outbox.HoldsClientBack, "it is listened to again");
        Look(seconds: 24);
        Assert.Equal(0, ana.Stream.Pings); // Its silence begins now.
        Look(seconds: 2);
        await Eventually.HoldsAsync(() => ana.Stream.Pings == 1, "a ping");
    }

    [Fact]
    public async Task An_answered_ping_starts_the_silence_anew()
    {
        var ana = await _node.ConnectAsync("ana");

        Look(seconds: 26);
        await Eventually.HoldsAsync(() => ana.Stream.Pings == 1, "the first ping");
        ana.Session.Heard();
        Look(seconds: 27);

        await Eventually.HoldsAsync(() => ana.Stream.Pings == 2, "the second ping");
        Assert.False(ana.Stream.Closed.IsCompleted);
    }

    [Fact]
    public async Task An_ending_token_is_announced_once_and_then_ends_the_session()
    {
        var expiresAt = _node.Time.GetUtcNow() + TimeSpan.FromSeconds(90);
        var ana = _node.NewClient(new SessionOpening(TestClient.User("ana", expiresAt), null, null, null, null));
        await ana.OpenAsync();
        await ana.NextAsync("connected", "the greeting");

        LookAlive(ana, seconds: 29);
        await ana.HasNothingMoreAsync();
        LookAlive(ana, seconds: 10);
        await ana.NextAsync("token_expiring", "the warning");
        await ana.HasNothingMoreAsync();
        LookAlive(ana, seconds: 55);
        await ana.HasNothingMoreAsync(); // The clocks may differ by 5 seconds here as at the door.
        LookAlive(ana, seconds: 1);

        Assert.Equal(40103, (await ana.NextAsync("error", "the reason")).Code);
        Assert.Equal(4004, (await Eventually.CompletesAsync(ana.Stream.Closed, "the close frame")).Code);
    }

    [Fact]
    public async Task A_new_token_prolongs_the_session()
    {
        var now = _node.Time.GetUtcNow();
        var ana = _node.NewClient(new SessionOpening(TestClient.User("ana", now + TimeSpan.FromSeconds(70)), null, null, null, null));
        await ana.OpenAsync();
        await ana.NextAsync("connected", "the greeting");
        LookAlive(ana, seconds: 30);
        await ana.NextAsync("token_expiring", "the warning");

        ana.Session.Caller = TestClient.User("ana", now + TimeSpan.FromSeconds(300));
        LookAlive(ana, seconds: 100);

        await ana.HasNothingMoreAsync();
        Assert.False(ana.Stream.Closed.IsCompleted);
    }

    // The loop of the node itself stands still unless time is advanced; each second is one round.
    private void Look(int seconds)
    {
        for (var second = 0; second < seconds; second++)
        {
            _node.Of<Heartbeat>().Look();
            Pass(TimeSpan.FromSeconds(1));
        }

        _node.Of<Heartbeat>().Look();
    }

    private void LookAlive(TestClient client, int seconds)
    {
        for (var second = 0; second < seconds; second++)
        {
            client.Session.Heard();
            Look(seconds: 1);
        }
    }

    private void Pass(TimeSpan time) => _node.Time.Advance(time);
}
