using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Doors.Native;

/// <summary>One WebSocket of a client: reads its frames, lets its outbox write, closes with both sides' close frames.</summary>
internal sealed class NativeConnection : IDisposable, IReadProgress
{
    private readonly NativeDoor _door;
    private readonly Lock _abortLock = new();
    private readonly WebSocketReader _reader;
    private readonly Outbox _outbox;
    private Action? _abort; // Null once the socket is over: the server uses the objects of a request again for another one.

    /// <param name="door">Where the client came in.</param>
    /// <param name="socket">The client's, accepted.</param>
    /// <param name="compressed"><c>permessage-deflate</c> was negotiated.</param>
    /// <param name="opening">How the client came in.</param>
    public NativeConnection(NativeDoor door, UpgradedSocket socket, bool compressed, SessionOpening opening)
    {
        (_door, _abort) = (door, socket.Abort);
        _reader = new WebSocketReader(socket.Transport, door.Limits.EffectiveFrameBytes, compressed, this);
        _outbox = new Outbox(new StreamWire(socket.Transport, Abort, compressed ? door.Format.Deflated : door.Format), door.Outbox, door.Time, door.Budget);
        Session = new Session(Guid.CreateVersion7().ToString("N"), opening, _outbox);
    }

    public Session Session { get; }

    /// <summary>Runs an admitted connection until its transport is gone.</summary>
    /// <exception cref="Exception">What the flow threw; the client was told <c>internal</c> and closed with 4000.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _door.Flow.OpenedAsync(Session, cancellationToken);
            await ReadAsync(cancellationToken);
        }
        catch
        {
            _outbox.TryEnqueue(new ErrorEvent(ErrorCode.Internal));
            _outbox.Close(CloseCode.Internal, "internal");
            await _reader.DiscardUntilCloseAsync(CancellationToken.None);
            throw;
        }
        finally
        {
            await EndAsync();
            await _door.Flow.ClosedAsync(Session);
        }
    }

    /// <summary>Tells a client why it may not come in, and closes.</summary>
    public async Task RefuseAsync(SocketRefusal refusal)
    {
        _outbox.TryEnqueue(new ErrorEvent(refusal.Error, refusal.Detail));
        _outbox.Close(refusal.Close, ErrorCatalog.Of(refusal.Error).Name);
        await _reader.DiscardUntilCloseAsync(CancellationToken.None);
        await EndAsync();
    }

    /// <summary>Bytes of the client came: it is alive, also within one slow frame.</summary>
    void IReadProgress.OnBytes() => Session.Heard();

    /// <summary>The socket is over.</summary>
    public void Dispose()
    {
        _reader.Dispose();
        lock (_abortLock)
        {
            _abort = null;
        }
    }

    private async Task ReadAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            if (_outbox.WhenRoomAsync() is { IsCompleted: false } room)
            {
                await room; // A client that does not read what it has asked for is not listened to meanwhile.
            }

            var input = await _reader.ReadAsync(CancellationToken.None); // Ended by the client, or by abort.
            switch (input.Kind)
            {
                case WebSocketInputKind.End:
                    return;
                case WebSocketInputKind.Close:
                    _outbox.AnswerClose(input.Code);
                    return;
                case WebSocketInputKind.Violation:
                    _outbox.Close(input.Code, input.Reason);
                    await _reader.DiscardUntilCloseAsync(CancellationToken.None);
                    return;
                case WebSocketInputKind.Ping when !Session.Rates.TryFree(_door.Limits, _door.Time, out var retryAfterMs):
                    TellTooFast(reference: null, retryAfterMs);
                    break;
                case WebSocketInputKind.Ping:
                    using (DeliveryBatch.Begin())
                    {
                        _outbox.TryEnqueue(new SocketPongEvent(input.Payload.ToArray()));
                    }

                    break;
                case WebSocketInputKind.Text when !_outbox.IsClosing:
                    ValueTask handling;
                    using (DeliveryBatch.Begin()) // What is answered at once is written here.
                    {
                        handling = OnTextAsync(input.Payload, cancellationToken);
                    }

                    await handling;
                    break;
            }
        }
    }

    private ValueTask OnTextAsync(ReadOnlyMemory<byte> json, CancellationToken cancellationToken)
    {
        var reading = _door.Reader.Read(json.Span);
        if (reading.Command is { } command)
        {
            return _door.Flow.OnCommandAsync(Session, command, cancellationToken);
        }

        // What is malformed costs as much as any other event.
        if (_door.Rates.TryTake(Session.Caller?.UserId ?? Session.ConnectionId, out var retryAfterMs))
        {
            _outbox.TryEnqueue(new ErrorEvent(reading.Error, reading.Detail, reading.Ref));
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
        if (Session.Rates.IsFlood(_door.Limits, _door.Time))
        {
            _outbox.Close(CloseCode.RateLimited, "flood");
        }
        else
        {
            _outbox.TryEnqueue(new ErrorEvent(ErrorCode.RateLimited, Ref: reference, RetryAfterMs: retryAfterMs));
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
