using Microsoft.Extensions.Options;
using Tertulia.Bus;
using Tertulia.Connections.Submitting;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Submitting;

/// <summary>What waits for a broker or an owner is bounded, and what goes wrong with one command stays with that command.</summary>
public sealed class SubmitBoundsTests : IAsyncLifetime
{
    private const int Bound = 64 * 1024;

    private TestNode _node = null!;
    private SubmitBatcher _batcher = null!;

    public async Task InitializeAsync()
    {
        _node = await TestNode.StartAsync(
            ("Connections:Submit:PartitionBytes", $"{Bound}"), ("Connections:Submit:ProcessBytes", $"{2 * Bound}"), ("Connections:Submit:Capacity", "1024"));
        _batcher = _node.Of<SubmitBatcher>();
    }

    public async Task DisposeAsync()
    {
        _node.Queue.Release();
        _node.Queue.Fail(null);
        await _node.DisposeAsync();
    }

    [Theory]
    [InlineData(BusKind.RabbitMq, 1024 * 1024, 64 * 1024, false)]
    [InlineData(BusKind.InProcess, 1024 * 1024, 64 * 1024, true)]
    [InlineData(BusKind.RabbitMq, 2 * 1024 * 1024, 64 * 1024, true)]
    [InlineData(BusKind.RabbitMq, 2 * 1024 * 1024, 2 * 1024 * 1024, false)]
    [InlineData(BusKind.RabbitMq, 16 * 1024 * 1024, 0, true)] // Commands above 8 MiB are refused, whatever frames may be.
    public void A_broker_that_would_not_take_what_clients_may_send_is_refused(BusKind kind, int messageBytes, int frameBytes, bool isTaken)
    {
        var rules = new SubmitOptionsRules(
            Options.Create(new LimitOptions { FrameBytes = frameBytes }), Options.Create(new LiveBusOptions { Kind = kind }),
            Options.Create(new RabbitMqOptions { MaxMessageBytes = messageBytes }));

        var checkedBatch = rules.Validate(null, new SubmitOptions());

        Assert.Equal(isTaken, checkedBatch.Succeeded);
        Assert.Equal(!isTaken, checkedBatch.FailureMessage?.Contains("Bus:RabbitMq:MaxMessageBytes", StringComparison.Ordinal) ?? false);
    }

    [Fact]
    public void A_partition_refuses_what_would_pass_its_bytes_and_another_one_does_not()
    {
        _node.Queue.Hold();

        Assert.True(TrySubmit("lobby", Bound / 2));
        Assert.False(TrySubmit("lobby", Bound / 2));
        Assert.True(TrySubmit("lobby", Bound / 4));
        Assert.True(TrySubmit(OtherPartition(1), Bound / 2));
    }

    [Fact]
    public void The_process_refuses_what_would_pass_the_bytes_of_all_partitions()
    {
        _node.Queue.Hold();
        Assert.True(TrySubmit("lobby", Bound - 4096));
        Assert.True(TrySubmit(OtherPartition(1), Bound - 4096));

        Assert.False(TrySubmit(OtherPartition(2), Bound / 2));
    }

    [Fact]
    public async Task What_has_its_outcome_makes_room()
    {
        Assert.True(TrySubmit("lobby", Bound - 4096));
        var first = await _node.CommandAsync(Command.BodyOneofCase.Send);
        Assert.False(TrySubmit("lobby", Bound - 4096));

        await _node.ReplyAsync(first, reply => reply.Stored = new Stored());
        await _node.SettledAsync();

        Assert.True(TrySubmit("lobby", Bound - 4096));
    }

    [Fact]
    public void A_command_above_the_bound_goes_when_nothing_else_is_under_way() => Assert.True(TrySubmit("lobby", Bound * 3));

    [Fact]
    public void A_command_that_no_broker_would_take_is_too_large()
    {
        var waiter = new CountingWaiter();

        Assert.True(_batcher.TrySubmit(NewCommand("lobby", SubmitOptions.MaxCommandBytes), waiter));

        Assert.Equal(ErrorCode.TooLarge, waiter.Refusal?.Code);
        Assert.Equal(0, _node.Of<PendingAcks>().Count);
    }

