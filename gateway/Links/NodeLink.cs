using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Link;

namespace Tertulia.Gateway.Links;

/// <summary>The node could not be reached, or was lost before it answered.</summary>
internal sealed class LinkLostException(string message, Exception? innerException = null) : IOException(message, innerException);

/// <summary>The gateway's side of one link: hands what the node sends to its clients.</summary>
internal sealed partial class NodeLink : ILinkRecords
{
    /// <summary>For connection and preface. A node whose process is gone refuses at once; this is for a machine that is, and long enough for one that gets little CPU.</summary>
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Looks without a word of the node after which it is taken for dead.</summary>
    private const int SilentLooks = 4;

    /// <summary>Waiting bytes above which the node is asked to take no client: it does not read what it was asked before.</summary>
    private const int MaxWaitingBytes = 4 * 1024 * 1024;

    private readonly string _node;
    private readonly Socket _socket;
    private readonly LinkOutput _output;
    private readonly WaitingBytes _waiting;
    private readonly LinkSilence _silence;
    private readonly ILogger _logger;
    private readonly Lock _lock = new();
    private readonly Stack<uint> _free = [];
    private readonly List<LinkedSocket> _touched = []; // By the read under way.
    private LinkedSocket?[] _sockets = new LinkedSocket?[64]; // Replaced when it grows; read without the lock.
    private uint _opened;
    private bool _lost;

    private NodeLink(string node, Socket socket, Stream stream, LinkPace pace, WaitingBytes waiting, TimeProvider time, ILogger logger)
    {
        (_node, _socket, _waiting, _logger) = (node, socket, waiting, logger);
        _silence = new LinkSilence(SilentLooks, AllLinks.LookInterval, time);
        _output = new LinkOutput(stream, pace) { Failed = _ => Cut(), HasRoom = OnRoom };
        Ended = RunAsync(stream);
    }

    /// <summary>Completes when the link is lost and its clients were told.</summary>
    public Task Ended { get; }

    public bool IsLost => Volatile.Read(ref _lost);

