using System.Threading.Channels;
using Tertulia.Bus;

namespace Tertulia.Messages.Partitions;

/// <summary>What waits for the flush loop: a delivery, or the end of a lane, after which nothing of it comes any more.</summary>
/// <param name="Lane">Where it comes from.</param>
/// <param name="Delivery">Null for the end.</param>
internal readonly record struct LaneItem(PartitionLane Lane, SubmitDelivery? Delivery);

/// <summary>One candidacy for the single active consumer of a partition, from its registration to its end.</summary>
internal sealed class PartitionLane(int partition, ChannelWriter<LaneItem> work, TimeProvider time)
{
    /// <summary>How long a new owner sends the partition's events to all nodes: those that hold its rooms subscribe again meanwhile.</summary>
    public static readonly TimeSpan TakeoverWindow = TimeSpan.FromSeconds(5);

    private readonly TaskCompletionSource<IPartitionConsumer> _consumer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _ownerEpoch;
    private long _activatedAt;
    private volatile bool _isEnding;

    public int Partition { get; } = partition;

    /// <summary>When this lane became the partition's owner, Unix milliseconds; 0 before its first delivery.</summary>
    public long OwnerEpoch => Interlocked.Read(ref _ownerEpoch);

    /// <summary>Its events go to all nodes.</summary>
    public bool InWindow => time.GetElapsedTime(_activatedAt) < TakeoverWindow;

    /// <summary>Nothing of it is to be begun any more: it ends, or the broker took it away.</summary>
    public bool IsGone => _isEnding || IsLost;

    /// <summary>The broker took it away: whatever is not acknowledged is delivered again, to whoever comes next.</summary>
    public bool IsLost => _consumer.Task is { IsCompletedSuccessfully: true, Result.Lost.IsCompleted: true };

    /// <summary>Completes when the last flush with something of it is published and acknowledged, or dropped.</summary>
    public Task Ended => _ended.Task;

    /// <summary>The registration, completed before anything is delivered to the flush loop.</summary>
    public Task<IPartitionConsumer> Consumer => _consumer.Task;

    /// <summary>Registers it with the broker.</summary>
    /// <exception cref="BusUnavailableException">There is no broker.</exception>
    public async Task StartAsync(ISubmitQueue queue, CancellationToken cancellationToken) =>
        _consumer.SetResult(await queue.ConsumeAsync(Partition, ReceiveAsync, cancellationToken));

    /// <summary>Its first delivery came, which only the active consumer gets.</summary>
    public void Activate(long ownerEpoch)
    {
        _activatedAt = time.GetTimestamp();
        Interlocked.Exchange(ref _ownerEpoch, ownerEpoch);
    }

    /// <summary>Lets the flush under way finish, gives the rest back to the queue, and only then lets the next consumer begin.</summary>
    public async Task EndAsync()
    {
        _isEnding = true;
        await work.WriteAsync(new LaneItem(this, Delivery: null), CancellationToken.None);
        await Ended;
        await (await Consumer).DisposeAsync();
    }

    /// <summary>See <see cref="Ended"/>.</summary>
    public void SetEnded() => _ended.TrySetResult();

    private async ValueTask ReceiveAsync(SubmitDelivery delivery)
    {
        await Consumer; // It may deliver before it has returned.
        if (!_isEnding)
        {
            await work.WriteAsync(new LaneItem(this, delivery), CancellationToken.None);
        }
    }
}
