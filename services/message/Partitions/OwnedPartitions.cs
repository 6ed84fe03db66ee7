using Microsoft.Extensions.Options;
using Tertulia.Bus;
using Tertulia.Contracts;

namespace Tertulia.Messages.Partitions;

/// <summary>The partitions whose writer this replica is, and since when. Each is changed by its flush loop and read by any thread.</summary>
internal sealed class OwnedPartitions(IOptions<LiveBusOptions> options, TimeProvider time)
{
    /// <summary>How long a new owner sends the partition's events to all nodes: those that hold its rooms subscribe again meanwhile.</summary>
    public static readonly TimeSpan TakeoverWindow = TimeSpan.FromSeconds(5);

    private readonly long[] _epochs = new long[options.Value.Partitions];
    private readonly long[] _latest = new long[options.Value.Partitions];
    private readonly long[] _takenAt = new long[options.Value.Partitions];

    /// <summary>A partition has new entries. Raised by a flush loop: return quickly.</summary>
    public event Action<int>? Appended;

    /// <summary>A partition was lost to another replica. Raised by a flush loop: return quickly.</summary>
    public event Action<int>? Lost;

    /// <summary>Partitions of the cluster.</summary>
    public int Count => _epochs.Length;

    /// <summary>Under which epoch this replica owns the partition; 0 when it does not.</summary>
    public long EpochOf(int partition) => Volatile.Read(ref _epochs[partition]);

    /// <summary>The latest epoch under which this replica took the partition; 0 when it never did.</summary>
    public long LatestOf(int partition) => Volatile.Read(ref _latest[partition]);

    /// <summary>It was taken a moment ago: its events go to all nodes.</summary>
    public bool InWindow(int partition) => time.GetElapsedTime(_takenAt[partition]) < TakeoverWindow;

    public void Take(int partition, long epoch)
    {
        _takenAt[partition] = time.GetTimestamp();
        Volatile.Write(ref _latest[partition], epoch);
        Volatile.Write(ref _epochs[partition], epoch);
    }

    public void Release(int partition) => Volatile.Write(ref _epochs[partition], 0);

    /// <summary>The store knows a newer owner, so that this replica is none any more. Raises <see cref="Lost"/>.</summary>
    public void Lose(int partition)
    {
        Release(partition);
        Lost?.Invoke(partition);
    }

    /// <summary>The latest epoch of each partition that this replica ever took, those it has given up since included.</summary>
    /// <remarks>A replica that starts takes partitions before it has heard of the others, and gives them up again: nodes that heard of it look
    /// for their owner there until the owner has a newer epoch.</remarks>
    public IEnumerable<PartitionOwner> Taken()
    {
        for (var partition = 0; partition < _latest.Length; partition++)
        {
            if (Volatile.Read(ref _latest[partition]) is > 0 and var epoch)
            {
                yield return new PartitionOwner { Partition = (uint)partition, OwnerEpoch = epoch };
            }
        }
    }

    /// <summary>All of them.</summary>
    public IEnumerable<PartitionOwner> Owned()
    {
        for (var partition = 0; partition < _epochs.Length; partition++)
        {
            if (EpochOf(partition) is > 0 and var epoch)
            {
                yield return new PartitionOwner { Partition = (uint)partition, OwnerEpoch = epoch };
            }
        }
    }

    /// <summary>Entries of the partition are in the log.</summary>
    public void OnAppended(int partition) => Appended?.Invoke(partition);
}
