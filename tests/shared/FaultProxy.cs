using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Tertulia.Testing;

/// <summary>A TCP proxy on loopback whose links can be cut, frozen and slowed down.</summary>
public sealed class FaultProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly EndPoint _target;
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentDictionary<Link, Task> _links = [];
    private readonly Task _accepting;
    private volatile TaskCompletionSource? _frozen;
    private long _delayTicks;

    /// <param name="targetPort">Loopback port that clients of the proxy reach.</param>
    public FaultProxy(int targetPort)
        : this(new IPEndPoint(IPAddress.Loopback, targetPort))
    {
    }

    /// <param name="target">What clients of the proxy reach.</param>
    public FaultProxy(EndPoint target)
    {
        _target = target;
        _listener.Start();
        _accepting = Task.Run(AcceptAsync);
    }

    /// <summary>Loopback port of the proxy.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Links open now.</summary>
    public int Links => _links.Count(link => !link.Value.IsCompleted);

    /// <summary>How long each piece of data is held back, in both directions.</summary>
    public TimeSpan Delay
    {
        get => TimeSpan.FromTicks(Interlocked.Read(ref _delayTicks));
        set => Interlocked.Exchange(ref _delayTicks, value.Ticks);
    }

    /// <summary>From now on nothing passes, and both ends believe that they are connected: a broken network.</summary>
    public void Freeze() => _frozen ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Nothing passes on the links of this moment any more, and both ends believe that they are connected; new ones pass: a network that was mended
    /// elsewhere.</summary>
    public void FreezeLinks()
    {
        foreach (var (link, _) in _links)
        {
            link.Freeze();
        }
    }

    /// <summary>What was held back passes.</summary>
    public void Thaw() => Interlocked.Exchange(ref _frozen, null)?.TrySetResult();

    /// <summary>Resets every link at both ends. New ones can be made.</summary>
    public void Cut()
    {
        foreach (var (link, _) in _links)
        {
            link.Reset(both: true);
        }
    }

    /// <summary>Resets every link at the client's end only: the target goes on believing that it has a client.</summary>
    public void CutClients()
    {
        foreach (var (link, _) in _links)
        {
            link.Reset(both: false);
        }
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _listener.Stop();
        Thaw();
        Cut();
        await _accepting;
        await Task.WhenAll(_links.Values);
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptSocketAsync(_stopping.Token);
                var link = new Link(this, client);
                _links[link] = link.RunAsync();
            }
        }
        catch (Exception stopped) when (_stopping.IsCancellationRequested && stopped is OperationCanceledException or SocketException)
        {
            return;
        }
    }

    private sealed class Link(FaultProxy proxy, Socket client)
    {
        private readonly Socket _server = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        private volatile bool _clientGone;
        private volatile bool _frozen;

        public void Freeze() => _frozen = true;

        public async Task RunAsync()
        {
            client.NoDelay = true;
            try
            {
                await _server.ConnectAsync(proxy._target, proxy._stopping.Token);
                await Task.WhenAll(CopyAsync(client, _server), CopyAsync(_server, client));
                Reset(both: true);
            }
            catch (Exception cut) when (cut is SocketException or ObjectDisposedException or OperationCanceledException)
            {
                Reset(both: true); // One end is gone, so the other goes as well; or the target does not listen.
            }
        }

        public void Reset(bool both)
        {
            _clientGone = true;
            client.Close(0); // Without a farewell: the client sees a reset.
            if (both)
            {
                _server.Close();
            }
        }

        private async Task CopyAsync(Socket from, Socket to)
        {
            var buffer = new byte[64 * 1024];
            int read;
            while ((read = await ReceiveAsync(from, buffer)) > 0)
            {
                if (to == client && _clientGone)
                {
                    continue; // The server is to believe that somebody still reads.
                }

                if (_frozen)
                {
                    await Task.Delay(Timeout.Infinite, proxy._stopping.Token);
                }

                if (proxy._frozen is { } frozen)
                {
                    await frozen.Task.WaitAsync(proxy._stopping.Token);
                }

                if (proxy.Delay is var delay && delay > TimeSpan.Zero)
                {
                    await Task.Delay(delay, proxy._stopping.Token);
                }

                await to.SendAsync(buffer.AsMemory(0, read), proxy._stopping.Token);
            }

            if (!_clientGone)
            {
                to.Shutdown(SocketShutdown.Send);
            }
        }

        /// <returns>0 at the end, and when the client's end was cut on purpose.</returns>
        private async ValueTask<int> ReceiveAsync(Socket from, byte[] buffer)
        {
            try
            {
                return await from.ReceiveAsync(buffer, proxy._stopping.Token);
            }
            catch (Exception cut) when (_clientGone && from == client && cut is SocketException or ObjectDisposedException)
            {
                return 0;
            }
        }
    }
}
