using System.Buffers;
using System.Threading.Tasks.Sources;
using Tertulia.Contracts;

namespace Tertulia.Link.Node;

/// <summary>A gateway's client at the node: the bytes that came of it, and who waits for them.</summary>
/// <remarks>What comes is handed over on the thread that reads the link, so that a frame costs no wake-up. An idle client holds no buffer.</remarks>
internal sealed class LinkedClient : LinkLane, IValueTaskSource<int>
{
    private const int FirstBytes = 1024;

    private readonly NodeLink _link;
    private ManualResetValueTaskSourceCore<int> _read;
    private Memory<byte> _target;
    private byte[] _buffer = [];
    private int _start;
    private int _end;
    private bool _reads;
    private bool _isOver;      // The client sends nothing more.
    private bool _isCut;
    private bool _closed;      // By the node.
    private bool _peerClosed;
    private CancellationTokenSource? _aborted;

    public LinkedClient(NodeLink link, LinkOutput output, uint client)
        : base(output, client) => _link = link;

    /// <summary>Cancelled when the client was cut, by either side or by the end of the link.</summary>
    public CancellationToken Aborted
    {
        get
        {
            lock (Gate)
            {
                if (_isCut)
                {
                    return new CancellationToken(canceled: true);
                }

                _aborted ??= new CancellationTokenSource();
                return _aborted.Token;
            }
        }
    }

    /// <summary>As a stream: waits for bytes, with an empty buffer only until there are some; 0 is the end.</summary>
    /// <exception cref="IOException">The client was cut.</exception>
    public ValueTask<int> ReadAsync(Memory<byte> buffer)
    {
        int read;
        lock (Gate)
        {
            if (_isCut)
            {
                return ValueTask.FromException<int>(new IOException("The client is gone"));
            }

            if (_reads)
            {
                throw new InvalidOperationException("A read is under way");
            }

            if (_start == _end && !_isOver)
            {
                (_target, _reads) = (buffer, true);
                _read.Reset();
                return new ValueTask<int>(this, _read.Version);
            }

            read = Take(buffer);
        }

        Output.Flush();
        return ValueTask.FromResult(read);
    }

    /// <summary>The same for all clients of a link.</summary>
    public ISharedWay Way => Output;

    /// <summary>Lets go what was sent.</summary>
    public void Flush() => Output.Flush();

    /// <summary>Ends a read under way.</summary>
    public void CancelRead(CancellationToken cancellationToken)
    {
        lock (Gate)
        {
            if (!_reads)
            {
                return;
            }

            _reads = false;
        }

        _read.SetException(new OperationCanceledException(cancellationToken));
    }

    /// <summary>Bytes of the client. On the thread that reads the link.</summary>
    public void OnData(ReadOnlySpan<byte> bytes)
    {
        int read;
        lock (Gate)
        {
            if (_closed || _isOver || _isCut)
            {
                return;
            }

            if (!TryReceive(bytes.Length))
            {
                throw new LinkBrokenException("more came of a client than its window");
            }

            Store(bytes);
            if (!_reads)
            {
                return;
            }

            _reads = false;
            read = Take(_target);
            _target = default;
        }

        _read.SetResult(read); // The reader goes on here.
    }

    /// <summary>The gateway's last word. On the thread that reads the link.</summary>
    public void OnClose(bool aborted)
    {
        bool gone;
        lock (Gate)
        {
            if (_peerClosed && !aborted)
            {
                throw new LinkBrokenException("a client was closed twice");
            }

            gone = _closed && !_peerClosed;
            _peerClosed = true;
        }

        if (gone)
        {
            _link.Remove(this);
        }

        End(aborted);
    }

    /// <summary>The link is lost.</summary>
    public void OnLost()
    {
        lock (Gate)
        {
            _closed = _peerClosed = true;
        }

        End(cut: true);
    }

    /// <summary>The node cuts the client.</summary>
    public void Abort()
    {
        Close(aborted: true);
        End(cut: true);
    }

