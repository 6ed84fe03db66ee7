using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Testing;

namespace Tertulia.Messages.Tests.Flushing;

public sealed class FlushLoopsTests : IAsyncLifetime
{
    private readonly Backbone _backbone = new();
    private readonly TaskCompletionSource _hangs = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string _stuck = Commands.RoomsOf(partition: 2, count: 1)[0];
    private readonly string _free = Commands.RoomsOf(partition: 3, count: 1)[0];
    private WatchedStore _store = null!;
    private MessageReplica _replica = null!;
    private TestNode _node = null!;

    public async Task InitializeAsync()
    {
        _replica = await MessageReplica.StartAsync(
            _backbone, settings: new() { ["Messages:FlushLoops"] = "2" }, store: store => _store = new WatchedStore(store));
        _node = await _backbone.NodeAsync("node-1");
        await _node.AskAsync(Commands.Join(_stuck, "ana"));
        await _node.AskAsync(Commands.Join(_free, "ana"));
        _store.Appending = appends => appends.Any(append => append.RoomId == _stuck) ? _hangs.Task : Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        _hangs.TrySetResult();
        await _node.DisposeAsync();
        await _replica.DisposeAsync();
        await _backbone.DisposeAsync();
    }

    [Fact]
    public async Task A_store_call_that_hangs_holds_up_only_the_partitions_of_its_loop()
    {
        await _node.SubmitAsync(Commands.Send(_stuck, "ana", "waits"));
        await _node.SubmitAsync(Commands.Send(_free, "ana", "goes through"));

        Assert.Equal("goes through", Assert.Single(await _node.EventsAsync(_free, 3, 3)).Message.Content);
        Assert.False(_hangs.Task.IsCompleted);

        _hangs.SetResult();
        Assert.Equal("waits", Assert.Single(await _node.EventsAsync(_stuck, 3, 3)).Message.Content);
    }

    [Fact]
    public async Task When_no_more_can_wait_for_it_the_others_go_on_and_afterwards_nothing_is_missing()
    {
        const int Count = FlushLoop.WaitingPlaces + 100;
        for (var i = 0; i < Count; i++)
        {
            await _node.SubmitAsync(Commands.Send(_stuck, "ana", $"{i}", $"c{i}"));
        }

        await _node.SubmitAsync(Commands.Send(_free, "ana", "goes through"));
        await _node.EventsAsync(_free, 3, 3);
        Assert.False(_hangs.Task.IsCompleted);

        _hangs.SetResult();
        var events = await _node.EventsAsync(_stuck, 3, Count + 2);
        Assert.Equal(Enumerable.Range(0, Count).Select(i => $"{i}"), events.Select(found => found.Message.Content));
    }

    [Fact]
    public async Task What_waits_is_bounded_in_bytes()
    {
        var isHanging = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _store.Appending = _ =>
        {
            isHanging.TrySetResult();
            return _hangs.Task;
        };
        await _node.SubmitAsync(Commands.Send(_stuck, "ana", "waits"));
        await Eventually.CompletesAsync(isHanging.Task, "the append hangs");
        var loops = _replica.Get<FlushLoops>();
        var large = new SubmitBatch
        {
            NodeId = "node-2",
            Owners = { new PartitionOwner { Partition = 2, OwnerEpoch = 1 } },
            Commands = { Commands.Send(_stuck, "ana", new string('x', 8 * 1024 * 1024)) },
        };

        for (var taken = 0; taken < 7; taken++)
        {
            Assert.True(loops.AddAsync(large).AsTask().IsCompletedSuccessfully);
        }

        var eighth = loops.AddAsync(large).AsTask();
        Assert.False(eighth.IsCompleted); // 64 MiB would wait.
        _hangs.SetResult();
        await Eventually.CompletesAsync(eighth, "there is room again");
    }

    [Theory]
    [InlineData(0, 1, 16, 1)]
    [InlineData(0, 2, 16, 1)]
    [InlineData(0, 8, 16, 2)]
    [InlineData(0, 1_000, 256, 64)]
    [InlineData(6, 2, 16, 6)]
    [InlineData(6, 2, 4, 4)]
    public void There_is_one_loop_for_every_four_processors_unless_it_is_configured(int configured, int processors, int partitions, int loops) =>
        Assert.Equal(loops, FlushLoops.CountFor(configured, processors, partitions));
}
