using Tertulia.Messages.Flushing;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Tests.Flushing;

public sealed class RecentKeysTests
{
    [Fact]
    public void The_latest_keys_are_there_and_the_oldest_are_forgotten()
    {
        var recent = new RecentKeys(capacity: 3);
        for (var i = 0; i < 9; i++)
        {
            recent.Add(Key(i), new StoredEntry($"{i}", i, 0));
        }

        Assert.All(Enumerable.Range(6, 3), i => Assert.True(recent.TryGet(Key(i), out _)));
        Assert.False(recent.TryGet(Key(0), out _));
    }

    [Fact]
    public void What_is_asked_for_again_and_again_stays()
    {
        var recent = new RecentKeys(capacity: 3);
        recent.Add(Key(0), new StoredEntry("0", 7, 8));
        for (var i = 1; i < 20; i++)
        {
            recent.Add(Key(i), default);
            Assert.True(recent.TryGet(Key(0), out var found));
            Assert.Equal(new StoredEntry("0", 7, 8), found);
        }
    }

    [Fact]
    public void Without_a_capacity_nothing_is_kept()
    {
        var recent = new RecentKeys(capacity: 0);
        recent.Add(Key(1), default);

        Assert.False(recent.TryGet(Key(1), out _));
    }

    private static EntryKey Key(int number) => new("lobby", "ana", $"c{number}");
}
