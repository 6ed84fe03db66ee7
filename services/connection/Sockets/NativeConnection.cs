using Tertulia.Connections.Limits;
using Tertulia.Connections.Protocol;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Sockets;

/// <summary>One WebSocket of a client: reads its frames, lets its outbox write, closes with both sides' close frames.</summary>
internal sealed class NativeConnection : IDisposable
{
    private readonly SocketOptions _options;
    private readonly LimitOptions _limits;
    private readonly UserRates _rates;
    private readonly TimeProvider _time;
    private readonly Lock _abortLock = new();
    private readonly WebSocketReader _reader;
    private readonly Outbox _outbox;
    private readonly long _openedAt;
    private Action? _abort; // Null once the socket is over: the server uses the objects of a request again for another one.

    /// <param name="socket">The client's, accepted.</param>
    /// <param name="compressed"><c>permessage-deflate</c> was negotiated.</param>
    /// <param name="opening">How the client came in.</param>
    /// <param name="options">Of sockets.</param>
    /// <param name="limits">Of clients.</param>
    /// <param name="rates">Counts what is malformed, too.</param>
    /// <param name="time">The clock.</param>
    public NativeConnection(
        UpgradedSocket socket, bool compressed, SocketOpening opening, SocketOptions options, LimitOptions limits, UserRates rates, TimeProvider time)
    {
        (_abort, _options, _limits, _rates, _time, _openedAt) = (socket.Abort, options, limits, rates, time, time.GetTimestamp());
        _reader = new WebSocketReader(socket.Transport, limits.EffectiveFrameBytes, compressed);
        _outbox = new Outbox(socket.Transport, Abort, options, time, compressed);
        Session = new Session(Guid.CreateVersion7().ToString("N"), opening, _outbox);
    }

    public Session Session { get; }

    /// <summary>Runs an admitted connection until its transport is gone.</summary>
    /// <exception cref="Exception">What the flow threw; the client was told <c>internal</c> and closed with 4000.</exception>
    public async Task RunAsync(ISessionFlow flow, CancellationToken cancellationToken)
    {
        try
        {
            await flow.OpenedAsync(Session, cancellationToken);
            await ReadAsync(flow, cancellationToken);
        }
        catch
        {
            _outbox.TryEnqueue(FrameWriter.Error(ErrorCode.Internal));
            _outbox.Close(CloseCode.Internal, "internal");
            await _reader.DiscardUntilCloseAsync(CancellationToken.None);
            throw;
        }
        finally
        {
            await EndAsync();
            await flow.ClosedAsync(Session);
        }
    }

    /// <summary>Tells a client why it may not come in, and closes.</summary>
    public async Task RefuseAsync(SocketRefusal refusal)
    {
        _outbox.TryEnqueue(FrameWriter.Error(refusal.Error, refusal.Detail, roomId: null));
        _outbox.Close(refusal.Close, ErrorCatalog.Of(refusal.Error).Name);
        await _reader.DiscardUntilCloseAsync(CancellationToken.None);
        await EndAsync();
    }

    /// <summary>Called every second or so, on any thread.</summary>
    public void Sweep()
    {
        _outbox.Sweep();
        if (Session.Caller is null && !_outbox.IsClosing && _time.GetElapsedTime(_openedAt) >= _options.AuthTimeout)
        {
            _outbox.TryEnqueue(FrameWriter.Error(ErrorCode.AuthRequired));
            _outbox.Close(CloseCode.AuthTimeout, "no token in time");
        }
    }

    /// <summary>The socket is over.</summary>
    public void Dispose()
    {
        _reader.Dispose();
        lock (_abortLock)
        {
            _abort = null;
        }
    }

    private async Task ReadAsync(ISessionFlow flow, CancellationToken cancellationToken)
    {
        while (true)
        {
            var input = await _reader.ReadAsync(CancellationToken.None); // Ended by the client, or by abort.
            Session.Heard();
            switch (input.Kind)
            {
                case WebSocketInputKind.End:
                    return;
                case WebSocketInputKind.Close:
                    _outbox.Answer(input.Code);
                    return;
                case WebSocketInputKind.Violation:
                    _outbox.Close(input.Code, input.Reason);
                    await _reader.DiscardUntilCloseAsync(CancellationToken.None);
                    return;
                case WebSocketInputKind.Ping when !Session.Rates.TryFree(_limits, _time, out var retryAfterMs):
                    TellTooFast(reference: null, retryAfterMs);
                    break;
                case WebSocketInputKind.Ping:
                    using (Cork.Begin())
                    {
                        _outbox.TryEnqueue(new EncodedFrame(WebSocketOpcode.Pong, input.Payload.Span, FrameClass.Control));
                    }

                    break;
                case WebSocketInputKind.Text when !_outbox.IsClosing:
                    ValueTask handling;
                    using (Cork.Begin()) // What is answered at once is written here.
                    {
                        handling = OnTextAsync(flow, input.Payload, cancellationToken);
                    }

                    await handling;
                    break;
            }
        }
    }

    private ValueTask OnTextAsync(ISessionFlow flow, ReadOnlyMemory<byte> json, CancellationToken cancellationToken)
    {
        var reading = FrameReader.Read(json.Span);
        if (reading.Frame is { } frame)
        {
            return flow.OnFrameAsync(Session, frame, cancellationToken);
        }

        // What is malformed costs as much as any other event.
        if (_rates.TryTake(Session.Caller?.UserId ?? Session.ConnectionId, out var retryAfterMs))
        {
            _outbox.TryEnqueue(FrameWriter.Error(reading.Error, reading.Detail, reading.Ref));
        }
        else
        {
            TellTooFast(reading.Ref, retryAfterMs);
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>Refuses what the flow does not see, and closes a client that was told often enough.</summary>
    private void TellTooFast(string? reference, int retryAfterMs)
    {
        if (Session.Rates.IsFlood(_limits, _time))
        {
            _outbox.Close(CloseCode.RateLimited, "flood");
        }
        else
        {
            _outbox.TryEnqueue(FrameWriter.Error(ErrorCode.RateLimited, reference: reference, retryAfterMs: retryAfterMs));
        }
    }

    /// <summary>Nothing more will be read. A close frame that is due is still written, within its time.</summary>
    private async Task EndAsync()
    {
        if (!_outbox.IsClosing)
        {
            Abort(); // The client went without a word.
            _outbox.End();
        }

        await _outbox.WhenEndedAsync();
        _outbox.End();
    }

    private void Abort()
    {
        lock (_abortLock)
        {
            _abort?.Invoke();
        }
    }
}
