using System.Diagnostics;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Bus;

/// <summary>Spans of what goes through the broker, named by the semantic conventions for messaging (docs/tracing.md).</summary>
/// <remarks>The client library has spans of its own, which nobody listens to: they follow an older convention, and know of messages, not
/// of what is in them.</remarks>
public static class BusTrace
{
    /// <summary>What stands for the id of a replica or a node in the names of spans.</summary>
    public const string Replica = "{replica_id}";

    /// <inheritdoc cref="Replica"/>
    public const string Node = "{node_id}";

    private static string _system = "in_process";
    private static string _prefix = "tertulia";
    private static string? _self;
    private static (string Host, int Port)? _server;

    /// <summary>The way to a message replica.</summary>
    public static string Message => $"{_prefix}.message";

    /// <summary>The way to a node.</summary>
    public static string ToNode => $"{_prefix}.node";

    /// <summary>Id of this process, by which it gets messages; null before the start.</summary>
    public static string? Self => _self;

    /// <summary>Says where the messages go, at the start of the process.</summary>
    /// <param name="self">Id of the process.</param>
    /// <param name="options">The broker; null when there is none.</param>
    internal static void Describe(string self, RabbitMqOptions? options)
    {
        _self = self;
        if (options is null)
        {
            return;
        }

        (_system, _prefix) = ("rabbitmq", options.Prefix);
        _server = (options.Uri.Host, options.Uri.Port > 0 ? options.Uri.Port : options.Uri.Scheme == "amqps" ? 5671 : 5672);
    }

    /// <summary>Starts the span of one operation; <see cref="Tracing.End"/> ends it.</summary>
    /// <param name="source">Of the service.</param>
    /// <param name="operation">Its name: <c>create</c>, <c>publish</c>, <c>process</c>, <c>deliver</c>.</param>
    /// <param name="type">The conventions' word for it: <c>create</c>, <c>send</c>, <c>process</c>.</param>
    /// <param name="kind">Its kind.</param>
    /// <param name="exchange">Where the messages go, or come from.</param>
    /// <param name="template">Form of the routing key, for the name of the span; empty when there is none.</param>
    /// <param name="routingKey">The routing key; null when there are several, or none.</param>
    /// <param name="parent">The span that it is a part of; default: it begins a trace.</param>
    /// <param name="links">What it carries.</param>
    /// <returns>Null when it is not recorded.</returns>
    public static Activity? Begin(
        ActivitySource source, string operation, string type, ActivityKind kind, string exchange, string template, string? routingKey, ActivityContext parent,
        IEnumerable<ActivityLink>? links = null)
    {
        var form = template.Length > 0 ? $"{exchange}:{template}" : exchange;
        var activity = Tracing.Begin(source, $"{operation} {form}", kind, parent, links);
        if (activity is null)
        {
            return null;
        }

        activity.SetTag("messaging.system", _system)
            .SetTag("messaging.operation.name", operation)
            .SetTag("messaging.operation.type", type)
            .SetTag("messaging.destination.template", form);
        if (routingKey is not null)
        {
            activity.SetTag("messaging.destination.name", $"{exchange}:{routingKey}").SetTag("messaging.rabbitmq.destination.routing_key", routingKey);
        }

        if (_server is var (host, port))
        {
            activity.SetTag("server.address", host).SetTag("server.port", port);
        }

        return activity;
    }

    /// <summary>Says how many messages of clients are in the batch. The conventions want no number of what is no batch.</summary>
    public static void Batch(Activity? activity, int count)
    {
        if (count > 1)
        {
            activity?.SetTag("messaging.batch.message_count", count);
        }
    }

    /// <summary>Adds a link to the span that made a command, when it is sampled; a span has no more than <see cref="Tracing.MaxLinks"/> links.</summary>
    public static void AddLink(List<ActivityLink> links, Command command)
    {
        if (links.Count < Tracing.MaxLinks && Tracing.TryContext(command.Traceparent, out var context))
        {
            links.Add(new ActivityLink(context, TagsOf(command)));
        }
    }

    /// <summary>What differs for each message stands at its link.</summary>
    private static ActivityTagsCollection TagsOf(Command command)
    {
        var tags = new ActivityTagsCollection { ["messaging.message.conversation_id"] = command.RoomId };
        if (command.Send is { } send)
        {
            tags["messaging.message.id"] = send.MessageId;
        }

        return tags;
    }
}
