using System.Reflection;
using Microsoft.Extensions.Logging.Abstractions;
using Tertulia.Bus;
using Tertulia.Connections.Announcing;
using Tertulia.Connections.Submitting;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Submitting;

/// <summary>A broker that says only at run time that it takes less: what a node sends is made smaller until it is taken.</summary>
public sealed class SmallerBrokerTests : IAsyncLifetime
{
    private TestNode _node = null!;

    public async Task InitializeAsync() => _node = await TestNode.StartAsync();

    public async Task DisposeAsync()
    {
        _node.Queue.Release();
        _node.Queue.Fail(null);
        await _node.DisposeAsync();
    }

    [Fact]
    public async Task A_batch_of_commands_is_halved_and_the_one_that_is_too_large_alone_is_refused_for_good()
    {
        var batcher = _node.Of<SubmitBatcher>();
        _node.Queue.Hold();
        Assert.True(batcher.TrySubmit(Send("first", 16), new Waiter()));
        await Eventually.HoldsAsync(() => _node.Queue.Attempts == 1, "the lane is busy");
        string[] ids = ["a", "b", "c", "huge", "d", "e", "f", "g"];
        var waiters = ids.ToDictionary(id => id, _ => new Waiter());
        foreach (var id in ids)
        {
            Assert.True(batcher.TrySubmit(Send(id, id == "huge" ? 50_000 : 9_000), waiters[id]));
        }

        _node.Queue.FailWhen(batch => batch.CalculateSize() > 20_000 ? new MessageTooLargeException("refused by the test") : null);

        _node.Queue.Release();

        foreach (var id in (string[])["first", "a", "b", "c", "d", "e", "f", "g"])
        {
            Assert.Equal(id, (await _node.CommandAsync(Command.BodyOneofCase.Send)).Send.MessageId);
        }

        await Eventually.HoldsAsync(() => waiters["huge"].Refusal is not null, "the sender of what is too large is answered");
        Assert.Equal(ErrorCode.TooLarge, waiters["huge"].Refusal!.Code);
        Assert.All(ids.Where(id => id != "huge"), id => Assert.Null(waiters[id].Refusal));
    }

    [Fact]
    public async Task A_picture_of_the_nodes_connections_is_cut_smaller_until_it_is_taken()
    {
        const int Taken = 20_000;
        var bus = DispatchProxy.Create<ILiveBus, RefusingBus>();
        ((RefusingBus)bus).Begin(_node.Bus, Taken);
        var reports = new Recorder<PresenceReport>();
        await using var reception = await _node.Bus.ReceivePresenceAsync(
            "presence-2", report => reports.AddAsync(report), () => ValueTask.CompletedTask, CancellationToken.None);
        using var reporter = new PresenceReporter(bus, new Hosting.ProcessIdentity("small"), _node.Time, NullLogger<PresenceReporter>.Instance);
        reporter.Open("c1", "ana", "Ana");
        var rooms = Enumerable.Range(0, 3_000).Select(index => $"room-{index:D20}").ToHashSet(StringComparer.Ordinal);
        foreach (var room in rooms)
        {
            reporter.Enter("c1", room);
        }

        await reporter.StartAsync(CancellationToken.None);

        var told = new HashSet<string>(StringComparer.Ordinal);
        for (var parts = 1u; told.Count < rooms.Count;)
        {
            var report = await reports.NextAsync();
            Assert.InRange(report.CalculateSize(), 1, Taken);
            if (report is { NodeId: var from, Snapshot: { } snapshot } && from.StartsWith("small", StringComparison.Ordinal))
            {
                (parts, told) = (snapshot.Parts, snapshot.Part == 0 ? [] : told);
                told.UnionWith(snapshot.Connections.SelectMany(connection => connection.RoomIds));
                Assert.True(parts > 3);
            }
        }

        Assert.Equal(rooms, told);
        await reporter.StopAsync(CancellationToken.None);
    }

    private static Command Send(string messageId, int bytes) => new()
    {
        RoomId = "lobby",
        Actor = new Actor { UserId = "ana", Username = "ana" },
        Send = new SendMessage { MessageId = messageId, Content = new string('x', bytes) },
    };

    private sealed class Waiter : PendingCommand
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

    /// <summary>The real bus, which takes smaller reports only.</summary>
    public class RefusingBus : DispatchProxy
    {
        private ILiveBus _bus = null!;
        private int _taken;

        internal void Begin(ILiveBus bus, int taken) => (_bus, _taken) = (bus, taken);

        /// <inheritdoc />
        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => args is [PresenceReport report, ..] && report.CalculateSize() > _taken
            ? Task.FromException(new MessageTooLargeException("refused by the test"))
            : targetMethod!.Invoke(_bus, args);
    }
}
