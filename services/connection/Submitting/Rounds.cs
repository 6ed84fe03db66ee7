namespace Tertulia.Connections.Submitting;

/// <summary>Work that is done again and again, until the host stops.</summary>
internal static partial class Rounds
{
    /// <summary>Runs one round after every interval. A round that throws is logged, and the next one runs: the host would stop the process.</summary>
    public static async Task RunAsync(Action round, TimeSpan interval, TimeProvider time, ILogger logger, CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                try
                {
                    round();
                }
                catch (Exception exception)
                {
                    LogFailed(logger, exception);
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            return; // The host stops.
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "A round failed; the next one follows")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}