    /// <param name="node">Its address.</param>
    /// <param name="pace">Of all links.</param>
    /// <param name="waiting">Of all clients.</param>
    /// <param name="auth">Proves to the node that this is a gateway.</param>
    /// <param name="tls">Of the connections between processes.</param>
    /// <param name="time">The clock of the looks.</param>
    /// <param name="logger">Of links.</param>
    /// <param name="cancellationToken">The gateway stops.</param>
    /// <exception cref="LinkLostException">It cannot be reached or speaks something else.</exception>
    public static async Task<NodeLink> ConnectAsync(
        string node, LinkPace pace, WaitingBytes waiting, InternalAuth auth, InternalTls tls, TimeProvider time, ILogger logger, CancellationToken cancellationToken)
    {
        var address = new Uri(node);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(ConnectTimeout);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(address.DnsSafeHost, address.Port, deadline.Token);
            var stream = await tls.ConnectAsync(new NetworkStream(socket, ownsSocket: true), address.DnsSafeHost, deadline.Token);
            byte[] hello = [.. LinkFormat.Preface, .. Encoding.ASCII.GetBytes(auth.Proof), (byte)'\n'];
            await stream.WriteAsync(hello, deadline.Token);
            var answer = new byte[LinkFormat.Preface.Length];
            await stream.ReadExactlyAsync(answer, deadline.Token);
            return LinkFormat.Preface.SequenceEqual(answer)
                ? new NodeLink(node, socket, stream, pace, waiting, time, logger)
                : throw new LinkBrokenException("the node does not know links of this version");
        }
        catch (Exception exception) when (exception is IOException or SocketException or AuthenticationException or OperationCanceledException)
        {
            socket.Dispose();
            throw new LinkLostException($"{node} cannot be reached", exception);
        }
    }

    /// <summary>Asks the node to take a client.</summary>
    /// <param name="open">Gets its number here.</param>
    /// <param name="abort">Cuts the client's connection. May be called on any thread, more than once.</param>
    /// <exception cref="LinkLostException">The link is lost.</exception>
    public LinkedSocket Open(LinkOpen open, Action abort)
    {
        LinkedSocket socket;
        lock (_lock)
        {
            if (_lost || _output.WaitingBytes > MaxWaitingBytes)
            {
                throw new LinkLostException(_lost ? $"{_node} was lost" : $"{_node} does not read its link");
            }

            if (!_free.TryPop(out var number))
            {
                number = _opened++;
                if (number == _sockets.Length)
                {
                    var larger = new LinkedSocket?[_sockets.Length * 2];
                    _sockets.CopyTo(larger, 0);
                    Volatile.Write(ref _sockets, larger);
                }
            }

            open.Client = number;
            _sockets[number] = socket = new LinkedSocket(this, _output, number, _waiting, abort);
        }

        _output.Write(LinkRecordKind.Open, open);
        _output.Flush();
        return socket;
    }

    /// <summary>Both sides have closed the client: its number is free.</summary>
    public void Remove(LinkedSocket socket)
    {
        lock (_lock)
        {
            if (!_lost)
            {
                _sockets[socket.Client] = null;
                _free.Push(socket.Client);
            }
        }
    }

    /// <summary>Called every five seconds: asks whether the node is there, looks for clients without any traffic.</summary>
    /// <param name="idleLooks">Looks without traffic after which a client is cut.</param>
    public void Look(int idleLooks)
    {
        var look = _silence.Look(HasUnread());
        if (look == LinkLook.Gone)
        {
            LogSilent(_node);
            Cut();
            return;
        }

        _output.Write(LinkRecordKind.Ping, new LinkPing());
        _output.Flush();
        if (look == LinkLook.Late)
        {
            return; // What clients have sent meanwhile was not read either.
        }

        foreach (var socket in Volatile.Read(ref _sockets))
        {
            socket?.Look(idleLooks);
        }
    }

    /// <summary>Ends the link.</summary>
    public void Cut() => _socket.Dispose();

    /// <summary>As <see cref="LinkedSocket.Relieve"/>, of all clients.</summary>
    /// <returns>How many were cut.</returns>
    public int Relieve()
    {
        var cut = 0;
        foreach (var socket in Volatile.Read(ref _sockets))
        {
            cut += socket?.Relieve() == true ? 1 : 0;
        }

        return cut;
    }

    public void OnRecord(LinkRecordKind kind, ReadOnlySpan<byte> body)
    {
        _output.Hold();
        switch (kind)
        {
            case LinkRecordKind.Data:
                OnData(LinkDataRecord.Read(body));
                break;
            case LinkRecordKind.Window:
                var window = LinkWindow.Parser.ParseFrom(body);
                Find(window.Client)?.OnWindow(window.Bytes);
                break;
            case LinkRecordKind.Accept:
                var accept = LinkAccept.Parser.ParseFrom(body);
                Opened(accept.Client).OnAccept(accept);
                break;
            case LinkRecordKind.Refuse:
                var refuse = LinkRefuse.Parser.ParseFrom(body);
                Opened(refuse.Client).OnRefuse(refuse);
                break;
            case LinkRecordKind.Close:
                var close = LinkClose.Parser.ParseFrom(body);
                Opened(close.Client).OnClose(close.Aborted);
                break;
        }
    }

    public void OnRead()
    {
        _silence.Heard();
        foreach (var socket in _touched)
        {
            socket.Flush();
        }

        _touched.Clear();
        _output.Release();
    }

    private bool HasUnread()
    {
        try
        {
            return _socket.Available > 0;
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            return false; // Its reader will say so.
        }
    }

    private void OnData(LinkDataRecord data)
    {
        foreach (var client in data)
        {
            if (Find(client) is { } socket && socket.OnData(data.Payload))
            {
                _touched.Add(socket);
            }
        }
    }

    private LinkedSocket? Find(uint client)
    {
        var sockets = Volatile.Read(ref _sockets);
        return client < (uint)sockets.Length ? Volatile.Read(ref sockets[client]) : null;
    }

    private LinkedSocket Opened(uint client) => Find(client) ?? throw new LinkBrokenException("an answer to a client that was not opened");

    private void OnRoom()
    {
        foreach (var socket in Volatile.Read(ref _sockets))
        {
            socket?.OnRoom();
        }
    }

    private async Task RunAsync(Stream stream)
    {
        await Task.Yield(); // The constructor is not done.
        var reason = "it has ended the connection";
        try
        {
            await LinkInput.ReadAsync(stream, this, CancellationToken.None); // Ended by Cut.
        }
        catch (LinkBrokenException exception)
        {
            LogBroken(_node, exception);
            reason = exception.Message;
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException or OperationCanceledException or InvalidOperationException)
        {
            reason = exception.Message;
        }
        finally
        {
            await LoseAsync(reason);
        }
    }

    private async Task LoseAsync(string reason)
    {
        Cut();
        LinkedSocket?[] sockets;
        lock (_lock)
        {
            _lost = true;
            sockets = _sockets;
            _sockets = [];
        }

        var clients = 0;
        foreach (var socket in sockets)
        {
            if (socket is not null)
            {
                clients++;
                socket.OnLost();
            }
        }

        await _output.EndAsync();
        if (clients > 0)
        {
            LogLost(_node, clients, reason);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Node {Node} is silent: its link is cut")]
    private partial void LogSilent(string node);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The link of {Node} has broken the rules and was ended")]
    private partial void LogBroken(string node, Exception exception);

    [LoggerMessage(Level = LogLevel.Information, Message = "A link to {Node} was lost with {Clients} clients: {Reason}")]
    private partial void LogLost(string node, int clients, string reason);
}
