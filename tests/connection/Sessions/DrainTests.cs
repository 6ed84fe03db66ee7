using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Sessions;

public sealed class DrainTests : IAsyncLifetime
{
    private TestNode _node = null!;

    public async Task InitializeAsync() => _node = await TestNode.StartAsync();

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task Clients_are_told_to_come_back_elsewhere_each_in_its_turn_and_then_closed()
    {
        var ana = await _node.ConnectAsync("ana");
        var bruno = await _node.ConnectAsync("bruno");

        var moving = _node.Of<SessionMover>().MoveAsync([ana.Session, bruno.Session], TimeSpan.FromSeconds(10), MoveReason.Drain, CancellationToken.None);

        var first = await ana.NextAsync("reconnect", "the advice");
        var second = await bruno.NextAsync("reconnect", "the advice");
        Assert.Equal(("drain", 0L, 5000L), (first.Text("reason"), first.Number("delay_ms"), first.Number("jitter_ms")));
        Assert.Equal(("drain", 5000L, 5000L), (second.Text("reason"), second.Number("delay_ms"), second.Number("jitter_ms")));
        _node.Time.Advance(TimeSpan.FromSeconds(5));
        Assert.False(ana.Stream.Closed.IsCompleted);
        _node.Time.Advance(SessionMover.Courtesy);
        Assert.Equal(4001, (await Eventually.CompletesAsync(ana.Stream.Closed, "the first is closed")).Code);
        Assert.False(bruno.Stream.Closed.IsCompleted);
        await AdvanceUntilAsync(() => moving.IsCompleted);
        Assert.Equal(4001, (await Eventually.CompletesAsync(bruno.Stream.Closed, "the second is closed")).Code);
    }

    [Fact]
    public async Task The_node_waits_until_its_clients_are_gone()
    {
        var ana = await _node.ConnectAsync("ana");

        var stopping = DrainOnStop().StoppingAsync(CancellationToken.None);
        await ana.NextAsync("reconnect", "the advice");
        await AdvanceUntilAsync(() => ana.Stream.Closed.IsCompleted);
        Assert.False(stopping.IsCompleted);
        await ana.GoAsync();

        await Eventually.CompletesAsync(stopping, "the node has drained");
    }

    [Fact]
    public async Task The_node_does_not_wait_longer_than_its_grace()
    {
        await _node.ConnectAsync("ana");

        var stopping = DrainOnStop().StoppingAsync(CancellationToken.None);
        await AdvanceUntilAsync(() => stopping.IsCompleted);

        Assert.True(stopping.IsCompletedSuccessfully);
        Assert.Equal(1, _node.Of<SessionRegistry>().Count);
    }

    [Fact]
    public async Task A_grace_that_ends_when_the_node_has_drained_already_harms_nobody()
    {
        var time = new LateTimers();
        var drain = new DrainOnStop(
            _node.Of<SessionRegistry>(), _node.Of<SessionMover>(), Options.Create(new DrainOptions()), time, NullLogger<DrainOnStop>.Instance);

        await drain.StoppingAsync(CancellationToken.None);

        Assert.NotEmpty(time.Callbacks);
        time.Callbacks.ForEach(fire => fire()); // On a thread of the pool what it throws ends the process.
    }

    [Fact]
    public async Task Only_the_clients_of_a_gateway_that_goes_are_moved()
    {
        var ana = _node.NewClient(new SessionOpening(TestClient.User("ana"), null, null, "gateway-1", null));
        await ana.OpenAsync();
        await ana.NextAsync("connected", "the greeting");
        var bruno = await _node.ConnectAsync("bruno");
        var grpc = new ConnectionGrpc(_node.Of<SessionRegistry>(), _node.Of<SessionMover>(), NullLogger<ConnectionGrpc>.Instance);

        var reply = await grpc.MoveGatewayClients(new MoveGatewayClientsRequest { GatewayId = "gateway-1", WithinMs = 1000 }, null!);

        Assert.Equal(1u, reply.Connections);
        Assert.Equal(1000, (await ana.NextAsync("reconnect", "the advice")).Number("jitter_ms"));
        await bruno.HasNothingMoreAsync();
        await AdvanceUntilAsync(() => ana.Stream.Closed.IsCompleted);
    }

    /// <summary>Timers that fire although they were disposed of, as those do whose callback has begun already.</summary>
    private sealed class LateTimers : TimeProvider
    {
        public List<Action> Callbacks { get; } = [];

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Callbacks.Add(() => callback(state));
            return base.CreateTimer(_ => { }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    private DrainOnStop DrainOnStop() =>
        _node.Of<IEnumerable<Microsoft.Extensions.Hosting.IHostedService>>().OfType<DrainOnStop>().Single();

    private async Task AdvanceUntilAsync(Func<bool> condition) => await Eventually.HoldsAsync(() =>
    {
        _node.Time.Advance(TimeSpan.FromSeconds(1));
        return condition();
    }, "time passes");
}
