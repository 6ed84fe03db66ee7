using System.Threading.Channels;
using Google.Protobuf;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client;

namespace Tertulia.Bus.RabbitMq;

/// <summary>Publishes without confirmation what may be lost: typing, heartbeats. Bounded; what does not fit is dropped.</summary>
internal sealed class TransientPublisher : IAsyncDisposable
{
    private const int MaxWaiting = 4096;
    private const long MaxWaitingBytes = 8 * 1024 * 1024;

    private readonly BrokerConnection _connection;
    private readonly Func<IConnection, CancellationToken, Task> _declareAsync;
    private readonly Channel<OutgoingMessage> _waiting =
        Channel.CreateBounded<OutgoingMessage>(new BoundedChannelOptions(MaxWaiting) { SingleReader = true });

    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _run;
    private long _waitingBytes;

    public TransientPublisher(BrokerConnection connection, Func<IConnection, CancellationToken, Task> declareAsync, ILogger logger)
    {
        _connection = connection;
        _declareAsync = declareAsync;
        _run = Task.Run(() => RunAsync(new ChannelLoop(connection, "transient", logger)));
    }

    /// <returns>False when it was dropped.</returns>
    public bool TryPublish(string exchange, string routingKey, IMessage body)
    {
        if (!_connection.IsConnected)
        {
            return false;
        }

        var message = new OutgoingMessage(exchange, routingKey, Mandatory: false, body);
        if (message.Bytes > _connection.Limit.Bytes)
        {
            return false;
        }

        if (Interlocked.Add(ref _waitingBytes, message.Bytes) <= MaxWaitingBytes && _waiting.Writer.TryWrite(message))
        {
            return true;
        }

        Interlocked.Add(ref _waitingBytes, -message.Bytes);
        return false;
    }

    /// <summary>Writes what still waits, a last heartbeat for example, if the broker takes it.</summary>
    public async ValueTask DisposeAsync()
    {
        _waiting.Writer.TryComplete();
        if (_connection.IsConnected)
        {
            await Task.WhenAny(_run, Task.Delay(_connection.Options.Timeout, _connection.Time));
        }

        await _stopping.CancelAsync();
        await _run;
    }

    private Task RunAsync(ChannelLoop loop) =>
        loop.RunAsync(new CreateChannelOptions(publisherConfirmationsEnabled: false, publisherConfirmationTrackingEnabled: false),
            PublishAsync, _stopping.Token);

    private async Task PublishAsync(IConnection connection, IChannel channel, CancellationToken lost)
    {
        await _declareAsync(connection, lost);
        var writer = new MessageWriter(channel, persistent: false);
        while (await _waiting.Reader.WaitToReadAsync(lost))
        {
            while (!lost.IsCancellationRequested && _waiting.Reader.TryRead(out var message))
            {
                Interlocked.Add(ref _waitingBytes, -message.Bytes);
                await writer.WriteAsync(message, sameBody: false, headers: null, sequence: 0, lost);
            }
        }

        await _stopping.CancelAsync(); // Completed and drained: the loop is not to open another channel.
    }
}
