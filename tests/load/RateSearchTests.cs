using Tertulia.Load.Scenarios;

namespace Tertulia.Load.Tests;

public sealed class RateSearchTests
{
    [Theory]
    [InlineData(400, 2, 8340)]
    [InlineData(400, 2, 130)]
    [InlineData(6600, 1.25, 8340)]
    [InlineData(12_000, 1.25, 8340)]
    public void The_highest_rate_is_found_to_within_the_asked_factor_in_few_steps(double start, double growth, double limit)
    {
        var search = new RateSearch(start, growth, closeEnough: 1.12);
        List<double> held = [];
        var steps = 0;

        for (; !search.IsDone; steps++)
        {
            var holds = search.Next <= limit;
            held.AddRange(holds ? [search.Next] : []);
            search.Tell(holds);
        }

        Assert.InRange(held.Max(), limit / 1.12, limit);
        Assert.InRange(steps, 3, 14);
    }

    [Fact]
    public void One_failure_alone_ends_nothing()
    {
        var search = new RateSearch(100, 2, 1.12);

        search.Tell(holds: false);
        Assert.Equal(100, search.Next);
        search.Tell(holds: true);

        Assert.Equal(200, search.Next);
    }

    [Fact]
    public void A_server_that_holds_nothing_ends_the_search()
    {
        var search = new RateSearch(100, 2, 1.12);

        for (var tries = 0; !search.IsDone; tries++)
        {
            Assert.InRange(tries, 0, 20);
            search.Tell(holds: false);
        }
    }
}
