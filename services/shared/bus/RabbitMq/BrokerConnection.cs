using Microsoft.Extensions.Logging;
using RabbitMQ.Client;

namespace Tertulia.Bus.RabbitMq;

/// <summary>One connection to the broker that is made again whenever it is lost.</summary>
/// <remarks>
/// The client library's own recovery is switched off: it would also bring back consumers of queues whose content is gone without telling
/// anybody. Here whoever uses the connection notices that its channel is lost, asks for the next connection, and declares what it needs.
/// </remarks>
internal sealed partial class BrokerConnection(
    RabbitMqOptions options, string name, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _stopping = new();
    private TaskCompletionSource<IConnection> _next = NewSource();
    private volatile IConnection? _open;
    private Task? _run;

    public RabbitMqOptions Options => options;

    public TimeProvider Time => time;

    /// <summary>What one publisher has learned of the broker's limit, the others know.</summary>
    public MessageLimit Limit { get; } = new(options.MaxMessageBytes, logger);

    public bool IsConnected => _open is { IsOpen: true };

    /// <summary>Starts connecting, once.</summary>
    public void Start()
    {
        lock (_gate)
        {
            _run ??= _stopping.IsCancellationRequested ? Task.CompletedTask : Task.Run(RunAsync);
        }
    }

    /// <summary>The connection, as soon as there is one.</summary>
    public Task<IConnection> GetAsync(CancellationToken cancellationToken)
    {
        Start();
        lock (_gate)
        {
            return _next.Task.WaitAsync(cancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        Task? run;
        lock (_gate)
        {
            run = _run;
        }

        await (run ?? Task.CompletedTask);
    }

    private static TaskCompletionSource<IConnection> NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task RunAsync()
    {
        var factory = new ConnectionFactory
        {
            Uri = options.Uri,
            ClientProvidedName = name,
            AutomaticRecoveryEnabled = false,
            TopologyRecoveryEnabled = false,
            RequestedHeartbeat = options.Heartbeat,
            RequestedConnectionTimeout = options.Timeout,
            HandshakeContinuationTimeout = options.Timeout,
            ContinuationTimeout = options.Timeout,
        };
        var attempts = 0;
        await RetryLoop.RunAsync(async token =>
        {
            if (await TryConnectAsync(factory, ++attempts, token) is not { } connection)
            {
                return false;
            }

            attempts = 0;
            var connected = time.GetTimestamp();
            try
            {
                await UseAsync(connection);
            }
            finally
            {
                await CloseAsync(connection);
            }

            return time.GetElapsedTime(connected) > options.MaxReconnectDelay;
        }, options.MaxReconnectDelay, time, _stopping.Token);
        lock (_gate)
        {
            _next.TrySetCanceled(_stopping.Token);
        }
    }

    private async Task<IConnection?> TryConnectAsync(ConnectionFactory factory, int attempt, CancellationToken cancellationToken)
    {
        try
        {
            var connection = await factory.CreateConnectionAsync(cancellationToken);
            LogConnected(name, factory.HostName, factory.Port, attempt);
            return connection;
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            // Of a long outage the first attempt and every 20th are reported: it is one event, not hundreds.
            if (attempt % 20 == 1)
            {
                LogUnreachable(name, factory.HostName, factory.Port, attempt, exception.GetBaseException().Message);
            }

            return null;
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            throw new OperationCanceledException("Stopped while it was connecting", exception, cancellationToken);
        }
    }

    private async Task UseAsync(IConnection connection)
    {
        var closed = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        connection.ConnectionShutdownAsync += (_, reason) =>
        {
            closed.TrySetResult(reason.ReplyText);
            return Task.CompletedTask;
        };
        connection.ConnectionBlockedAsync += (_, blocked) =>
        {
            LogBlocked(name, blocked.Reason);
            return Task.CompletedTask;
        };
        connection.ConnectionUnblockedAsync += (_, _) =>
        {
            LogUnblocked(name);
            return Task.CompletedTask;
        };
        if (connection.CloseReason is { } already)
        {
            closed.TrySetResult(already.ReplyText); // Lost before the handler was there.
        }

        _open = connection;
        _next.TrySetResult(connection);
        try
        {
            LogLost(name, await closed.Task.WaitAsync(_stopping.Token));
        }
        finally
        {
            _open = null;
            lock (_gate)
            {
                _next = NewSource();
            }
        }
    }

    // A broker that does not answer must not keep a process from stopping.
    private async Task CloseAsync(IConnection connection)
    {
        try
        {
            await connection.DisposeAsync().AsTask().WaitAsync(options.Timeout, time);
        }
        catch (Exception exception)
        {
            LogNotClosed(name, exception.Message); // It is gone either way: the broker misses its heartbeats.
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Connection}: connected to the broker {Host}:{Port} at attempt {Attempt}")]
    private partial void LogConnected(string connection, string host, int port, int attempt);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Connection}: the broker {Host}:{Port} is not reachable (attempt {Attempt}): {Reason}")]
    private partial void LogUnreachable(string connection, string host, int port, int attempt, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Connection}: lost the connection to the broker: {Reason}")]
    private partial void LogLost(string connection, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Connection}: the broker takes nothing (memory or disk alarm): {Reason}")]
    private partial void LogBlocked(string connection, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Connection}: the broker takes messages again")]
    private partial void LogUnblocked(string connection);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Connection}: not closed properly: {Reason}")]
    private partial void LogNotClosed(string connection, string reason);
}
