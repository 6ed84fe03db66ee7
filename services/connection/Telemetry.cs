using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Tertulia.Connections;

/// <summary>Metrics and traces of the connection service. On the hot path an instrument is touched once per event or flush, never per recipient.</summary>
internal static class Telemetry
{
    /// <summary>Name of the meter and of the activity source.</summary>
    public const string Name = "Tertulia";

    private static readonly Meter Meter = new(Name);

    public static readonly ActivitySource Activities = new(Name);

    /// <summary>Sockets that are open.</summary>
    public static readonly UpDownCounter<int> Connections = Meter.CreateUpDownCounter<int>(
        "tertulia.connections", "{connection}", "Client connections that are open on this node");

    /// <summary>Rooms with members on this node, or that lost the last one a moment ago.</summary>
    public static readonly UpDownCounter<int> Rooms = Meter.CreateUpDownCounter<int>(
        "tertulia.rooms", "{room}", "Rooms this node receives");

    /// <summary>Messages of clients, by outcome.</summary>
    public static readonly Counter<long> Messages = Meter.CreateCounter<long>(
        "tertulia.messages", "{message}", "Messages taken from clients, by outcome");

    /// <summary>Durable frames handed to members' outboxes.</summary>
    public static readonly Counter<long> Deliveries = Meter.CreateCounter<long>(
        "tertulia.deliveries", "{delivery}", "Room events handed to the outboxes of members");

    /// <summary>From the sender's frame on its node to the outboxes of this node. The clocks of both nodes count.</summary>
    public static readonly Histogram<double> DeliveryLatency = Meter.CreateHistogram<double>(
        "tertulia.delivery.latency", "ms", "From the sender's frame to the outboxes of the members on this node");

    /// <summary>Durable frames that a slow reader did not get; it was told the gap.</summary>
    public static readonly Counter<long> OutboxDropped = Meter.CreateCounter<long>(
        "tertulia.outbox.dropped", "{frame}", "Room events that slow readers did not get and were told as a gap");

    /// <summary>What may wait before the slowest clients are closed.</summary>
    public static readonly Gauge<long> OutboxBudget = Meter.CreateGauge<long>(
        "tertulia.outbox.budget", "By", "Bytes that may wait for clients that read slowly before the slowest are closed");

    /// <summary>What waits for clients that do not take it at once.</summary>
    public static readonly UpDownCounter<long> OutboxBytes = Meter.CreateUpDownCounter<long>(
        "tertulia.outbox.bytes", "By", "Bytes that wait for clients that read slowly, all outboxes of the node together");

    /// <summary>Commands per submitted batch, changes per presence report.</summary>
    public static readonly Histogram<int> BatchSize = Meter.CreateHistogram<int>(
        "tertulia.batch.size", "{item}", "Items that went together because they had waited together");

    public static readonly KeyValuePair<string, object?> SubmitStage = new("stage", "submit");
    public static readonly KeyValuePair<string, object?> PresenceStage = new("stage", "presence");
    public static readonly KeyValuePair<string, object?> Stored = new("outcome", "stored");
    public static readonly KeyValuePair<string, object?> Duplicate = new("outcome", "duplicate");
    public static readonly KeyValuePair<string, object?> Refused = new("outcome", "refused");
    public static readonly KeyValuePair<string, object?> Failed = new("outcome", "failed");
}