    [Fact]
    public async Task A_refusal_is_no_work_however_much_waits()
    {
        _node.Queue.Hold();
        while (TrySubmit("lobby", 16))
        {
        }

        var refused = Enumerable.Range(0, 100).Select(_ => (Command: NewCommand("lobby", 16), Waiter: new CountingWaiter())).ToArray();
        Assert.False(_batcher.TrySubmit(refused[0].Command, refused[0].Waiter)); // Compiled by now.
        var before = GC.GetAllocatedBytesForCurrentThread();
        foreach (var (command, waiter) in refused)
        {
            Assert.False(_batcher.TrySubmit(command, waiter));
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        await _node.SettledAsync();
    }

    [Fact]
    public async Task What_was_answered_does_not_gather_behind_a_broker_that_is_stuck()
    {
        _node.Queue.Hold();
        Assert.True(TrySubmit("lobby", 1024));
        await Eventually.HoldsAsync(() => _node.Queue.Attempts == 1, "a batch is stuck");
        var taken = 0;
        for (var second = 0; second < 200; second++)
        {
            _node.Time.Advance(TimeSpan.FromSeconds(1));
            taken += TrySubmit("lobby", 16 * 1024) ? 1 : 0;
        }

        Assert.InRange(taken, 1, 2 * Bound / (16 * 1024)); // Without the bound: all that were ever answered `unavailable`.
        _node.Queue.Release();
        await Eventually.HoldsAsync(() =>
        {
            _node.Time.Advance(TimeSpan.FromSeconds(1));
            return TrySubmit("lobby", 1024);
        }, "there is room again");
    }

    [Fact]
    public async Task What_was_answered_while_the_broker_is_away_is_forgotten()
    {
        _node.Queue.Fail(new BusUnavailableException("away"));
        var taken = 0;
        for (var second = 0; second < 200; second++)
        {
            var attempts = _node.Queue.Attempts;
            await Eventually.HoldsAsync(() =>
            {
                _node.Time.Advance(TimeSpan.FromMilliseconds(500));
                return _node.Queue.Attempts > attempts || _node.Of<PendingAcks>().Count == 0;
            }, "the broker is tried");
            taken += TrySubmit("lobby", 16 * 1024) ? 1 : 0;
        }

        Assert.InRange(taken, 3 * Bound / (16 * 1024), 200); // More than fit at once: the others were answered and forgotten.
    }

    [Fact]
    public async Task A_command_that_cannot_be_sent_is_refused_and_the_others_and_those_after_it_go_on()
    {
        _node.Queue.Hold();
        Assert.True(TrySubmit("lobby", 16));
        await Eventually.HoldsAsync(() => _node.Queue.Attempts == 1, "the lane is busy");
        var bad = new CountingWaiter();
        Assert.True(_batcher.TrySubmit(NewCommand("lobby", 16, "bad"), bad));
        Assert.True(_batcher.TrySubmit(NewCommand("lobby", 16, "good"), new CountingWaiter()));
        _node.Queue.FailWhen(batch => batch.Commands.Any(command => command.Send.MessageId == "bad") ? new InvalidOperationException("broken") : null);

        _node.Queue.Release();

        await _node.CommandAsync(Command.BodyOneofCase.Send);
        Assert.Equal("good", (await _node.CommandAsync(Command.BodyOneofCase.Send)).Send.MessageId);
        Assert.Equal(ErrorCode.Internal, bad.Refusal?.Code);
        Assert.True(_batcher.TrySubmit(NewCommand("lobby", 16, "later"), new CountingWaiter()));
        Assert.Equal("later", (await _node.CommandAsync(Command.BodyOneofCase.Send)).Send.MessageId);
    }

    [Fact]
    public async Task The_node_stops_although_the_broker_is_stuck()
    {
        _node.Queue.Hold();
        Assert.True(TrySubmit("lobby", 16));
        await Eventually.HoldsAsync(() => _node.Queue.Attempts == 1, "a batch is stuck");

        var stopping = _batcher.StopAsync(CancellationToken.None);

        await Eventually.HoldsAsync(() =>
        {
            _node.Time.Advance(TimeSpan.FromSeconds(1));
            return stopping.IsCompleted;
        }, "the batcher stops");
        await stopping;
    }

    private static string OtherPartition(int offset)
    {
        var lobby = Partitioner.PartitionOf("lobby", Partitioner.DefaultPartitions);
        return Enumerable.Range(0, 1000).Select(index => $"room-{index}")
            .First(room => Partitioner.PartitionOf(room, Partitioner.DefaultPartitions) == (lobby + offset) % Partitioner.DefaultPartitions);
    }

    private static Command NewCommand(string roomId, int bytes, string messageId = "id") => new()
    {
        RoomId = roomId,
        Actor = new Actor { UserId = "ana", Username = "ana" },
        Send = new SendMessage { MessageId = messageId, Content = new string('x', bytes) },
    };

    private bool TrySubmit(string roomId, int bytes) => _batcher.TrySubmit(NewCommand(roomId, bytes), new CountingWaiter());

    private sealed class CountingWaiter : PendingCommand
    {
        public Refusal? Refusal { get; private set; }

        public override void OnReply(CommandReply reply)
        {
        }

        public override void OnEvent(string roomId, string epoch, RoomEvent entry)
        {
        }

        public override void OnRefused(Refusal refusal) => Refusal = refusal;
    }
}
