using Polly;
using Polly.Retry;

namespace Tertulia.Bus.RabbitMq;

/// <summary>Does something again whenever it has ended, with growing pauses while it does not work.</summary>
internal static class RetryLoop
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);

    /// <param name="attempt">True when it worked for a while, so that its end is a new failure; false when it is the same one again. Throws only
    /// <see cref="OperationCanceledException"/>, when it is told to stop.</param>
    /// <param name="longest">Cap of the pauses. Each is left to chance, so that the processes that lost the same broker do not come back in step.</param>
    /// <param name="time">The clock of the pauses.</param>
    /// <param name="stopping">Ends the loop; it then returns without throwing.</param>
    public static async Task RunAsync(
        Func<CancellationToken, ValueTask<bool>> attempt, TimeSpan longest, TimeProvider time, CancellationToken stopping)
    {
        var retry = new ResiliencePipelineBuilder<bool> { TimeProvider = time }.AddRetry(new RetryStrategyOptions<bool>
        {
            ShouldHandle = new PredicateBuilder<bool>().HandleResult(false),
            MaxRetryAttempts = int.MaxValue,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Delay = FirstPause,
            MaxDelay = longest,
        }).Build();
        try
        {
            while (!stopping.IsCancellationRequested)
            {
                await retry.ExecuteAsync(attempt, stopping);
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            return;
        }
    }
}
