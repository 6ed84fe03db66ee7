using Microsoft.Extensions.Logging;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Tertulia.Bus.RabbitMq;

/// <summary>Names and arguments of all exchanges and queues. Each user of an exchange or queue declares it, as often as needed.</summary>
internal sealed partial class Topology(RabbitMqOptions options, ILogger logger)
{
    private const ushort InequivalentArguments = 406; // AMQP 0-9-1, precondition-failed.

    // From 4.0 on a quorum queue drops what was redelivered 20 times unless it is told otherwise, and each crash, handover or look at it counts
    // (https://www.rabbitmq.com/docs/quorum-queues#poison-message-handling). Here only the consumer decides what is hopeless.
    private const int DeliveryLimit = 1_000_000;

    /// <summary>Direct: the routing key is a node id.</summary>
    public string Node { get; } = $"{options.Prefix}.node";

    /// <summary>Fan-out to all nodes.</summary>
    public string Nodes { get; } = $"{options.Prefix}.nodes";

    /// <summary>Fan-out to all presence replicas.</summary>
    public string Presence { get; } = $"{options.Prefix}.presence";

    /// <summary>Fan-out to those who follow the feed.</summary>
    public string Feed { get; } = $"{options.Prefix}.feed";

    /// <summary>Direct: the routing key is the id of a message replica.</summary>
    public string Message { get; } = $"{options.Prefix}.message";

    /// <summary>What was sent to the message replicas and can never be handled. Durable.</summary>
    public string SubmitErrors { get; } = $"{options.Prefix}.submit_error";

    /// <summary>One node: what is counted of it.</summary>
    public Destination ToNode { get; } = new($"{options.Prefix}.node:{{node_id}}");

    /// <summary>All nodes.</summary>
    public Destination ToNodes { get; } = new($"{options.Prefix}.nodes");

    /// <summary>The queue of a node, which gets what is for it and what is for all.</summary>
    public Destination OfNode { get; } = new($"{options.Prefix}.node.{{node_id}}");

    /// <summary>One message replica.</summary>
    public Destination ToMessage { get; } = new($"{options.Prefix}.message:{{replica_id}}");

    /// <summary>The queue of a message replica.</summary>
    public Destination OfMessage { get; } = new($"{options.Prefix}.message.{{replica_id}}");

    /// <summary>Messages that can never be handled.</summary>
    public Destination ToSubmitErrors { get; } = new($"{options.Prefix}.submit_error");

    /// <summary>All presence replicas.</summary>
    public Destination ToPresence { get; } = new($"{options.Prefix}.presence");

    /// <summary>The queue of a presence replica.</summary>
    public Destination OfPresence { get; } = new($"{options.Prefix}.presence.{{replica_id}}");

    /// <summary>Fan-out to the replicas of a service.</summary>
    public string Replicas(string service) => $"{options.Prefix}.replicas.{service}";

    /// <summary>Of the queue of one receiver. It lives as long as its connection, and what is bounded drops its oldest.</summary>
    public Dictionary<string, object?> ReceiverArguments() => new()
    {
        ["x-max-length-bytes"] = options.NodeQueueBytes,
        ["x-overflow"] = "drop-head",
    };

    /// <summary>Of the queue of a message replica, which refuses what does not fit: the node is to say <c>overloaded</c>.</summary>
    public Dictionary<string, object?> SubmitArguments() => new()
    {
        ["x-max-length-bytes"] = options.SubmitQueueBytes,
        ["x-overflow"] = "reject-publish",
    };

    public async Task DeclareExchangesAsync(IConnection connection, CancellationToken cancellationToken)
    {
        await using var channel = await connection.CreateChannelAsync(cancellationToken: cancellationToken);
        string[] directs = [Node, Message];
        foreach (var direct in directs)
        {
            await channel.ExchangeDeclareAsync(direct, ExchangeType.Direct, durable: true, autoDelete: false, cancellationToken: cancellationToken);
        }

        string[] fanouts = [Nodes, Presence, Feed, Replicas("message"), Replicas("presence"), Replicas("notification")];
        foreach (var fanout in fanouts)
        {
            await channel.ExchangeDeclareAsync(fanout, ExchangeType.Fanout, durable: true, autoDelete: false, cancellationToken: cancellationToken);
        }
    }

    public Task DeclareErrorQueueAsync(IConnection connection, CancellationToken cancellationToken) => DeclareQueueAsync(
        connection, SubmitErrors, new() { ["x-queue-type"] = "quorum", ["x-delivery-limit"] = DeliveryLimit }, cancellationToken);

    // A channel of its own, because the broker closes the channel on which a declaration failed.
    private async Task DeclareQueueAsync(
        IConnection connection, string queue, Dictionary<string, object?> arguments, CancellationToken cancellationToken)
    {
        await using var channel = await connection.CreateChannelAsync(cancellationToken: cancellationToken);
        try
        {
            await channel.QueueDeclareAsync(
                queue, durable: true, exclusive: false, autoDelete: false, arguments, cancellationToken: cancellationToken);
        }
        catch (OperationInterruptedException exception) when (exception.ShutdownReason?.ReplyCode == InequivalentArguments)
        {
            // It exists and holds commands of users: work with it as it is rather than not at all.
            LogInequivalent(queue, exception.ShutdownReason.ReplyText);
        }
    }

    [LoggerMessage(Level = LogLevel.Error,
        Message = "Queue {Queue} exists with other arguments and is used as it is; delete it while it is empty to have it declared again: {Reason}")]
    private partial void LogInequivalent(string queue, string reason);
}
