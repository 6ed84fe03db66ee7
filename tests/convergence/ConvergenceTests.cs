using Xunit.Abstractions;

namespace Tertulia.Convergence.Tests;

/// <summary>In this process, on SQLite.</summary>
/// <param name="output">The whole script of a failure.</param>
public sealed class ConvergenceTests(ITestOutputHelper output) : Scripts(output)
{
    private const int SeedsOfWorld = 25; // Then a new one, so that a failure of a world is not a failure of all.

    [Fact]
    public async Task All_models_of_a_room_are_equal_in_the_end()
    {
        var first = Setting("TERTULIA_SEED", 1);
        var count = Setting("TERTULIA_SEEDS", 200);
        for (var seed = first; seed < first + count; seed += SeedsOfWorld)
        {
            await using var world = await World.StartAsync(nodes: 3, replicas: 2);
            await CheckAsync(world, Enumerable.Range(seed, Math.Min(SeedsOfWorld, first + count - seed)), kills: 0);
        }
    }
}
