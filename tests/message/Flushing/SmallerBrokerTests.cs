using System.Collections.Concurrent;
using Google.Protobuf;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Flushing;
using Tertulia.Testing;

namespace Tertulia.Messages.Tests.Flushing;

/// <summary>A broker that takes less than our messages may have: what can be divided gets through in its order, what cannot is given up once.</summary>
public sealed class SmallerBrokerTests : IAsyncLifetime
{
    private static readonly string[] Nodes = ["node-1", "node-2"];
    private readonly Backbone _backbone = new();
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().AddSingleton<Telemetry>().BuildServiceProvider();
    private readonly ErrorLog _log = new();
    private readonly Recorder<(string NodeId, long Seq)> _received = new();
    private readonly List<IAsyncDisposable> _receptions = [];
    private WatchedBus _bus = null!;
    private Publisher _publisher = null!;
    private Task _run = Task.CompletedTask;

    public async Task InitializeAsync()
    {
        _bus = new WatchedBus(_backbone.Bus);
        _publisher = new Publisher(
            _bus, _backbone.Queue, new ProcessIdentity("message"), _services.GetRequiredService<Telemetry>(), TimeProvider.System, _log);
        foreach (var nodeId in Nodes)
        {
            _receptions.Add(await _backbone.Bus.ReceiveAsNodeAsync(nodeId, batch => KeepAsync(nodeId, batch), () => ValueTask.CompletedTask, CancellationToken.None));
        }
    }

    public async Task DisposeAsync()
    {
        _publisher.Complete();
        await _run;
        await _services.DisposeAsync();
        foreach (var reception in _receptions)
        {
            await reception.DisposeAsync();
        }

        await _backbone.DisposeAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_refused_is_halved_until_it_is_taken_and_the_next_is_made_smaller_at_once(bool toAll)
    {
        Takes(100_000);

        await PublishAsync(Events(first: 1, sizes: Enumerable.Repeat(9_000, 80)), toAll);

        await ReceivedAsync(Enumerable.Range(1, 80));
        Assert.Contains(_bus.Sizes, bytes => bytes > 700_000);
        _bus.Sizes.Clear();

        await PublishAsync(Events(first: 81, sizes: Enumerable.Repeat(9_000, 80)), toAll);

        await ReceivedAsync(Enumerable.Range(81, 80));
        Assert.All(_bus.Sizes, bytes => Assert.InRange(bytes, 1, 100_000)); // None was refused.
        Assert.Empty(_log.Errors);
        Assert.False(_publisher.HasDropped);
    }

    [Fact]
    public async Task One_element_that_is_too_large_is_named_once_with_its_size_and_the_others_get_through()
    {
        Takes(100_000);

        await PublishAsync(Events(first: 1, sizes: [.. Enumerable.Repeat(9_000, 20), 200_000, .. Enumerable.Repeat(9_000, 20)]), toAll: true);

        await ReceivedAsync([.. Enumerable.Range(1, 20), .. Enumerable.Range(22, 20)]);
        Assert.Matches("Message 21 of room lobby, 200[0-9]{3} bytes", Assert.Single(_log.Errors));
        Assert.Equal(1, _bus.Sizes.Count(bytes => bytes is > 200_000 and < 209_000)); // Alone it was tried once.
    }

    [Fact]
    public void Halves_keep_every_element_and_the_order()
    {
        var batch = new NodeBatch { From = "message" };
        batch.Replies.AddRange(Enumerable.Range(1, 3).Select(id => new CommandReply { CommandId = (ulong)id }));
        batch.Rooms.AddRange([Events(1, [1, 1, 1]), Events(4, [1]), Events(5, [1, 1])]);
        batch.Topologies.AddRange([new RoomTopology { RoomId = "a" }, new RoomTopology { RoomId = "b" }]);
        var pieces = new List<SendStep>();

        Divide(new SendStep([new NodeSend("node-1", batch)], ToAll: null), pieces);

        Assert.Equal(
            ["r1", "r2", "r3", "e1", "e2", "e3", "e4", "e5", "e6", "ta", "tb"],
            pieces.Select(piece => Assert.Single(piece.ToNodes)).SelectMany(send => ElementsOf(send.Batch)));
        Assert.All(pieces, piece => Assert.Single(ElementsOf(piece.ToNodes[0].Batch)));
        Assert.All(pieces, piece => Assert.Equal(("node-1", "message"), (piece.ToNodes[0].NodeId, piece.ToNodes[0].Batch.From)));
    }

    private static void Divide(SendStep step, List<SendStep> pieces)
    {
        if (step.Halves() is [var first, var second])
        {
            Divide(first, pieces);
            Divide(second, pieces);
        }
        else
        {
            pieces.Add(step);
        }
    }

    private static IEnumerable<string> ElementsOf(NodeBatch batch) =>
    [
        .. batch.Replies.Select(reply => $"r{reply.CommandId}"),
        .. batch.Rooms.SelectMany(room => room.Events).Select(found => $"e{found.Seq}"),
        .. batch.Topologies.Select(topology => $"t{topology.RoomId}"),
    ];

    private static RoomEvents Events(int first, IEnumerable<int> sizes)
    {
        var events = new RoomEvents { RoomId = "lobby", Epoch = "epoch" };
        events.Events.AddRange(sizes.Select((bytes, index) => new RoomEvent
        {
            Seq = first + index, Message = new MessageCreated { Metadata = ByteString.CopyFrom(new byte[bytes]) },
        }));
        return events;
    }

    private void Takes(int bytes) => _bus.Sending = batch =>
    {
        if (batch.CalculateSize() > bytes)
        {
            throw new MessageTooLargeException($"refused by the test: {batch.CalculateSize()} bytes");
        }
    };

    private async Task PublishAsync(RoomEvents events, bool toAll)
    {
        var settled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var outgoing = new Outgoing(1) { Settled = settled };
        outgoing.Rooms.Add(new RoomSend(events, toAll ? [] : Nodes, toAll));
        await _publisher.AddAsync(outgoing, CancellationToken.None);
        _run = _run.IsCompleted ? _publisher.RunAsync(CancellationToken.None) : _run;
        await Eventually.CompletesAsync(settled.Task, "the flush is published");
    }

    private async Task ReceivedAsync(IEnumerable<int> seqs)
    {
        var expected = seqs.Select(seq => (long)seq).ToArray();
        var received = await _received.NextAsync(expected.Length * Nodes.Length);
        foreach (var nodeId in Nodes)
        {
            Assert.Equal(expected, received.Where(found => found.NodeId == nodeId).Select(found => found.Seq));
        }
    }

    private ValueTask KeepAsync(string nodeId, NodeBatch batch)
    {
        foreach (var found in batch.Rooms.SelectMany(room => room.Events))
        {
            _received.Add((nodeId, found.Seq));
        }

        return ValueTask.CompletedTask;
    }

    private sealed class ErrorLog : ILogger<Publisher>
    {
        public ConcurrentQueue<string> Errors { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => NullLogger.Instance.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (logLevel >= LogLevel.Error)
            {
                Errors.Enqueue(formatter(state, exception));
            }
        }
    }
}
