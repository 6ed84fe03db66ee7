using System.Threading.Channels;
using Google.Protobuf;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Tertulia.Bus.RabbitMq;

/// <summary>One message as it came from the broker.</summary>
/// <param name="Body">Null when it could not be read.</param>
/// <param name="Unreadable">The bytes that could not be read, else null.</param>
/// <param name="Tag">Delivery tag: 1, 2, 3, … per channel.</param>
/// <param name="Bytes">Size of its body.</param>
internal readonly record struct Delivered<T>(T? Body, byte[]? Unreadable, ulong Tag, int Bytes);

/// <summary>Parses what the broker delivers and hands it over to a pump.</summary>
/// <remarks>
/// The body's memory belongs to the client only until the handler returns, hence the parsing here. Nothing that may wait runs here:
/// the client's reading loop, which all channels of the connection share, waits for this handler when the channel closes. The
/// number that waits is bounded by the channel's prefetch.
/// </remarks>
internal sealed class Deliveries<T>(IChannel channel, MessageParser<T> parser) : AsyncDefaultBasicConsumer(channel)
    where T : class, IMessage<T>
{
    // The receiver goes on on the client library's dispatching task, which runs on the pool and serves this channel alone: a wake-up less for each delivery.
    private readonly Channel<Delivered<T>> _waiting =
        System.Threading.Channels.Channel.CreateUnbounded<Delivered<T>>(new UnboundedChannelOptions { SingleReader = true, AllowSynchronousContinuations = true });

    /// <summary>Completes when the broker took the consumer away.</summary>
    public ChannelReader<Delivered<T>> Reader => _waiting.Reader;

    public override Task HandleBasicDeliverAsync(
        string consumerTag, ulong deliveryTag, bool redelivered, string exchange, string routingKey,
        IReadOnlyBasicProperties properties, ReadOnlyMemory<byte> body, CancellationToken cancellationToken = default)
    {
        _waiting.Writer.TryWrite(Parse(body.Span, deliveryTag));
        return Task.CompletedTask;
    }

    public override Task HandleChannelShutdownAsync(object channel, ShutdownEventArgs reason)
    {
        _waiting.Writer.TryComplete();
        return base.HandleChannelShutdownAsync(channel, reason);
    }

    protected override Task OnCancelAsync(string[] consumerTags, CancellationToken cancellationToken = default)
    {
        _waiting.Writer.TryComplete(); // The queue was deleted, or its node is gone.
        return base.OnCancelAsync(consumerTags, cancellationToken);
    }

    private Delivered<T> Parse(ReadOnlySpan<byte> body, ulong tag)
    {
        try
        {
            return new(parser.ParseFrom(body), null, tag, body.Length);
        }
        catch (InvalidProtocolBufferException)
        {
            return new(null, body.ToArray(), tag, body.Length);
        }
    }
}
