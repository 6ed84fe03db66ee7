using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Tertulia.Connections.Submitting;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Submitting;

public sealed class RoundsTests
{
    [Fact]
    public async Task After_a_round_that_throws_the_next_one_follows()
    {
        var time = new FakeTimeProvider();
        using var stop = new CancellationTokenSource();
        var rounds = 0;
        var running = Rounds.RunAsync(Round, TimeSpan.FromSeconds(1), time, NullLogger.Instance, stop.Token);

        await Eventually.HoldsAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return Volatile.Read(ref rounds) >= 3;
        }, "three rounds");
        await stop.CancelAsync();
        await Eventually.CompletesAsync(running, "it ends");

        void Round()
        {
            Interlocked.Increment(ref rounds);
            throw new InvalidOperationException("a round fails");
        }
    }
}
