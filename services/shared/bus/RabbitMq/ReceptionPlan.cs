using Google.Protobuf;
using RabbitMQ.Client;

namespace Tertulia.Bus.RabbitMq;

/// <summary>What a <see cref="Reception{T}"/> declares and whom it calls.</summary>
internal sealed record ReceptionPlan<T>
    where T : class, IMessage<T>
{
    /// <summary>Name of the first queue; those that replace it get a number.</summary>
    public required string Queue { get; init; }

    /// <summary>What is counted of it; null: nothing.</summary>
    public Destination? Counted { get; init; }

    public required Dictionary<string, object?> Arguments { get; init; }

    public required IReadOnlyList<(string Exchange, string RoutingKey)> Bindings { get; init; }

    /// <summary>Declares the exchanges of the bindings.</summary>
    public required Func<IConnection, CancellationToken, Task> DeclareAsync { get; init; }

    public required MessageParser<T> Parser { get; init; }

    public required Func<T, ValueTask> Receive { get; init; }

    /// <summary>Called when a queue took the place of a lost one, before it is consumed.</summary>
    public required Func<ValueTask> Restored { get; init; }
}
