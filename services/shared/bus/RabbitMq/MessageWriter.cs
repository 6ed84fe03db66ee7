using System.Buffers;
using System.Globalization;
using Google.Protobuf;
using RabbitMQ.Client;

namespace Tertulia.Bus.RabbitMq;

/// <summary>Writes messages to one channel, one at a time, with one buffer and one set of properties for all of them.</summary>
/// <remarks>Both may be used again at once: the client copies body and properties into its own frames before it returns.</remarks>
internal sealed class MessageWriter(IChannel channel, bool persistent)
{
    private const int KeepBytes = 1024 * 1024; // A buffer that one huge batch has blown up is not kept.

    // With confirms the client adds headers to properties that have none, by copying both: so they get an empty one.
    private readonly Dictionary<string, object?> _noHeaders = [];
    private readonly BasicProperties _properties = new()
    {
        ContentType = "application/x-protobuf",
        DeliveryMode = persistent ? DeliveryModes.Persistent : DeliveryModes.Transient,
    };

    private ArrayBufferWriter<byte> _body = new(16 * 1024);

    /// <param name="message">What is written.</param>
    /// <param name="sameBody">Its body is the one that was written just before: what goes to several nodes is serialized once.</param>
    /// <param name="headers">Null when there are none.</param>
    /// <param name="sequence">Publish sequence number of the channel, by which a returned message is recognised; 0 on a channel without confirms.</param>
    /// <param name="cancellationToken">Fires when the channel is lost.</param>
    public ValueTask WriteAsync(
        OutgoingMessage message, bool sameBody, Dictionary<string, object?>? headers, ulong sequence, CancellationToken cancellationToken)
    {
        if (!sameBody)
        {
            Serialize(message.Body);
        }

        _noHeaders.Clear(); // The client's tracing may have added to it.
        _properties.Headers = headers ?? _noHeaders;
        _properties.MessageId = message.Mandatory && sequence > 0 ? sequence.ToString(CultureInfo.InvariantCulture) : null;
        return channel.BasicPublishAsync(
            message.Exchange, message.RoutingKey, message.Mandatory, _properties, _body.WrittenMemory, cancellationToken);
    }
    private void Serialize(IMessage body)
    {
        if (_body.Capacity > KeepBytes)
        {
            _body = new ArrayBufferWriter<byte>(16 * 1024);
        }

        _body.ResetWrittenCount();
        body.WriteTo(_body);
    }
}
