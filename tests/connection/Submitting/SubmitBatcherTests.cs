using Tertulia.Bus;
using Tertulia.Connections.Submitting;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Link;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Submitting;

public sealed class SubmitBatcherTests : IAsyncLifetime
{
    private TestNode _node = null!;
    private SubmitBatcher _batcher = null!;

    public async Task InitializeAsync()
    {
        _node = await TestNode.StartAsync(("Connections:Submit:Capacity", "16"));
        _batcher = _node.Of<SubmitBatcher>();
    }

    public async Task DisposeAsync()
    {
        _node.Queue.Release();
        _node.Queue.Fail(null);
        await _node.DisposeAsync();
    }

    [Fact]
    public async Task An_idle_lane_sends_at_once_and_what_comes_during_a_publish_goes_together()
    {
        _node.Queue.Hold();
        Submit("1");
        await Eventually.HoldsAsync(() => _node.Queue.Attempts == 1, "the first command is being published");
        Submit("2");
        Submit("3");
        Submit("4");

        _node.Queue.Release();

        Assert.Equal(["1", "2", "3", "4"], await ContentsAsync(4));
        await Eventually.HoldsAsync(() => _node.Queue.Batches.Count == 2, "both batches are confirmed");
        Assert.Equal([1, 3], _node.Queue.Batches);
    }

    [Fact]
    public async Task What_one_read_of_a_link_brings_goes_together()
    {
        Submit("0");
        await Eventually.HoldsAsync(() => _node.Queue.Batches.Count == 1, "the lane is idle");
        LinkRead.Begin();
        Submit("1");
        Submit("2");
        Submit("3");
        Assert.Equal(1, _node.Queue.Attempts);

        LinkRead.End();

        Assert.Equal(["0", "1", "2", "3"], await ContentsAsync(4));
        await Eventually.HoldsAsync(() => _node.Queue.Batches.Count == 2, "the batch is confirmed");
        Assert.Equal([1, 3], _node.Queue.Batches);
        Assert.False(LinkRead.TryPutOff(null!));
    }

    [Fact]
    public async Task Who_has_as_many_commands_without_an_outcome_as_may_be_is_refused()
    {
        _node.Queue.Hold();
        Submit("0");
        await Eventually.HoldsAsync(() => _node.Queue.Attempts == 1, "the first command is being published");
        for (var index = 1; index < 16; index++)
        {
            Submit($"{index}");
        }

        var refused = new Waiter();

        Assert.False(_batcher.TrySubmit(Command("16"), refused));
        Assert.Equal(16, _node.Of<PendingAcks>().Count);
        Assert.Null(refused.Refusal);
    }

    [Fact]
    public async Task While_the_broker_is_away_a_batch_is_tried_again_and_carried_out_once()
    {
        _node.Queue.Fail(new BusUnavailableException("away"));
        var waiter = Submit("1");
        await AdvanceUntilAsync(() => _node.Queue.Attempts >= 3, "the batch is tried three times");

        _node.Queue.Fail(null);
        var contents = ContentsAsync(1);
        await AdvanceUntilAsync(() => contents.IsCompleted, "the batch arrives");

        Assert.Equal(["1"], await contents);
        Assert.Null(waiter.Refusal);
    }

    [Fact]
    public async Task Without_an_outcome_in_time_the_answer_is_unavailable_and_the_command_is_not_sent_any_more()
    {
        _node.Queue.Fail(new BusUnavailableException("away"));
        var waiter = Submit("1");
        await AdvanceUntilAsync(() => waiter.Refusal is not null, "the command is given up");

        _node.Queue.Fail(null);
        Submit("2");
        var contents = ContentsAsync(1);
        await AdvanceUntilAsync(() => contents.IsCompleted, "the next command arrives");

        Assert.Equal(ErrorCode.Unavailable, waiter.Refusal?.Code);
        Assert.Equal(["2"], await contents);
    }

    [Fact]
    public async Task A_full_queue_is_overload_at_once()
    {
        _node.Queue.Fail(new QueueFullException("full"));
        var waiter = Submit("1");
        await Eventually.HoldsAsync(() => waiter.Refusal is not null, "the command is refused");

        _node.Queue.Fail(null);
        Submit("2");

        Assert.Equal(ErrorCode.Overloaded, waiter.Refusal?.Code);
        Assert.True(waiter.Refusal?.RetryAfterMs > 0);
        Assert.Equal(["2"], await ContentsAsync(1));
    }

