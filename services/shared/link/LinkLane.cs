namespace Tertulia.Link;

/// <summary>One client on a link, as one side sees it: what it sends, and how much of both directions is on its way.</summary>
/// <remarks>Lock order: lane, then the output of the link. Nothing is called back with a lane's lock held.</remarks>
public abstract class LinkLane
{
    private int _credit = LinkFormat.WindowBytes;
    private int _received;  // Bytes of the peer that it was not given back.
    private int _passedOn;  // Those of them that have been passed on.
    private Sending? _sending; // Does not fit: waits for the window or the link.
    private bool _sendEnded;

    /// <param name="output">Of the link.</param>
    /// <param name="client">Its number there.</param>
    protected LinkLane(LinkOutput output, uint client) => (Output, Client) = (output, client);

    /// <summary>Its number on the link.</summary>
    public uint Client { get; }

    /// <summary>Of the link.</summary>
    protected LinkOutput Output { get; }

    /// <summary>Guards the lane, and what derives from it.</summary>
    protected Lock Gate { get; } = new();

    /// <summary>Owned by the output.</summary>
    internal long LastGroup { get; set; }

    /// <summary>Sends bytes, which are copied; one call at a time. Not flushed.</summary>
    /// <returns>Completes when the link has taken all: at once, unless the client is too slow.</returns>
    /// <exception cref="IOException">The lane has ended.</exception>
    public ValueTask SendAsync(ReadOnlyMemory<byte> bytes) => SendAsync(bytes, default, shares: false);

    /// <summary>Sends pieces that never change, so that other lanes' equal ones can be sent with them; one call at a time. Not flushed.</summary>
    /// <param name="pieces">At least one; valid until all is taken.</param>
    /// <returns>Completes when the link has taken all: at once, unless the client is too slow.</returns>
    /// <exception cref="IOException">The lane has ended.</exception>
    public ValueTask SendSharedAsync(ReadOnlyMemory<ReadOnlyMemory<byte>> pieces) => SendAsync(pieces.Span[0], pieces[1..], shares: true);

    /// <summary>The peer has given bytes back.</summary>
    /// <exception cref="LinkBrokenException">More than it had.</exception>
    public void OnWindow(uint bytes)
    {
        Sending? done;
        lock (Gate)
        {
            if (bytes > (uint)(LinkFormat.WindowBytes - _credit))
            {
                throw new LinkBrokenException("more was given back than was sent");
            }

            _credit += (int)bytes;
            done = GoOn();
        }

        done?.SetResult();
    }

    /// <summary>The link takes data again.</summary>
    public void OnRoom()
    {
        Sending? done;
        lock (Gate)
        {
            done = GoOn();
        }

        done?.SetResult();
        Output.Flush();
    }

    /// <summary>Nothing can be sent any more. Under the lock, and before this side's last word is written: what came after it might be taken for another client's.</summary>
    /// <returns>The write that waits, to be failed without the lock.</returns>
    protected TaskCompletionSource? EndSending()
    {
        _sendEnded = true;
        var failed = _sending;
        _sending = null;
        return failed;
    }

    /// <summary>Fails what <see cref="EndSending"/> has returned.</summary>
    protected static void Fail(TaskCompletionSource? sending) => sending?.SetException(new IOException("The client is gone"));

    /// <summary>Counts what came. Under the lock.</summary>
    /// <returns>False when the peer has sent more than it may.</returns>
    protected bool TryReceive(int bytes)
    {
        _received += bytes;
        return _received <= LinkFormat.WindowBytes;
    }

    /// <summary>Counts what was passed on, and gives it back when it is worth a record. Under the lock, and not after either side's last word.</summary>
    protected void PassOn(int bytes)
    {
        _passedOn += bytes;
        if (_passedOn >= LinkFormat.WindowBytes / 2)
        {
            Output.Window(Client, _passedOn);
            (_received, _passedOn) = (_received - _passedOn, 0);
        }
    }

    private ValueTask SendAsync(ReadOnlyMemory<byte> first, ReadOnlyMemory<ReadOnlyMemory<byte>> more, bool shares)
    {
        lock (Gate)
        {
            if (_sendEnded)
            {
                return ValueTask.FromException(new IOException("The client is gone"));
            }

            if (TrySend(ref first, ref more, shares))
            {
                return ValueTask.CompletedTask;
            }

            _sending = new Sending(first, more, shares);
            return new ValueTask(_sending.Task);
        }
    }

    private Sending? GoOn()
    {
        if (_sending is not { } sending || !TrySend(ref sending.First, ref sending.More, sending.Shares))
        {
            return null;
        }

        _sending = null;
        return sending;
    }

    /// <returns>False when not all of it could be sent; what is left stands in the parameters.</returns>
    private bool TrySend(ref ReadOnlyMemory<byte> first, ref ReadOnlyMemory<ReadOnlyMemory<byte>> more, bool shares)
    {
        while (true)
        {
            while (first.Length > 0)
            {
                var piece = first[..Math.Min(first.Length, _credit)];
                if (piece.Length == 0 || !(shares ? Output.TryShare(this, piece) : Output.TryCopy(this, piece.Span)))
                {
                    return false;
                }

                _credit -= piece.Length;
                first = first[piece.Length..];
            }

            if (more.Length == 0)
            {
                return true;
            }

            first = more.Span[0];
            more = more[1..];
        }
    }

    /// <summary>What waits.</summary>
    private sealed class Sending(ReadOnlyMemory<byte> first, ReadOnlyMemory<ReadOnlyMemory<byte>> more, bool shares)
        : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public ReadOnlyMemory<byte> First = first;
        public ReadOnlyMemory<ReadOnlyMemory<byte>> More = more;

        public bool Shares => shares;
    }
}
