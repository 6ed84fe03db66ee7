using Tertulia.Connections.Announcing;
using Tertulia.Connections.Limits;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Announcing;

public sealed class RateExchangeTests : IAsyncLifetime
{
    private TestNode _node = null!;

    public async Task InitializeAsync() => _node = await TestNode.StartAsync();

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task What_a_user_did_here_is_told_to_its_other_nodes_once()
    {
        var told = new List<RateUsage>();
        await using var other = await _node.Bus.ReceiveAsNodeAsync("other", batch =>
        {
            lock (told)
            {
                told.AddRange(batch.RateUsage);
            }

            return ValueTask.CompletedTask;
        }, () => ValueTask.CompletedTask, CancellationToken.None);
        await _node.ConnectAsync("ana");
        await _node.TellAsync(new NodeBatch { UserNodes = { new UserNodes { UserId = "ana", NodeIds = { _node.Id, "other" } } } });
        await _node.SettledAsync();
        for (var index = 0; index < 3; index++)
        {
            _node.Of<UserRates>().TryTake("ana", out _);
        }

        _node.Of<RateExchange>().Exchange();
        _node.Of<RateExchange>().Exchange();

        await Eventually.HoldsAsync(() => told.Count > 0, "the other node is told");
        var usage = Assert.Single(told);
        Assert.Equal(("ana", 3u), (usage.UserId, usage.Events));
    }

    [Fact]
    public async Task What_a_user_did_elsewhere_counts_here()
    {
        await _node.TellAsync(new NodeBatch { RateUsage = { new RateUsage { UserId = "ana", Events = 19 } } });
        await _node.SettledAsync();
        var rates = _node.Of<UserRates>();

        Assert.True(rates.TryTake("ana", out _));
        Assert.False(rates.TryTake("ana", out var retryAfterMs));
        Assert.True(retryAfterMs > 0);
    }
}
