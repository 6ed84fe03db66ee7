using System.Diagnostics;
using System.Diagnostics.Metrics;
using Tertulia.Hosting;
using Tertulia.Messages.Partitions;

namespace Tertulia.Messages;

/// <summary>What the message service counts.</summary>
internal sealed class Telemetry : IDisposable
{
    /// <summary>Name of the meter.</summary>
    public const string Name = "Tertulia.Messages";

    /// <summary>The spans of this service.</summary>
    public static readonly ActivitySource Activities = Tracing.SourceOf(Name);

    private readonly Meter _meter;
    private readonly Counter<long> _entries;
    private readonly Histogram<int> _flushSize;
    private readonly Histogram<double> _appendDuration;
    private readonly Counter<long> _deadLetters;

    public Telemetry(IMeterFactory meters)
    {
        _meter = meters.Create(Name);
        _entries = _meter.CreateCounter<long>("tertulia.log.entries", "{entry}", "Entries appended to room logs");
        _deadLetters = _meter.CreateCounter<long>("tertulia.dead_letters", "{batch}", "Batches that can never be handled and are in the queue submit_error");
        _flushSize = _meter.CreateHistogram<int>("tertulia.batch.size", "{command}", "Commands that one flush decided together", tags: null, Buckets.Counts);
        _appendDuration = _meter.CreateHistogram<double>("tertulia.log.append.duration", "s", "Time of one append", tags: null, Buckets.Seconds);
        Conflicts = _meter.CreateCounter<long>("tertulia.log.conflicts", "{conflict}", "Appends that found a seq or a key taken");
        Duplicates = _meter.CreateCounter<long>("tertulia.log.duplicates", "{command}", "Commands whose entry was in the log already");
        PartitionsTaken = _meter.CreateCounter<long>("tertulia.partitions.taken", "{partition}", "Partitions whose writer this replica became");
        foreach (var rare in (Counter<long>[])[_deadLetters, Conflicts, Duplicates, PartitionsTaken])
        {
            rare.Add(0); // The first one is a change, too: without a zero before it no rate sees it.
        }
    }

    /// <summary>Appends that found a seq or a key taken.</summary>
    public Counter<long> Conflicts { get; }

    /// <summary>A batch can never be handled.</summary>
    public void DeadLettered() => _deadLetters.Add(1);

    /// <summary>Commands whose entry was in the log already: sent again by a client, or by a node that had no answer.</summary>
    public Counter<long> Duplicates { get; }

    /// <summary>Partitions whose writer this replica became.</summary>
    public Counter<long> PartitionsTaken { get; }

    /// <summary>Whose partitions are counted when somebody asks for the metrics.</summary>
    public void Observe(OwnedPartitions owned) => _meter.CreateObservableUpDownCounter<int>(
        "tertulia.partitions.owned", unit: "{partition}", description: "Partitions whose writer this replica is", observeValue: () => owned.Owned().Count());

    /// <summary>A flush is in the log.</summary>
    public void Appended(int entries, int commands, TimeSpan duration)
    {
        _entries.Add(entries);
        _flushSize.Record(commands);
        _appendDuration.Record(duration.TotalSeconds);
    }

    public void Dispose() => _meter.Dispose();
}
