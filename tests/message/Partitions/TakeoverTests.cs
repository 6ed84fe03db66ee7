using Microsoft.Extensions.Time.Testing;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Partitions;
using Tertulia.Messages.Storage;
using Tertulia.Testing;

namespace Tertulia.Messages.Tests.Partitions;

/// <summary>The old owner's last append lands after the new owner has read the room, as it can in a store that does not lock the partition while it appends.</summary>
public sealed class TakeoverTests : IAsyncLifetime
{
    private readonly Backbone _backbone = new();
    private readonly FakeTimeProvider _time = new();
    private readonly TaskCompletionSource _mayAppend = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _isAppending = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string[] _rooms = [.. Enumerable.Range(0, Partitioner.DefaultPartitions).Select(partition => Commands.RoomsOf(partition, count: 1)[0])];
    private WatchedStore _oldStore = null!;
    private MessageReplica _old = null!;
    private MessageReplica? _new;
    private TestNode _node = null!;
    private TestNode _other = null!;

    public async Task InitializeAsync()
    {
        _old = await MessageReplica.StartAsync(_backbone, _time, store: store => _oldStore = new WatchedStore(store));
        _node = await _backbone.NodeAsync("node-1");
        _other = await _backbone.NodeAsync("node-2");
        foreach (var room in _rooms)
        {
            await _node.AskAsync(Commands.Join(room, "ana"));
        }

        _time.Advance(OwnedPartitions.TakeoverWindow); // Events go to the subscribers only.
        _oldStore.Appending = _ =>
        {
            _isAppending.TrySetResult();
            return _mayAppend.Task;
        };
        _oldStore.Instead = append => append with { OwnerEpoch = Math.Max(append.OwnerEpoch, _new?.Get<OwnedPartitions>().EpochOf(append.Partition) ?? 0) };
    }

    public async Task DisposeAsync()
    {
        _mayAppend.TrySetResult();
        await _node.DisposeAsync();
        await _other.DisposeAsync();
        await _old.DisposeAsync();
        if (_new is not null)
        {
            await _new.DisposeAsync();
        }

        await _backbone.DisposeAsync();
    }

    [Fact]
    public async Task A_node_that_joined_through_the_new_owner_is_told_when_the_window_is_over()
    {
        var room = await TakeOverAsync();
        Assert.Equal(2, (await _other.AskAsync(Commands.Subscribe(room))).Subscribed.Seq);

        _mayAppend.SetResult();
        await Eventually.EqualsAsync(3, () => LastSeqAsync(room));
        var epoch = EpochOf(_new!, room);
        await AdvanceAsync();
        Assert.Equal(epoch, EpochOf(_new!, room)); // Else the node would have subscribed again.

        var late = Assert.Single(await _other.EventsAsync(room, 3, 3));
        Assert.Equal("late", late.Message.Content);
    }

    [Fact]
    public async Task A_node_is_told_at_once_when_an_append_of_the_new_owner_finds_it()
    {
        var room = await TakeOverAsync();
        await _other.AskAsync(Commands.Join(room, "ana"));
        _mayAppend.SetResult();
        await Eventually.EqualsAsync(3, () => LastSeqAsync(room));

        await _other.SubmitAsync(Commands.Send(room, "ana", "after it"));

        Assert.Equal(["late", "after it"], (await _other.EventsAsync(room, 3, 4)).Select(found => found.Message.Content));
    }

    [Fact]
    public async Task A_node_is_told_of_the_newest_entry_when_what_it_missed_is_too_much_for_one_read()
    {
        var room = _rooms[0];
        _oldStore.Instead = null;
        var entries = Enumerable.Range(3, 40).Select(seq => new LogEntry("zoe", $"key-{seq}", new RoomEvent
        {
            Seq = seq, CreatedAtMs = 1, UserId = "zoe", Message = new MessageCreated { MessageId = $"id-{seq}", Content = new string('x', 60_000) },
        })).ToArray();
        _mayAppend.SetResult();
        await _old.Store.AppendAsync([new RoomAppend(PartitionOf(room), room, EpochOf(_old, room), entries)], CancellationToken.None);

        await _other.AskAsync(Commands.Subscribe(room, lastSeq: 42, _old.Store.Epoch)); // The replica reads the room again.

        Assert.Equal("id-42", Assert.Single(await _node.EventsAsync(room, 42, 42)).Message.MessageId);
    }

    /// <returns>A room that the new owner has taken, while an append of the old owner is under way.</returns>
    private async Task<string> TakeOverAsync()
    {
        await _node.SubmitTogetherAsync([.. _rooms.Select(room => Commands.Send(room, "ana", "late"))]);
        await Eventually.CompletesAsync(_isAppending.Task, "the old owner appends");
        _new = await MessageReplica.StartAsync(_backbone, _time);
        string[] replicas = [_old.Get<ProcessIdentity>().Id, _new.Get<ProcessIdentity>().Id];
        var taken = _rooms.First(room => Rendezvous.OwnerOf($"partition-{PartitionOf(room)}", replicas) == replicas[1]); // Not one that it gives back.
        await StepUntilAsync(() => EpochOf(_new, taken) > EpochOf(_old, taken), "the new replica takes the partition");
        return taken;
    }

    private static int PartitionOf(string room) => Partitioner.PartitionOf(room, Partitioner.DefaultPartitions);

    private static long EpochOf(MessageReplica replica, string room) =>
        replica.Get<OwnedPartitions>().EpochOf(PartitionOf(room));

    private async Task<long> LastSeqAsync(string room) => (await _new!.Store.ReadEventsAsync(room, 1, 9, ReadLimit.Of(9), CancellationToken.None))!.LastSeq;

    private Task AdvanceAsync()
    {
        var until = _time.GetUtcNow() + OwnedPartitions.TakeoverWindow + PartitionOwnership.Interval;
        return StepUntilAsync(() => _time.GetUtcNow() >= until, "the window is over");
    }

    // As fast as the real clock, so that no replica takes the other one for dead.
    private Task StepUntilAsync(Func<bool> condition, string what) => Eventually.HoldsAsync(
        () =>
        {
            _time.Advance(TimeSpan.FromMilliseconds(20));
            return condition();
        },
        what);
}
