using Tertulia.Testing;
using Xunit.Abstractions;

namespace Tertulia.Integration.Tests;

/// <summary>Who comes into a room misses nothing: the greeting and what comes live have no hole between them, also while others write and join.</summary>
public sealed class JoinUnderTrafficTests(AllInOneFixture fixture, ITestOutputHelper output) : IClassFixture<AllInOneFixture>
{
    [Fact]
    public async Task Whoever_comes_into_the_one_process_while_others_talk_sees_everything_once()
    {
        var traffic = new JoinTraffic([fixture.Product.Url]);

        var violations = await traffic.RunAsync(newcomers: 600);

        output.WriteLine($"{traffic.Visits} visits while {traffic.Messages} messages were said and {traffic.Changes} changes were made");
        Guarantees.Held(violations);
        Assert.NotEqual(0, traffic.Changes);
        Assert.Equal(690, traffic.Visits);
    }
}
