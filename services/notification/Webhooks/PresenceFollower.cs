using Grpc.Core;
using Tertulia.Bus;
using Tertulia.Contracts;

namespace Tertulia.Notifications.Webhooks;

/// <summary>Listens to presence on behalf of webhooks: one replica of this service, while any webhook wants it.</summary>
internal sealed partial class PresenceFollower(
    Func<Task> ready, PresenceService.PresenceServiceClient presence, PresenceWebhooks webhooks, Replicas replicas, string replicaId, TimeProvider time,
    ILogger<PresenceFollower> logger) : BackgroundService
{
    /// <summary>Which of the replicas it is, by their sharing of work.</summary>
    public const string Work = "webhooks:presence";

    /// <summary>How often it is looked whether there is something to do.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>Parts come each half second; one that is silent for so long is gone.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await ready().WaitAsync(stoppingToken);
            using var timer = new PeriodicTimer(Interval, time);
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                await TryFollowAsync(stoppingToken);
            }
        }
        catch (Exception exception) when (stoppingToken.IsCancellationRequested && exception is OperationCanceledException or RpcException)
        {
            LogStopped();
        }
    }

    private async Task TryFollowAsync(CancellationToken stoppingToken)
    {
        try
        {
            if (replicas.Owns(Work) && await webhooks.AreWantedAsync(stoppingToken))
            {
                await FollowAsync(stoppingToken);
            }
        }
        catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
        {
            LogLate(exception is RpcException rpc ? rpc.StatusCode.ToString() : exception.Message);
        }
    }

    private async Task FollowAsync(CancellationToken stoppingToken)
    {
        await webhooks.TakeAsync(replicaId, stoppingToken);
        webhooks.Begin();
        using var silence = new CancellationTokenSource(Patience, time);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, silence.Token);
        using var call = presence.FollowExistence(new FollowExistenceRequest(), cancellationToken: ending.Token);
        while (await call.ResponseStream.MoveNext(ending.Token))
        {
            webhooks.Apply(call.ResponseStream.Current);
            silence.CancelAfter(Timeout.InfiniteTimeSpan);
            if (!replicas.Owns(Work) || !await webhooks.TellAsync(replicaId, stoppingToken))
            {
                return;
            }

            silence.CancelAfter(Patience);
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Webhooks are told of presence a second later: {Reason}")]
    private partial void LogLate(string reason);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Webhooks are not told of presence any more")]
    private partial void LogStopped();
}
