using Microsoft.Extensions.Time.Testing;
using Tertulia.Feed;

namespace Tertulia.Conformance.Tests.Stores;

public sealed class FollowerLagTests
{
    [Fact]
    public void A_follower_is_behind_by_the_time_since_it_had_handled_everything_of_the_partition_that_is_furthest_behind()
    {
        var time = new FakeTimeProvider();
        var lag = new FollowerLag("search", time);
        Assert.Equal(TimeSpan.Zero, lag.Lag);

        lag.Begin(0);
        lag.Begin(1);
        time.Advance(TimeSpan.FromSeconds(3));
        lag.AtEnd(0);
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(TimeSpan.FromSeconds(5), lag.Lag);

        lag.Begin(1); // Again after a failure: it is as far behind as before.
        Assert.Equal(TimeSpan.FromSeconds(5), lag.Lag);
        lag.AtEnd(1);
        Assert.Equal(TimeSpan.FromSeconds(2), lag.Lag);
        lag.Forget(0);
        Assert.Equal(TimeSpan.Zero, lag.Lag);
    }
}
