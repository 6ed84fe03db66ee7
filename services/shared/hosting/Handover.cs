using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Tertulia.Hosting;

/// <summary>A way to go on with an upgraded connection when its request is over, so that a socket holds nothing of the request that opened it.</summary>
/// <remarks>The request's objects, its middlewares' frames, its scope and its activity are most of what an idle socket would cost.</remarks>
public interface IHandover
{
    /// <summary>Somebody goes on with the connection.</summary>
    bool IsTaken { get; }

    /// <summary>Cuts the connection. May be called on any thread, more than once, during the request and after it.</summary>
    void Abort();

    /// <summary>Goes on when the request is over. Called at most once, after the upgrade; its caller then returns and touches the request no more.</summary>
    /// <param name="carry">Called once in any case, even when the client is gone by then; the connection ends with it.</param>
    void Take(Func<UpgradedSocket, Task> carry);

    /// <summary>Puts off what was to be done when the socket is gone. Only when the connection was taken.</summary>
    /// <param name="end">Called after <c>carry</c>, and after what was put off before.</param>
    void PutOff(Action end);
}

/// <summary>A connection after its upgrade.</summary>
/// <param name="Transport">Its bytes in both directions.</param>
/// <param name="Abort">Cuts it; may be called on any thread, more than once, as long as somebody carries it.</param>
/// <param name="Closed">Cancelled when it is gone.</param>
public readonly record struct UpgradedSocket(Stream Transport, Action Abort, CancellationToken Closed);

/// <summary>The handover of connections that the server accepted.</summary>
public static class Handover
{
    /// <summary>The handover of a request; null when its connection carries others, too (HTTP/2).</summary>
    public static IHandover? Of(HttpContext context) =>
        context.Features.Get<IHandover>() ?? (HttpProtocol.IsHttp11(context.Request.Protocol) ? context.Features.Get<ConnectionHandover>() : null);

    /// <summary>Lets upgraded connections of a listener be taken. After TLS, where there is TLS.</summary>
    public static void UseHandover(this ListenOptions options) => options.Use(next => connection => ServeAsync(connection, next));

    private static async Task ServeAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var handover = new ConnectionHandover(connection);
        try
        {
            await next(connection);
        }
        finally
        {
            await handover.CarryAsync();
        }
    }

    private sealed class ConnectionHandover : IHandover, IConnectionHeartbeatFeature
    {
        private readonly ConnectionContext _connection;
        private readonly IConnectionHeartbeatFeature? _clock;
        private Action<object>? _tick; // Read by the server's clock, on its own thread.
        private object? _ticked;
        private Func<UpgradedSocket, Task>? _carry;
        private Action? _end;

        /// <remarks>It also stands between the server's clock and HTTP. The server would hold what HTTP gave to its clock, and with it the whole request,
        /// as long as the connection; and HTTP would cut the connection when its own time to end is over.</remarks>
        public ConnectionHandover(ConnectionContext connection)
        {
            (_connection, _clock) = (connection, connection.Features.Get<IConnectionHeartbeatFeature>());
            connection.Features.Set(this);
            connection.Features.Set<IConnectionHeartbeatFeature>(this);
        }

        public bool IsTaken => _carry is not null;

        public void Abort() => _connection.Abort(new ConnectionAbortedException("Cut by the application"));

        public void Take(Func<UpgradedSocket, Task> carry) => _carry = carry;

        public void PutOff(Action end) => _end += end;

        public void OnHeartbeat(Action<object> action, object state)
        {
            Volatile.Write(ref _ticked, state);
            Volatile.Write(ref _tick, action);
            _clock?.OnHeartbeat(static handover => ((ConnectionHandover)handover).Tick(), this);
        }

        /// <summary>HTTP is over.</summary>
        public Task CarryAsync()
        {
            Volatile.Write(ref _tick, null);
            Volatile.Write(ref _ticked, null);
            return _carry is null ? Task.CompletedTask : CarryAsync(_carry);
        }

        private async Task CarryAsync(Func<UpgradedSocket, Task> carry)
        {
            try
            {
                // A server that stops ends the connection's reads, as HTTP did.
                using var stopping = _connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.ConnectionClosedRequested
                    .UnsafeRegister(static input => ((PipeReader)input!).CancelPendingRead(), _connection.Transport.Input);
                await carry(new UpgradedSocket(new DuplexPipeStream(_connection.Transport), Abort, _connection.ConnectionClosed));
            }
            finally
            {
                _end?.Invoke();
            }
        }

        private void Tick()
        {
            if (Volatile.Read(ref _tick) is { } tick && Volatile.Read(ref _ticked) is { } state)
            {
                tick(state);
            }
        }
    }
}