    /// <summary>The node's last word. Only the first call counts.</summary>
    public void Close(bool aborted)
    {
        if (TryClose())
        {
            Output.Close(Client, aborted);
            Output.Flush();
        }
    }

    /// <summary>Says that the client is taken.</summary>
    /// <exception cref="IOException">It was cut meanwhile.</exception>
    public void Accept(LinkAccept accept)
    {
        lock (Gate)
        {
            if (_closed || _isCut)
            {
                throw new IOException("The client is gone");
            }

            Output.Write(LinkRecordKind.Accept, accept);
        }

        Output.Flush();
    }

    /// <summary>Says that the client is not taken. Nothing happens when the node's last word was said.</summary>
    public void Refuse(LinkRefuse refuse)
    {
        if (TryClose())
        {
            Output.Write(LinkRecordKind.Refuse, refuse);
            Output.Flush();
        }
    }

    /// <summary>Nothing more is sent but the node's last word, which the caller writes.</summary>
    /// <returns>False when it has had it.</returns>
    private bool TryClose()
    {
        bool gone;
        TaskCompletionSource? sending;
        lock (Gate)
        {
            if (_closed)
            {
                return false;
            }

            _closed = true;
            gone = _peerClosed;
            sending = EndSending();
        }

        Fail(sending);
        if (gone)
        {
            _link.Remove(this); // Before the gateway hears it and uses the number again.
        }

        return true;
    }

    /// <summary>The request is over.</summary>
    public void Release()
    {
        lock (Gate)
        {
            (_isOver, _start, _end) = (true, 0, 0);
            ReturnBuffer();
        }
    }

    int IValueTaskSource<int>.GetResult(short token) => _read.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<int>.GetStatus(short token) => _read.GetStatus(token);

    void IValueTaskSource<int>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _read.OnCompleted(continuation, state, token, flags);

    /// <summary>Nothing more comes. What follows from it is up to the pool: when a link is lost, thousands of clients are.</summary>
    private void End(bool cut)
    {
        bool reads;
        CancellationTokenSource? aborted = null;
        TaskCompletionSource? sending = null;
        lock (Gate)
        {
            if (cut && !_isCut)
            {
                _isCut = true;
                sending = EndSending();
                (_start, _end) = (0, 0);
                ReturnBuffer();
                aborted = _aborted;
            }

            _isOver = true;
            reads = _reads;
            _reads = false;
            _target = default;
        }

        Fail(sending);
        if (reads || aborted is not null)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static end => end.Client.End(end.Reads, end.Cut, end.Aborted), (Client: this, Reads: reads, Cut: cut, Aborted: aborted), preferLocal: false);
        }
    }

    private void End(bool reads, bool cut, CancellationTokenSource? aborted)
    {
        if (reads && cut)
        {
            _read.SetException(new IOException("The client is gone"));
        }
        else if (reads)
        {
            _read.SetResult(0);
        }

        aborted?.Cancel();
    }

    private void Store(ReadOnlySpan<byte> bytes)
    {
        if (_end + bytes.Length > _buffer.Length)
        {
            var waiting = _end - _start;
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(waiting + bytes.Length, FirstBytes));
            _buffer.AsSpan(_start, waiting).CopyTo(larger);
            ReturnBuffer();
            (_buffer, _start, _end) = (larger, 0, waiting);
        }

        bytes.CopyTo(_buffer.AsSpan(_end));
        _end += bytes.Length;
    }

    private int Take(Memory<byte> target)
    {
        var read = Math.Min(target.Length, _end - _start);
        _buffer.AsSpan(_start, read).CopyTo(target.Span);
        _start += read;
        if (_start == _end)
        {
            (_start, _end) = (0, 0);
            ReturnBuffer();
        }

        if (!_closed && !_peerClosed)
        {
            PassOn(read);
        }

        return read;
    }

    private void ReturnBuffer()
    {
        if (_buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = [];
        }
    }
}