    [Fact]
    public async Task Commands_without_an_outcome_go_again_to_the_next_owner_in_their_order_before_what_comes_later()
    {
        var answered = Submit("1");
        Submit("2");
        Submit("3");
        var first = await _node.CommandAsync(Contracts.Command.BodyOneofCase.Send);
        Assert.Equal(["2", "3"], await ContentsAsync(2));
        await _node.ReplyAsync(first, reply => reply.Stored = new Stored());
        await Eventually.HoldsAsync(() => answered.Outcomes == 1, "the first command is answered");

        await _node.OwnAsync(2);
        Assert.Equal(["2", "3"], await ContentsAsync(2));
        Submit("4");
        Assert.Equal(["4"], await ContentsAsync(1));

        var batches = _node.Batches.Where(batch => batch.Owners.All(owner => owner.OwnerEpoch == 2)).ToList();
        Assert.True(batches[0].Again);
        Assert.False(batches[^1].Again);
        Assert.All(_node.Batches.Except(batches), batch => Assert.Equal((1L, false), (batch.Owners[0].OwnerEpoch, batch.Again)));
    }

    [Fact]
    public async Task An_older_owner_that_still_speaks_changes_nothing()
    {
        await _node.OwnAsync(3);
        await _node.OwnAsync(2, "message-0");
        await _node.SettledAsync();

        Submit("1");

        Assert.Equal(["1"], await ContentsAsync(1));
        Assert.Equal(3, _node.Batches.Last().Owners[0].OwnerEpoch);
    }

    [Fact]
    public async Task What_found_the_owner_gone_waits_for_the_next_one()
    {
        _node.Queue.IsGone = true;
        var waiter = Submit("1");
        await Eventually.HoldsAsync(() => _node.Queue.Batches.Count == 1, "the owner is found gone");

        _node.Queue.IsGone = false;
        await _node.OwnAsync(2);

        Assert.Equal(["1"], await ContentsAsync(1));
        Assert.Equal(0, waiter.Outcomes);
    }

    [Fact]
    public async Task An_outcome_is_told_once()
    {
        var waiter = Submit("1");
        var command = await _node.CommandAsync(Contracts.Command.BodyOneofCase.Send);

        await _node.TellEventsAsync("lobby", _node.Stored(command, 1), _node.Stored(command, 1));
        await _node.ReplyAsync(command, reply => reply.Stored = new Stored());
        await _node.SettledAsync();
        _node.Time.Advance(TimeSpan.FromMinutes(1));

        Assert.Equal(1, waiter.Outcomes);
        Assert.Equal(0, _node.Of<PendingAcks>().Count);
    }

    [Fact]
    public async Task What_waits_is_published_before_the_node_is_gone()
    {
        _node.Queue.Hold();
        Submit("1");
        await Eventually.HoldsAsync(() => _node.Queue.Attempts == 1, "the first command is being published");
        Submit("2");

        var stopping = _batcher.StopAsync(CancellationToken.None);
        Assert.False(_batcher.TrySubmit(Command("3"), new Waiter()));
        _node.Queue.Release();

        await Eventually.CompletesAsync(stopping, "the batcher stops");
        Assert.Equal(["1", "2"], await ContentsAsync(2));
    }

    private static Command Command(string content) => new()
    {
        RoomId = "lobby",
        Actor = new Actor { UserId = "ana", Username = "ana" },
        Send = new SendMessage { MessageId = Guid.NewGuid().ToString(), Content = content },
    };

    private Waiter Submit(string content)
    {
        var waiter = new Waiter();
        Assert.True(_batcher.TrySubmit(Command(content), waiter));
        return waiter;
    }

    private async Task<string[]> ContentsAsync(int count)
    {
        var contents = new string[count];
        for (var index = 0; index < count; index++)
        {
            contents[index] = (await _node.CommandAsync(Contracts.Command.BodyOneofCase.Send)).Send.Content;
        }

        return contents;
    }

    private async Task AdvanceUntilAsync(Func<bool> condition, string what) => await Eventually.HoldsAsync(() =>
    {
        _node.Time.Advance(TimeSpan.FromMilliseconds(250));
        return condition();
    }, what);

    private sealed class Waiter : PendingCommand
    {
        private int _outcomes;

        public int Outcomes => Volatile.Read(ref _outcomes);

        public Refusal? Refusal { get; private set; }

        public override void OnReply(CommandReply reply) => Interlocked.Increment(ref _outcomes);

        public override void OnEvent(string roomId, string epoch, RoomEvent entry) => Interlocked.Increment(ref _outcomes);

        public override void OnRefused(Refusal refusal)
        {
            Refusal = refusal;
            Interlocked.Increment(ref _outcomes);
        }
    }
}
