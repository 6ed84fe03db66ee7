using System.Diagnostics;
using System.Diagnostics.Metrics;
using Tertulia.Hosting;

namespace Tertulia.Bus.RabbitMq;

/// <summary>What messages go to, for the metrics: attributes that are made once.</summary>
/// <remarks>Names of the semantic conventions for messaging (docs/tracing.md). Nothing is counted per command or event: messages are batches.</remarks>
/// <param name="template">The exchange and the form of the routing key.</param>
internal sealed class Destination(string template)
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Tertulia.Bus";

    private const string System = "rabbitmq";
    private static readonly Meter Meter = new(MeterName);
    private static readonly Histogram<double> OperationDuration = Meter.CreateHistogram<double>(
        "messaging.client.operation.duration", "s", "Time from handing a message over until the broker has confirmed it", tags: null, Buckets.Seconds);
    private static readonly Counter<long> Sent = Meter.CreateCounter<long>(
        "messaging.client.sent.messages", "{message}", "Messages that were handed over to the broker");
    private static readonly Counter<long> Consumed = Meter.CreateCounter<long>(
        "messaging.client.consumed.messages", "{message}", "Messages that came from the broker");
    private static readonly Histogram<double> ProcessDuration = Meter.CreateHistogram<double>(
        "messaging.process.duration", "s", "Time of handling a message that came from the broker", tags: null, Buckets.Seconds);

    private static RabbitMqBroker? _broker; // Of the one bus of the process.

    private readonly KeyValuePair<string, object?>[] _publish = TagsOf("publish", template);
    private readonly KeyValuePair<string, object?>[] _consume = TagsOf("consume", template);

    static Destination() => Meter.CreateObservableUpDownCounter<int>(
        "tertulia.bus.connections", unit: "{connection}", description: "Connections to the broker that are open, of two",
        observeValue: () => _broker?.Connections ?? 0);

    /// <summary>Whose connections are counted when somebody asks for the metrics.</summary>
    public static void Observe(RabbitMqBroker broker) => _broker = broker;

    /// <summary>Messages were handed over, and confirmed or not.</summary>
    /// <param name="messages">How many.</param>
    /// <param name="started">Time stamp (<see cref="Stopwatch"/>) of the beginning.</param>
    /// <param name="failure">Why they are not known to have arrived; null when they are.</param>
    /// <returns>False, so that it can be the condition of a <c>catch</c>.</returns>
    public bool OnPublished(int messages, long started, Exception? failure)
    {
        if (failure is null)
        {
            Sent.Add(messages, _publish);
            OperationDuration.Record(Stopwatch.GetElapsedTime(started).TotalSeconds, _publish);
            return false;
        }

        KeyValuePair<string, object?>[] tags = [.. _publish, new("error.type", failure is OperationCanceledException ? "timeout" : failure.GetType().Name)];
        Sent.Add(messages, tags);
        OperationDuration.Record(Stopwatch.GetElapsedTime(started).TotalSeconds, tags);
        return false;
    }

    /// <summary>A message came and was handled.</summary>
    /// <param name="started">Time stamp (<see cref="Stopwatch"/>) of the beginning.</param>
    public void OnConsumed(long started)
    {
        Consumed.Add(1, _consume);
        ProcessDuration.Record(Stopwatch.GetElapsedTime(started).TotalSeconds, _consume);
    }

    private static KeyValuePair<string, object?>[] TagsOf(string operation, string template) =>
    [
        new("messaging.system", System), new("messaging.operation.name", operation), new("messaging.destination.template", template),
    ];
}
