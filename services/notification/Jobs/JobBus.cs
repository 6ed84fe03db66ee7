using MassTransit;
using MassTransit.Logging;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using Tertulia.Bus;

namespace Tertulia.Notifications.Jobs;

/// <summary>The jobs' way through the broker, on MassTransit: one queue for each kind, on RabbitMQ a quorum queue, or its in-memory transport where there is no
/// broker.</summary>
/// <remarks>It carries, it does not keep: the store has every job until it is done. Its part is to share the work out between the replicas, to bound how much is
/// done at the same time, and to try again what throws.</remarks>
internal sealed partial class JobBus(
    JobRunner runner, IOptions<LiveBusOptions> kind, IOptions<RabbitMqOptions> rabbitMq, IOptions<JobsOptions> options,
    ILoggerFactory loggers, ILogger<JobBus> logger) : IHostedService, IHealthCheck, IDisposable
{
    private static readonly TimeSpan SendTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(10);

    private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _stopping = new();
    private IBusControl? _bus;
    private Task _starting = Task.CompletedTask;

    /// <summary>Completes when the queues are there.</summary>
    public Task Started => _started.Task;

    /// <inheritdoc />
    public Task StartAsync(CancellationToken cancellationToken)
    {
        LogContext.ConfigureCurrentLogContext(loggers);
        _bus = kind.Value.Kind == BusKind.RabbitMq
            ? MassTransit.Bus.Factory.CreateUsingRabbitMq(Configure)
            : MassTransit.Bus.Factory.CreateUsingInMemory(Configure);
        _starting = StartAsync(_bus); // However long the broker takes: a process starts without it.
        return Task.CompletedTask;
    }

    /// <inheritdoc />
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await _starting;
        if (_bus is not null && Started.IsCompletedSuccessfully)
        {
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            deadline.CancelAfter(StopTimeout);
            try
            {
                await _bus.StopAsync(deadline.Token);
            }
            catch (OperationCanceledException) when (deadline.IsCancellationRequested)
            {
                LogNotStopped(StopTimeout); // The store still has each job that is not done. What it threw here would end the process with SIGABRT.
            }
        }
    }

    /// <inheritdoc />
    public void Dispose() => _stopping.Dispose();

    /// <summary>Hands a job to a replica, any of them.</summary>
    /// <exception cref="OperationCanceledException">The broker did not confirm in time.</exception>
    public async Task SendAsync(JobMessage message, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(SendTimeout);
        // To the exchange, not the queue: a sender would declare a queue of another type.
        var endpoint = await _bus!.GetSendEndpoint(new Uri($"exchange:{QueueOf(message.Kind)}"));
        await endpoint.Send(message, Pipe.Execute<SendContext<JobMessage>>(context => FailedJobs.Write(context.Headers, message)), deadline.Token);
    }

    /// <inheritdoc />
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) => Task.FromResult(
        Started.IsCompletedSuccessfully && _bus!.CheckHealth().Status == BusHealthStatus.Healthy
            ? HealthCheckResult.Healthy()
            : HealthCheckResult.Unhealthy("not connected to the broker"));

    private async Task StartAsync(IBusControl bus)
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                await bus.StartAsync(_stopping.Token);
                _started.TrySetResult();
                return;
            }
            catch (Exception exception) when (!_stopping.IsCancellationRequested)
            {
                LogNotStarted(exception);
                await Task.Delay(TimeSpan.FromSeconds(1), _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (Exception)
            {
                return; // Stopped while it started, whatever the transport makes of that.
            }
        }
    }

    private void Configure(IRabbitMqBusFactoryConfigurator bus)
    {
        var uri = rabbitMq.Value.Uri;
        var user = uri.UserInfo.Split(':', 2);
        var tls = uri.Scheme == "amqps";
        var port = (ushort)(uri.Port > 0 ? uri.Port : tls ? 5671 : 5672);
        var virtualHost = Uri.UnescapeDataString(uri.AbsolutePath.TrimStart('/'));
        bus.Host(uri.Host, port, virtualHost.Length > 0 ? virtualHost : "/", host =>
        {
            if (user is [{ Length: > 0 } name, ..])
            {
                host.Username(Uri.UnescapeDataString(name));
            }

            if (user is [_, var password])
            {
                host.Password(Uri.UnescapeDataString(password));
            }

            if (tls)
            {
                host.UseSsl(ssl => ssl.ServerName = uri.Host);
            }

            host.Heartbeat(rabbitMq.Value.Heartbeat);
        });
        foreach (var queue in runner.Kinds)
        {
            bus.ReceiveEndpoint(QueueOf(queue), endpoint =>
            {
                endpoint.SetQuorumQueue();
                Configure(endpoint);
            });
        }
    }

    private void Configure(IInMemoryBusFactoryConfigurator bus)
    {
        foreach (var queue in runner.Kinds)
        {
            bus.ReceiveEndpoint(QueueOf(queue), Configure);
        }
    }

    private void Configure(IReceiveEndpointConfigurator endpoint)
    {
        endpoint.ConfigureConsumeTopology = false; // Jobs are sent to a queue, not published by type.
        endpoint.PrefetchCount = options.Value.Concurrency * 2;
        endpoint.ConcurrentMessageLimit = options.Value.Concurrency;
        endpoint.ConfigureError(errors => errors.UseFilter(new FailedJobs(runner)));
        if (options.Value.Retries > 0)
        {
            endpoint.UseMessageRetry(retry => retry.Exponential(
                options.Value.Retries, TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(10), TimeSpan.FromMilliseconds(300)));
        }

        endpoint.Handler<JobMessage>(context => runner.RunAsync(context.Message, context.CancellationToken));
    }

    private string QueueOf(string kind) => $"{rabbitMq.Value.Prefix}.jobs.{kind}";

    [LoggerMessage(Level = LogLevel.Warning, Message = "The jobs' queues are not there yet; trying again")]
    private partial void LogNotStarted(Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The jobs under way have not ended within {Timeout}")]
    private partial void LogNotStopped(TimeSpan timeout);
}
