using Tertulia.Testing;
using Xunit.Abstractions;

namespace Tertulia.Integration.Tests;

/// <summary>Who comes into a room of the cluster misses nothing: the greeting and what comes live have no hole between them, also while others write and join.</summary>
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
[Collection(TrafficCollection.Name)]
public sealed class JoinUnderClusterTrafficTests(FaultCluster fixture, ITestOutputHelper output)
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Whoever_comes_through_one_or_two_nodes_while_others_talk_sees_everything_once(int nodes)
    {
        var traffic = new JoinTraffic([.. fixture.Cluster.NodeUrls.Take(nodes)]);

        var violations = await traffic.RunAsync(newcomers: 200);

        output.WriteLine($"{traffic.Visits} visits while {traffic.Messages} messages were said and {traffic.Changes} changes were made");
        Guarantees.Held(violations);
        Assert.NotEqual(0, traffic.Changes);
        Assert.Equal(230, traffic.Visits);
    }
}
