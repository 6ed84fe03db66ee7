using Tertulia.Bus;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Repeating;

/// <summary>Forgets requests with a key whose time is over; one replica does it for all.</summary>
internal sealed partial class RequestSweeper(
    IRequestRecords records, StoreStart<IMessageStore> start, [FromKeyedServices(MessageServiceSetup.Service)] Replicas replicas, TimeProvider time,
    ILogger<RequestSweeper> logger) : BackgroundService
{
    /// <summary>Time between two rounds.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private const string Work = "requests"; // Who owns this key does it.

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            await start.Initialized.WaitAsync(stoppingToken);
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await TrySweepAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            return; // The process stops.
        }
    }

    private async Task TrySweepAsync(CancellationToken stoppingToken)
    {
        try
        {
            if (replicas.Owns(Work))
            {
                await records.ForgetAsync(time.GetUtcNow().ToUnixTimeMilliseconds(), stoppingToken);
            }
        }
        catch (StoreUnavailableException exception)
        {
            LogNotSwept(exception.InnerException?.Message ?? exception.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Requests whose time is over are not forgotten yet: {Reason}")]
    private partial void LogNotSwept(string reason);
}
