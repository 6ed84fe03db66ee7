using System.Diagnostics;
using System.Diagnostics.Metrics;
using Tertulia.Connections.Submitting;
using Tertulia.Hosting;

namespace Tertulia.Connections;

/// <summary>Metrics and traces of the connection service. On the hot path an instrument is touched once per event or flush, never per recipient.</summary>
internal static class Telemetry
{
    /// <summary>Name of the meter and of the activity source.</summary>
    public const string Name = "Tertulia";

    private static readonly Meter Meter = new(Name);

    public static readonly ActivitySource Activities = Tracing.SourceOf(Name);

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
        "tertulia.delivery.latency", "s", "From the sender's frame to the outboxes of the members on this node", tags: null, Buckets.Seconds);

    /// <summary>Durable frames that a slow reader did not get; it was told the gap.</summary>
    public static readonly Counter<long> OutboxDropped = Meter.CreateCounter<long>(
        "tertulia.outbox.dropped", "{frame}", "Room events that slow readers did not get and were told as a gap");

    /// <summary>What may wait before the slowest clients are closed.</summary>
    public static readonly Gauge<long> OutboxBudget = Meter.CreateGauge<long>(
        "tertulia.outbox.budget", "By", "Bytes that may wait for clients that read slowly before the slowest are closed");

    /// <summary>What waits for clients that do not take it at once.</summary>
    public static readonly UpDownCounter<long> OutboxBytes = Meter.CreateUpDownCounter<long>(
        "tertulia.outbox.bytes", "By", "Bytes that wait for clients that read slowly, all outboxes of the node together");

    /// <summary>Clients told to go elsewhere because this node has more than its share.</summary>
    public static readonly Counter<long> RebalanceMoves = Meter.CreateCounter<long>(
        "tertulia.rebalance.moves", "{connection}", "Clients that were told to go to another node because this one had more than its share");

    /// <summary>Commands per submitted batch, changes per presence report.</summary>
    public static readonly Histogram<int> BatchSize = Meter.CreateHistogram<int>(
        "tertulia.batch.size", "{item}", "Items that went together because they had waited together", tags: null, Buckets.Counts);

    /// <summary>Entries were missing in the order of a room.</summary>
    public static readonly Counter<long> GapsDetected = Meter.CreateCounter<long>(
        "tertulia.gaps.detected", "{gap}", "Times at which entries were missing in the order of a room");

    /// <summary>They came: late, or out of the log.</summary>
    public static readonly Counter<long> GapsRepaired = Meter.CreateCounter<long>(
        "tertulia.gaps.repaired", "{gap}", "Gaps whose entries came late or were read from the log, by how");

    /// <summary>They can never be read.</summary>
    public static readonly Counter<long> GapsUnreadable = Meter.CreateCounter<long>(
        "tertulia.gaps.unreadable", "{gap}", "Gaps that the members were told of, because the log cannot be read there");

    /// <summary>Entries that came again.</summary>
    public static readonly Counter<long> DuplicatesSuppressed = Meter.CreateCounter<long>(
        "tertulia.duplicates.suppressed", "{entry}", "Entries that came although the members have them, and were not delivered again");

    /// <summary>Commands without an answer for too long.</summary>
    public static readonly Counter<long> CommandsExpired = Meter.CreateCounter<long>(
        "tertulia.commands.expired", "{command}", "Commands that were answered `unavailable` because their outcome was not known in time");

    /// <summary>From the moment at which something stood still until it went on.</summary>
    public static readonly Histogram<double> RecoveryDuration = Meter.CreateHistogram<double>(
        "tertulia.recovery.duration", "s", "From the moment at which something stood still until it went on, by kind", tags: null, Buckets.LongSeconds);

    private static PendingAcks? _pending; // Of the one service of the process.

    static Telemetry()
    {
        Meter.CreateObservableUpDownCounter<long>(
            "tertulia.commands.pending", unit: "{command}", description: "Commands of clients whose outcome is not known yet",
            observeValue: () => _pending?.Count ?? 0);
        Meter.CreateObservableGauge<double>(
            "tertulia.commands.oldest.age", unit: "s", description: "Age of the oldest command whose outcome is not known yet",
            observeValue: () => _pending?.OldestAge().TotalSeconds ?? 0);
    }

    /// <summary>Whose commands are counted when somebody asks for the metrics.</summary>
    public static void Observe(PendingAcks? pending)
    {
        Volatile.Write(ref _pending, pending);
        foreach (var rare in (Counter<long>[])[OutboxDropped, GapsDetected, GapsUnreadable, DuplicatesSuppressed, CommandsExpired])
        {
            rare.Add(0); // The first one is a change, too: without a zero before it no rate sees it.
        }

        Messages.Add(0, Refused);
        Messages.Add(0, Failed);
        GapsRepaired.Add(0, Arrived);
        GapsRepaired.Add(0, Read);
    }

    public static readonly KeyValuePair<string, object?> Arrived = new("how", "arrived");
    public static readonly KeyValuePair<string, object?> Read = new("how", "read");
    public static readonly KeyValuePair<string, object?> OfCommands = new("kind", "commands");
    public static readonly KeyValuePair<string, object?> OfRoom = new("kind", "room");
    public static readonly KeyValuePair<string, object?> SubmitStage = new("stage", "submit");
    public static readonly KeyValuePair<string, object?> PresenceStage = new("stage", "presence");
    public static readonly KeyValuePair<string, object?> Stored = new("outcome", "stored");
    public static readonly KeyValuePair<string, object?> Duplicate = new("outcome", "duplicate");
    public static readonly KeyValuePair<string, object?> Refused = new("outcome", "refused");
    public static readonly KeyValuePair<string, object?> Failed = new("outcome", "failed");
}
