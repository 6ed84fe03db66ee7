using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Link.Node;

/// <summary>The node's side of one link: runs its clients as requests of this node.</summary>
internal sealed partial class NodeLink(
    Stream input, LinkOutput output, string connection, IPEndPoint? peer, Action cut, RequestDelegate application, IServiceScopeFactory scopes,
    Readiness readiness, TimeProvider time, ILogger logger) : ILinkRecords
{
    /// <summary>Between two looks.</summary>
    public static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(10);

    /// <summary>Looks without a word of the gateway, which asks every five seconds, after which it is taken for dead.</summary>
    private const int SilentLooks = 3;

    private readonly Lock _lock = new();
    private readonly Dictionary<uint, LinkedClient> _clients = [];
    private readonly TaskCompletionSource _none = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _running = 1; // The link itself, and every request.
    private readonly LinkSilence _silence = new(SilentLooks, LookInterval, time);
    private bool _ends;

    /// <summary>Reads until the link ends; completes when all of its requests are over.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        output.Failed = _ => cut();
        output.HasRoom = OnRoom;
        try
        {
            await LinkInput.ReadAsync(input, this, cancellationToken);
        }
        catch (LinkBrokenException exception)
        {
            LogBroken(peer, exception);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
        {
            LogFailed(peer, exception.Message);
        }
        finally
        {
            cut();
            await LoseAsync();
        }
    }

    /// <summary>Called every ten seconds.</summary>
    /// <param name="unread">Whether bytes of the gateway wait in the kernel.</param>
    /// <returns>False when the gateway is gone.</returns>
    public bool Look(bool unread) => _silence.Look(unread) != LinkLook.Gone;

    /// <summary>The server stops: the link ends with its last client.</summary>
    public void EndWhenEmpty()
    {
        lock (_lock)
        {
            _ends = true;
            if (_clients.Count > 0)
            {
                return;
            }
        }

        cut();
    }

    public void OnRecord(LinkRecordKind kind, ReadOnlySpan<byte> body)
    {
        output.Hold();
        LinkRead.Begin();
        switch (kind)
        {
            case LinkRecordKind.Data:
                OnData(LinkDataRecord.Read(body));
                break;
            case LinkRecordKind.Window:
                var window = LinkWindow.Parser.ParseFrom(body);
                Find(window.Client)?.OnWindow(window.Bytes);
                break;
            case LinkRecordKind.Open:
                Open(LinkOpen.Parser.ParseFrom(body));
                break;
            case LinkRecordKind.Close:
                var close = LinkClose.Parser.ParseFrom(body);
                Find(close.Client)?.OnClose(close.Aborted);
                break;
            case LinkRecordKind.Ping:
                output.Write(LinkRecordKind.Pong, new LinkPing());
                break;
        }
    }

    public void OnRead()
    {
        _silence.Heard();
        LinkRead.End();
        output.Release();
    }

    /// <summary>Both sides have closed the client: its number is free.</summary>
    public void Remove(LinkedClient client)
    {
        lock (_lock)
        {
            _clients.Remove(client.Client);
            if (!_ends || _clients.Count > 0)
            {
                return;
            }
        }

        cut();
    }

    private void OnData(LinkDataRecord data)
    {
        foreach (var client in data)
        {
            Find(client)?.OnData(data.Payload);
        }
    }

    private LinkedClient? Find(uint client)
    {
        lock (_lock)
        {
            return _clients.GetValueOrDefault(client);
        }
    }

    private void Open(LinkOpen open)
    {
        var client = new LinkedClient(this, output, open.Client);
        lock (_lock)
        {
            if (!_clients.TryAdd(open.Client, client))
            {
                throw new LinkBrokenException("a client was opened twice");
            }
        }

        if (open.Elsewhere && readiness.Draining)
        {
            client.Refuse(new LinkRefuse { Client = open.Client, Status = StatusCodes.Status503ServiceUnavailable, Draining = true });
            client.Release();
            return;
        }

        Interlocked.Increment(ref _running);
        var request = new LinkedRequest(client, connection, peer, open);
        // Letting a client in takes long, compared to passing on what others have sent.
        ThreadPool.UnsafeQueueUserWorkItem(static start => _ = start.Link.RunAsync(start.Request), (Link: this, Request: request), preferLocal: false);
    }

    private async Task RunAsync(LinkedRequest request)
    {
        try
        {
            await request.RunAsync(application, scopes);
        }
        catch (Exception exception)
        {
            LogRequestFailed(exception);
        }

        var carry = request.Carrier();
        request = null!; // Not held as long as the client.
        try
        {
            if (carry is not null)
            {
                await carry();
            }
        }
        catch (Exception exception)
        {
            LogRequestFailed(exception); // An edge: the other clients of the link go on.
        }
        finally
        {
            Leave();
        }
    }

    private void OnRoom()
    {
        foreach (var client in Clients())
        {
            client.OnRoom();
        }
    }

    private async Task LoseAsync()
    {
        var writing = output.EndAsync();
        foreach (var client in Clients())
        {
            client.OnLost();
        }

        Leave();
        await _none.Task;
        await writing;
    }

    private void Leave()
    {
        if (Interlocked.Decrement(ref _running) == 0)
        {
            _none.SetResult();
        }
    }

    private LinkedClient[] Clients()
    {
        lock (_lock)
        {
            return [.. _clients.Values];
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The link of {Gateway} has broken the rules and was ended")]
    private partial void LogBroken(IPEndPoint? gateway, Exception exception);

    [LoggerMessage(Level = LogLevel.Debug, Message = "The link of {Gateway} has failed: {Reason}")]
    private partial void LogFailed(IPEndPoint? gateway, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "A request of a linked client failed")]
    private partial void LogRequestFailed(Exception exception);
}
