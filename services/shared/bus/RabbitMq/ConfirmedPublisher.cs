using System.Diagnostics;
using System.Threading.Channels;
using Google.Protobuf;
using Microsoft.Extensions.Logging;
using RabbitMQ.Client;

namespace Tertulia.Bus.RabbitMq;

/// <summary>Publishes in the order of the calls on one channel and tells each caller when the broker has confirmed.</summary>
/// <remarks>
/// Callers do not wait for each other's confirmations: what waits is written back to back, and confirmations come as the broker makes
/// them. While there is no channel, publications wait for the next one until their deadline. One that was written and not confirmed when
/// the channel was lost fails at once.
/// </remarks>
internal sealed class ConfirmedPublisher : IAsyncDisposable
{
    private const int MaxWaiting = 1024; // Publications; with more than that their callers wait for room, up to their deadline.

    private readonly BrokerConnection _connection;
    private readonly Func<IConnection, CancellationToken, Task> _declareAsync;
    private readonly bool _persistent;
    // An idle publisher writes on its caller's thread: a wake-up less for each publication. Writing only hands bytes over to the client library.
    private readonly Channel<Publication> _waiting = Channel.CreateBounded<Publication>(
        new BoundedChannelOptions(MaxWaiting) { SingleReader = true, AllowSynchronousContinuations = true });
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _run;

    /// <param name="connection">Shared with other publishers.</param>
    /// <param name="purpose">Name in log lines.</param>
    /// <param name="persistent">The broker keeps the messages over a restart.</param>
    /// <param name="declareAsync">Declares what the messages go to; called for every new channel.</param>
    /// <param name="logger">Of the adapter.</param>
    public ConfirmedPublisher(
        BrokerConnection connection, string purpose, bool persistent, Func<IConnection, CancellationToken, Task> declareAsync, ILogger logger)
    {
        _connection = connection;
        _declareAsync = declareAsync;
        _persistent = persistent;
        _run = Task.Run(() => RunAsync(new ChannelLoop(connection, purpose, logger)));
    }

    /// <summary>Publishes and completes when everything is confirmed.</summary>
    /// <exception cref="BusUnavailableException">Not confirmed in time, or the channel was lost meanwhile.</exception>
    /// <exception cref="QueueFullException">A queue refused a message.</exception>
    /// <exception cref="MessageTooLargeException">One of the messages is larger than the broker takes; none was published.</exception>
    public async Task PublishAsync(Publication publication, CancellationToken cancellationToken)
    {
        if (_connection.Limit.Check(publication) is { } tooLarge)
        {
            throw tooLarge;
        }

        var (messages, started) = (publication.Messages.Length, Stopwatch.GetTimestamp());
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(_connection.Options.Timeout);
        try
        {
            // Up to here nothing has been awaited, so the order of the calls is the order of the queue. A full one lets its writers in in their order.
            if (!_waiting.Writer.TryWrite(publication))
            {
                await _waiting.Writer.WriteAsync(publication, deadline.Token);
            }

            await publication.Confirmed.WaitAsync(deadline.Token);
            publication.Destination.OnPublished(messages, started, failure: null);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested && publication.Destination.OnPublished(messages, started, exception))
        {
            throw; // Never: it was only counted.
        }
        catch (OperationCanceledException exception) when (deadline.IsCancellationRequested)
        {
            // What has not been written yet never will be; of what has, the caller cannot know.
            publication.Fail("its caller has given up");
            cancellationToken.ThrowIfCancellationRequested();
            var reason = _connection.IsConnected ? "the broker did not confirm" : "no connection to the broker";
            throw new BusUnavailableException($"{reason} within {_connection.Options.Timeout}", exception);
        }
        catch (ChannelClosedException exception)
        {
            throw new BusUnavailableException("the bus is closed", exception);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _waiting.Writer.TryComplete();
        await _stopping.CancelAsync();
        await _run;
        while (_waiting.Reader.TryRead(out var publication))
        {
            publication.Fail("the bus is closed");
        }
    }

    private async Task RunAsync(ChannelLoop loop)
    {
        try
        {
            await _waiting.Reader.WaitToReadAsync(_stopping.Token); // A process that never publishes this way declares nothing.
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            return;
        }

        // Confirmed by our own window: the client's tracking awaits the confirmation of each message before the call returns.
        var options = new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: false);
        await loop.RunAsync(options, PublishAsync, _stopping.Token);
    }

    private async Task PublishAsync(IConnection connection, IChannel channel, CancellationToken lost)
    {
        await _declareAsync(connection, lost);
        var window = new ConfirmWindow(_connection.Options.MaxUnconfirmed, _connection.Options.MaxUnconfirmedBytes);
        channel.BasicAcksAsync += window.OnAckAsync;
        channel.BasicNacksAsync += window.OnNackAsync;
        channel.BasicReturnAsync += window.OnReturnAsync;
        await using var close = lost.Register(() => Close("the connection to the broker was lost before it confirmed"));
        try
        {
            var writer = new MessageWriter(channel, _persistent);
            while (await _waiting.Reader.WaitToReadAsync(lost))
            {
                while (!lost.IsCancellationRequested && _waiting.Reader.TryRead(out var publication))
                {
                    if (_connection.Limit.Check(publication) is { } tooLarge) // The limit may be less than when it began to wait.
                    {
                        publication.Fail(tooLarge);
                    }
                    else if (!publication.Confirmed.IsCompleted) // Else its caller has given up.
                    {
                        await WriteAsync(writer, window, publication, lost);
                    }
                }
            }
        }
        finally
        {
            Close("the channel was lost before the broker confirmed");
        }

        void Close(string reason)
        {
            _connection.Limit.OnClosed(channel.CloseReason, window.LargestUnconfirmed);
            window.Close(reason);
        }
    }

    private static async ValueTask WriteAsync(MessageWriter writer, ConfirmWindow window, Publication publication, CancellationToken lost)
    {
        try
        {
            IMessage? written = null;
            foreach (var message in publication.Messages)
            {
                ulong sequence;
                while ((sequence = window.TryAdd(publication, message.Bytes)) == 0)
                {
                    await window.WaitForRoomAsync(lost);
                }

                await writer.WriteAsync(message, ReferenceEquals(message.Body, written), publication.Headers, sequence, lost);
                written = message.Body;
            }
        }
        catch
        {
            publication.Fail("the channel was lost while it was published");
            throw; // The numbers no longer agree with the broker's: this ends the channel.
        }
    }
}
