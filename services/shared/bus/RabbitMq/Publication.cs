using Google.Protobuf;

namespace Tertulia.Bus.RabbitMq;

/// <summary>One AMQP message that is to be published.</summary>
/// <param name="Exchange">Empty for the default exchange, which routes by queue name.</param>
/// <param name="RoutingKey">Node id or queue name; empty for a fan-out.</param>
/// <param name="Mandatory">Comes back when there is no queue for it.</param>
/// <param name="Body">Serialized just before it is written, into a buffer that all messages of a channel share.</param>
internal readonly record struct OutgoingMessage(string Exchange, string RoutingKey, bool Mandatory, IMessage Body)
{
    /// <summary>Size of the body.</summary>
    public int Bytes { get; } = Body.CalculateSize();
}

/// <summary>What one caller publishes together and awaits together.</summary>
/// <param name="destination">What it is counted under.</param>
/// <param name="messages">At least one.</param>
internal sealed class Publication(Destination destination, params OutgoingMessage[] messages)
{
    /// <summary>What it is counted under.</summary>
    public Destination Destination { get; } = destination;

    // Continuations must not run on the connection's reading loop, which completes this.
    private readonly TaskCompletionSource _confirmed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private OutgoingMessage[] _messages = messages;
    private int _unconfirmed = messages.Length;
    private bool _refused;
    private List<string>? _returned;

    /// <summary>Empty after <see cref="Fail"/>: a publication that failed may wait for its turn in a long outage, without its messages.</summary>
    public OutgoingMessage[] Messages => Volatile.Read(ref _messages);

    /// <summary>Headers of all its messages; null when there are none.</summary>
    public Dictionary<string, object?>? Headers { get; init; }

    /// <summary>Completes when all messages are confirmed, or when it is known that they will not be.</summary>
    public Task Confirmed => _confirmed.Task;

    /// <summary>Routing keys of the messages for which there was no queue.</summary>
    public IReadOnlyCollection<string> Returned => _returned ?? (IReadOnlyCollection<string>)[];

    /// <summary>One message found no queue. Comes before its confirmation.</summary>
    public void OnReturned(string routingKey) => (_returned ??= []).Add(routingKey);

    /// <summary>The broker answered for one message. The calls for a publication exclude each other.</summary>
    /// <param name="taken">False: the queue refused it, because it is full.</param>
    public void OnConfirmed(bool taken)
    {
        _refused |= !taken;
        if (--_unconfirmed > 0)
        {
            return;
        }

        if (_refused)
        {
            _confirmed.TrySetException(new QueueFullException("the broker refused the message: the queue is full"));
        }
        else
        {
            _confirmed.TrySetResult();
        }
    }

    /// <summary>There will be no answer, or its caller has given up.</summary>
    public void Fail(string reason) => Fail(new BusUnavailableException(reason));

    /// <summary>It is not published.</summary>
    public void Fail(Exception exception)
    {
        _confirmed.TrySetException(exception);
        Volatile.Write(ref _messages, []);
    }
}
