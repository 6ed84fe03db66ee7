using Microsoft.Extensions.Time.Testing;
using Tertulia.Feed;

namespace Tertulia.Conformance.Stores;

/// <summary>A follower that can rely on hints looks rarely, and one that cannot looks once a second.</summary>
public sealed class LookPaceTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly LookPace _looks;
    private readonly ITimer _timer;
    private int _woken;

    public LookPaceTests()
    {
        _looks = new LookPace(_time);
        _timer = _looks.Begin(() => _woken++);
    }

    public void Dispose() => _timer.Dispose();

    [Fact]
    public void Looks_that_find_nothing_become_rare() => Assert.Equal([1, 3, 7, 12, 17, 22], LooksWithin(seconds: 26));

    [Fact]
    public void Doubt_brings_the_next_look_within_a_second_and_those_after_it_become_rare_again()
    {
        Assert.Equal([1, 3, 7, 12], LooksWithin(seconds: 14));

        _looks.Doubt();

        Assert.Equal([1, 3, 7, 12], LooksWithin(seconds: 14));
    }

    [Fact]
    public void Doubt_does_not_put_off_a_look_that_is_due_earlier()
    {
        for (var tenth = 0; tenth < 10; tenth++)
        {
            Assert.False(_looks.TryTake());
            _time.Advance(TimeSpan.FromSeconds(0.1));
            _looks.Doubt();
        }

        Assert.True(_looks.TryTake());
    }

    [Fact]
    public void A_look_that_fails_is_followed_by_others()
    {
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(_looks.TryTake());

        _looks.Doubt(); // What the follower does after a failure.

        Assert.Equal([1, 3], LooksWithin(seconds: 4));
    }

    [Fact]
    public void Whoever_is_woken_finds_one_look_to_take()
    {
        _time.Advance(TimeSpan.FromSeconds(20));

        Assert.Equal(1, _woken);
        Assert.True(_looks.TryTake());
        Assert.False(_looks.TryTake());
    }

    /// <summary>The seconds from now on at which a follower looks.</summary>
    private List<int> LooksWithin(int seconds)
    {
        List<int> looks = [];
        for (var second = 1; second <= seconds; second++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            if (_looks.TryTake())
            {
                looks.Add(second);
            }
        }

        return looks;
    }
}
