using Microsoft.Extensions.Logging;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Tertulia.Bus.RabbitMq;

/// <summary>Names and arguments of all exchanges and queues. Everything is declared by whoever uses it, as often as needed.</summary>
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

    /// <summary>What of the submit queues can never be handled.</summary>
    public string SubmitErrors { get; } = $"{options.Prefix}.submit_error";

    /// <summary>Fan-out to the replicas of a service.</summary>
    public string Replicas(string service) => $"{options.Prefix}.replicas.{service}";

    public string Submit(int partition) => $"{options.Prefix}.submit.{partition:D2}";

    /// <summary>Of the queue of one receiver. It lives as long as its connection, and what is bounded drops its oldest.</summary>
    public Dictionary<string, object?> ReceiverArguments() => new()
    {
        ["x-max-length-bytes"] = options.NodeQueueBytes,
        ["x-overflow"] = "drop-head",
    };

    public async Task DeclareExchangesAsync(IConnection connection, CancellationToken cancellationToken)
    {
        await using var channel = await connection.CreateChannelAsync(cancellationToken: cancellationToken);
        await channel.ExchangeDeclareAsync(Node, ExchangeType.Direct, durable: true, autoDelete: false, cancellationToken: cancellationToken);
        string[] fanouts = [Nodes, Presence, Replicas("message"), Replicas("presence")];
        foreach (var fanout in fanouts)
        {
            await channel.ExchangeDeclareAsync(fanout, ExchangeType.Fanout, durable: true, autoDelete: false, cancellationToken: cancellationToken);
        }
    }

    public async Task DeclareSubmitQueuesAsync(IConnection connection, int partitions, CancellationToken cancellationToken)
    {
        for (var partition = 0; partition < partitions; partition++)
        {
            await DeclareSubmitQueueAsync(connection, partition, cancellationToken);
        }

        await DeclareQueueAsync(
            connection, SubmitErrors, new() { ["x-queue-type"] = "quorum", ["x-delivery-limit"] = DeliveryLimit }, cancellationToken);
    }

    public Task DeclareSubmitQueueAsync(IConnection connection, int partition, CancellationToken cancellationToken) =>
        DeclareQueueAsync(connection, Submit(partition), new()
        {
            ["x-queue-type"] = "quorum",
            ["x-single-active-consumer"] = true,
            ["x-max-length-bytes"] = options.SubmitQueueBytes,
            ["x-overflow"] = "reject-publish",
            ["x-delivery-limit"] = DeliveryLimit,
        }, cancellationToken);

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
