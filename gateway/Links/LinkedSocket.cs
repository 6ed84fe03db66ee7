using System.Buffers;
using Tertulia.Contracts;
using Tertulia.Link;

namespace Tertulia.Gateway.Links;

/// <summary>One client of this gateway on a link to its node: opaque bytes both ways.</summary>
/// <remarks>What the node sends is written on the thread that reads the link, unless a write of this client is under way: then it waits here, up to its window.
/// An idle client holds no buffer and no timer.</remarks>
#pragma warning disable CA1001 // A source of cancellation without a timer holds nothing to dispose of.
internal sealed class LinkedSocket : LinkLane
#pragma warning restore CA1001
{
    private const int ReadBytes = 4 * 1024;
    private const int FirstBytes = 512;
    private static readonly TimeSpan LastWordsTimeout = TimeSpan.FromSeconds(5);

    private readonly NodeLink _link;
    private readonly Action _abort;
    private readonly WaitingBytes _all;
    private readonly CancellationTokenSource _over = new(); // Nothing more is read of the client.
    private TaskCompletionSource<LinkRefuse?>? _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private LinkAccept? _accept;
    private Stream? _stream;
    private byte[] _waiting = [];
    private int _waitingBytes;
    private int _silentLooks;
    private bool _isTouched;
    private bool _isWriting;
    private bool _took;        // The client has taken something, or got the first of it, since the last Relieve.
    private bool _isAnswered;  // Touched by the link's reading thread only.
    private bool _nodeClosed;
    private bool _closed;
    private bool _closedAborted;
    private bool _isOver;      // Nothing is written to the client any more.
    private bool _isCut;

    /// <param name="link">Its link.</param>
    /// <param name="output">Of the link.</param>
    /// <param name="client">Its number there.</param>
    /// <param name="all">What waits for all clients.</param>
    /// <param name="abort">Cuts the client's connection.</param>
    public LinkedSocket(NodeLink link, LinkOutput output, uint client, WaitingBytes all, Action abort)
        : base(output, client) => (_link, _all, _abort) = (link, all, abort);

    /// <summary>Waits for the node's answer.</summary>
    /// <returns>Accepted with these headers, or refused.</returns>
    /// <exception cref="LinkLostException">There will be none.</exception>
    public async Task<(LinkAccept? Accept, LinkRefuse? Refuse)> AnswerAsync(CancellationToken cancellationToken)
    {
        var refuse = await _answer!.Task.WaitAsync(cancellationToken);
        _answer = null;
        var accept = _accept;
        _accept = null;
        return (accept, refuse);
    }

    /// <summary>Carries bytes until one of the sides is gone.</summary>
    public async Task RunAsync(Stream stream)
    {
        lock (Gate)
        {
            _stream = stream;
        }

        Flush();
        var aborted = true;
        try
        {
            // Waits without a buffer until something is there.
            while (await stream.ReadAsync(Memory<byte>.Empty, _over.Token) > 0 || await CarryAsync(stream))
            {
            }

            Close(aborted: false);
            await Task.Delay(LastWordsTimeout, _over.Token); // The node may have something to say, as long as the client is there to hear it.
            _abort();
        }
        catch (OperationCanceledException) when (_over.IsCancellationRequested)
        {
            aborted = Volatile.Read(ref _isCut);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
        {
            _abort(); // The client is gone.
        }
        finally
        {
            Leave(aborted);
        }
    }

    /// <summary>The client's request is over: its connection is not touched any more.</summary>
    public void Leave(bool aborted)
    {
        lock (Gate)
        {
            _isOver = true;
            if (!_isWriting)
            {
                Forget();
            }
        }

        Close(aborted);
    }

    /// <summary>The gateway's last word to the node, or an aborting one after one that was not.</summary>
    private void Close(bool aborted)
    {
        bool gone;
        TaskCompletionSource? sending;
        lock (Gate)
        {
            if (_closed && (_closedAborted || _nodeClosed || !aborted))
            {
                return;
            }

            (_closed, _closedAborted) = (true, aborted);
            gone = _nodeClosed;
            sending = EndSending();
            Output.Close(Client, aborted); // With the lock: the next client with this number opens after it.
        }

        Fail(sending);
        if (gone)
        {
            _link.Remove(this);
        }

        Output.Flush();
    }

    /// <summary>Called every five seconds.</summary>
    public void Look(int idleLooks)
    {
        if (Interlocked.Increment(ref _silentLooks) > idleLooks)
        {
            Cut();
        }
    }

    /// <summary>Called every second while too much waits for all clients: one that has taken nothing since the last call is cut.</summary>
    /// <returns>Whether it was.</returns>
    public bool Relieve()
    {
        bool cuts;
        lock (Gate)
        {
            cuts = _isWriting && !_took && !_isCut && !_isOver;
            _took = false;
        }

        if (cuts)
        {
            Cut();
        }

        return cuts;
    }

    public void OnAccept(LinkAccept accept)
    {
        Answered();
        _accept = accept;
        _answer?.TrySetResult(null);
    }

    public void OnRefuse(LinkRefuse refuse)
    {
        Answered();
        OnClosed();
        _answer?.TrySetResult(refuse);
        Close(aborted: false);
    }

    /// <summary>Bytes for the client.</summary>
    /// <returns>Whether <see cref="Flush"/> is due at the end of this read.</returns>
    public bool OnData(ReadOnlySpan<byte> bytes)
    {
        _silentLooks = 0;
        lock (Gate)
        {
            if (_isCut || _isOver)
            {
                return false;
            }

            if (!TryReceive(bytes.Length))
            {
                throw new LinkBrokenException("more came for a client than its window");
            }

            var length = _waitingBytes + bytes.Length;
            if (length > _waiting.Length)
            {
                var larger = ArrayPool<byte>.Shared.Rent(Math.Max(length, FirstBytes));
                _waiting.AsSpan(0, _waitingBytes).CopyTo(larger);
                Return(_waiting);
                _waiting = larger;
            }

            bytes.CopyTo(_waiting.AsSpan(_waitingBytes));
            _waitingBytes = length;
            _all.Add(bytes.Length);
            var due = !_isTouched && !_isWriting && _stream is not null;
            _isTouched |= due;
            return due;
        }
    }

    /// <summary>Writes what waits, as long as the client takes it at once.</summary>
    public void Flush()
    {
        lock (Gate)
        {
            _isTouched = false;
            if (_isWriting || _stream is null)
            {
                return;
            }

            (_isWriting, _took) = (true, true);
        }

        _ = WriteAsync(); // Ends with the client; what fails in it cuts the client.
    }

    /// <summary>The node's last word.</summary>
    public void OnClose(bool aborted)
    {
        OnClosed();
        if (aborted || !_isAnswered)
        {
            Cut();
        }
        else
        {
            Flush(); // Ends the client when all is written.
        }
    }

    /// <summary>The link is lost.</summary>
    public void OnLost()
    {
        lock (Gate)
        {
            _nodeClosed = _closed = true;
        }

        Cut();
    }

    /// <summary>Ends the client without a farewell.</summary>
    private void Cut()
    {
        TaskCompletionSource? sending;
        lock (Gate)
        {
            if (_isCut)
            {
                return;
            }

            _isCut = true;
            sending = EndSending();
            if (!_isWriting)
            {
                Forget();
            }
        }

        Fail(sending);
        _answer?.TrySetException(new LinkLostException("the node was lost before it answered"));
        End();
    }

    private void OnClosed()
    {
        bool gone;
        lock (Gate)
        {
            if (_nodeClosed)
            {
                throw new LinkBrokenException("a client was closed twice");
            }

            _nodeClosed = true;
            gone = _closed;
        }

        if (gone)
        {
            _link.Remove(this);
        }
    }

    private void Answered()
    {
        if (_isAnswered)
        {
            throw new LinkBrokenException("a client was answered twice");
        }

        _isAnswered = true;
    }

    /// <returns>False when the client sends nothing more.</returns>
    private async ValueTask<bool> CarryAsync(Stream stream)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(ReadBytes);
        try
        {
            var read = await stream.ReadAsync(buffer, _over.Token);
            if (read == 0)
            {
                return false;
            }

            _silentLooks = 0;
            var sending = SendAsync(buffer.AsMemory(0, read));
            Output.Flush();
            await sending;
            return true;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async Task WriteAsync()
    {
        byte[] buffer = [];
        try
        {
            while (TryTake(ref buffer, out var bytes))
            {
                try
                {
                    await _stream!.WriteAsync(bytes, CancellationToken.None); // Ended when the connection is cut.
                }
                finally
                {
                    _all.Remove(bytes.Length);
                }

                Written(bytes.Length);
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
        {
            Cut(); // The client is gone.
            Release();
        }
    }

    private bool TryTake(ref byte[] buffer, out ReadOnlyMemory<byte> bytes)
    {
        bool ends;
        lock (Gate)
        {
            Return(buffer);
            buffer = [];
            if (!_isCut && !_isOver && _waitingBytes > 0)
            {
                (buffer, _waiting) = (_waiting, []);
                bytes = buffer.AsMemory(0, _waitingBytes);
                _waitingBytes = 0;
                return true;
            }

            bytes = default;
            _isWriting = false;
            Forget();
            ends = _nodeClosed && !_isCut;
        }

        if (ends)
        {
            End();
        }

        return false;
    }

    private void Written(int bytes)
    {
        _silentLooks = 0;
        lock (Gate)
        {
            _took = true;
            if (_closed || _nodeClosed)
            {
                return;
            }

            PassOn(bytes);
        }

        Output.Flush();
    }

    // By the pool: when a link is lost, thousands of clients are.
    private void End() => ThreadPool.UnsafeQueueUserWorkItem(
        static socket =>
        {
            socket.AbortWhenCut();
            socket._over.Cancel();
        },
        this, preferLocal: false);

    private void AbortWhenCut()
    {
        lock (Gate)
        {
            if (_isCut && !_isOver && _stream is not null)
            {
                _abort();
            }
        }
    }

    /// <summary>A write has failed: what came meanwhile goes with the client.</summary>
    private void Release()
    {
        lock (Gate)
        {
            _isWriting = false;
            Forget();
        }
    }

    private void Forget()
    {
        _all.Remove(_waitingBytes);
        Return(_waiting);
        (_waiting, _waitingBytes) = ([], 0);
    }

    private static void Return(byte[] buffer)
    {
        if (buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
