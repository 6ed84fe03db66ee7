namespace Tertulia.Chat.Tests;

public sealed class BackoffTests
{
    [Fact]
    public void The_limit_doubles_from_one_second_up_to_thirty_and_a_connection_starts_it_again()
    {
        var backoff = new Backoff(() => 1);

        Assert.Equal([1, 2, 4, 8, 16, 30, 30], Enumerable.Range(0, 7).Select(_ => backoff.Next().TotalSeconds));
        backoff.Reset();
        Assert.Equal(1, backoff.Next().TotalSeconds);
    }

    [Fact]
    public void The_wait_is_spread_over_the_whole_of_it()
    {
        Assert.Equal(0, new Backoff(() => 0).Next().TotalSeconds);
        Assert.Equal(0.25, new Backoff(() => 0.25).Next().TotalSeconds);
    }
}
