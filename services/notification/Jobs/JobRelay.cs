using Microsoft.Extensions.Options;
using Tertulia.Bus;
using Tertulia.Notifications.Storage;
using Tertulia.Sql;

namespace Tertulia.Notifications.Jobs;

/// <summary>Gives out what is due: from the store to the broker. Every replica does, each job goes once.</summary>
internal sealed partial class JobRelay(
    JobStore jobs, JobBus bus, StoreStart<NotificationStore> store, IOptions<JobsOptions> options, IOptions<LiveBusOptions> transport, TimeProvider time,
    ILogger<JobRelay> logger) : BackgroundService
{
    private const int AtOnce = 200;

    private readonly SemaphoreSlim _due = new(0, 1);

    /// <inheritdoc />
    public override void Dispose()
    {
        _due.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        jobs.Due += Ring;
        try
        {
            await Task.WhenAll(bus.Started, store.Initialized).WaitAsync(stoppingToken);
            await TakeBackAsync(stoppingToken);
            while (true)
            {
                if (await TryRelayAsync(stoppingToken) < AtOnce)
                {
                    await WaitAsync(stoppingToken);
                }
            }
        }
        finally
        {
            jobs.Due -= Ring;
        }
    }

    // Where there is one process, what was given out was given to the one before it, which is gone with its queues.
    private async Task TakeBackAsync(CancellationToken stoppingToken)
    {
        if (transport.Value.Kind != BusKind.InProcess)
        {
            return;
        }

        try
        {
            await jobs.ReleaseAllAsync(stoppingToken);
        }
        catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
        {
            LogLate("store", exception); // They are given out again when their leases end.
        }
    }

    /// <returns>How many went.</returns>
    private async Task<int> TryRelayAsync(CancellationToken stoppingToken)
    {
        try
        {
            var claimed = await jobs.ClaimAsync(options.Value.Lease, AtOnce, stoppingToken);
            var sent = await Task.WhenAll(claimed.Select(message => TrySendAsync(message, stoppingToken)));
            return sent.Count(went => went);
        }
        catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
        {
            LogLate("store", exception);
            return 0;
        }
    }

    /// <returns>False when the broker did not take it: it is due again. Should it have arrived all the same, its claim is void.</returns>
    private async Task<bool> TrySendAsync(JobMessage message, CancellationToken stoppingToken)
    {
        try
        {
            await bus.SendAsync(message, stoppingToken);
            return true;
        }
        catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
        {
            LogLate("broker", exception);
            await jobs.ReleaseAsync(message, stoppingToken);
            return false;
        }
    }

    private async Task WaitAsync(CancellationToken stoppingToken)
    {
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        var timer = Task.Delay(options.Value.LookEvery, time, waiting.Token);
        var rung = _due.WaitAsync(waiting.Token);
        await Task.WhenAny(timer, rung);
        await waiting.CancelAsync();
        stoppingToken.ThrowIfCancellationRequested();
    }

    private void Ring()
    {
        try
        {
            _due.Release();
        }
        catch (SemaphoreFullException)
        {
            // It is about to look anyway.
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Jobs wait: the {Part} does not answer")]
    private partial void LogLate(string part, Exception exception);
}
