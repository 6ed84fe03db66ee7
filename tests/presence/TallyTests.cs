using Tertulia.Presence.Tracking;

namespace Tertulia.Presence.Tests;

public sealed class TallyTests
{
    [Fact]
    public void It_counts_as_a_dictionary_would()
    {
        string[] things = ["a", "b", "c"];
        var random = new Random(7);
        var tally = new Tally<string>();
        var truth = new Dictionary<string, int>();
        for (var i = 0; i < 10_000; i++)
        {
            var thing = things[random.Next(things.Length)];
            var times = truth.GetValueOrDefault(thing);
            if (times > 0 && random.Next(2) == 0)
            {
                Assert.Equal(times == 1, tally.Remove(thing));
                truth[thing] = times - 1;
            }
            else
            {
                Assert.Equal(times == 0, tally.Add(thing));
                truth[thing] = times + 1;
            }

            Assert.Equal(truth.Values.Sum(), tally.Total);
            Assert.Equal(truth.Values.Count(count => count > 0), tally.Count);
            Assert.All(things, thing => Assert.Equal(truth.GetValueOrDefault(thing), tally.Times(thing)));
            Assert.Equal(truth.Where(pair => pair.Value > 0).Select(pair => pair.Key).Order(StringComparer.Ordinal), tally.ToArray().Order(StringComparer.Ordinal));
        }
    }
}
