using System.Diagnostics;
using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Options;
using Tertulia.Connections.Events;
using Tertulia.Connections.Explaining;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Submitting;
using Tertulia.Contracts;

namespace Tertulia.MicroBench;

/// <summary>What traces cost a message: where nothing listens it is nothing.</summary>
public class Traces
{
    private readonly MessageCommand _command = new() { Content = "hola" };
    private readonly RoomEvents _entries = new() { RoomId = Lobby.RoomId, Epoch = Lobby.Epoch, Events = { Lobby.Message(0) } };
    private ActivityListener? _listener;
    private RoomBinding? _room;

    /// <summary>What the process is told to trace.</summary>
    public enum Traced
    {
        /// <summary>No endpoint: nothing listens.</summary>
        Off,

        /// <summary>A listener, and a message that is not sampled.</summary>
        Unsampled,

        /// <summary>A message that is.</summary>
        Sampled,
    }

    [Params(Traced.Off, Traced.Unsampled, Traced.Sampled)]
    public Traced Tracing { get; set; }

    [GlobalSetup]
    public void Enter()
    {
        if (Tracing != Traced.Off)
        {
            // As the SDK answers for a root: one that is not sampled is made, too, for the sake of what would be its children.
            var decision = Tracing == Traced.Sampled ? ActivitySamplingResult.AllDataAndRecorded : ActivitySamplingResult.PropagationData;
            _listener = new ActivityListener
            {
                ShouldListenTo = source => source.Name.StartsWith("Tertulia", StringComparison.Ordinal),
                Sample = (ref ActivityCreationOptions<ActivityContext> _) => decision,
            };
            ActivitySource.AddActivityListener(_listener);
        }

        var hub = new RoomHub(new EntryViews([new MessageView()]), exits: null!, new DeliveryLog(Options.Create(new ExplainOptions())), TimeProvider.System);
        for (var number = 0; number < 100; number++)
        {
            var outbox = new Outbox(SharedWire.Instance, new OutboxOptions(), TimeProvider.System);
            var session = new Session($"connection-{number}", new SessionOpening(null, null, null, null, null), outbox);
            var member = hub.Enter(session, Lobby.RoomId, $"user-{number}");
            _room = member.Room;
            _room.SetBase(Lobby.Epoch, seq: 0, members: 0, ownerEpoch: 1);
            lock (_room.Gate)
            {
                member.GoLive(null, 0);
            }
        }

        _entries.Events[0].Traceparent = Tracing == Traced.Sampled ? "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" : "";
    }

    [GlobalCleanup]
    public void Leave() => _listener?.Dispose();

    /// <summary>The command alone: what the next one is compared with.</summary>
    [Benchmark]
    public Command Bare() => new() { RoomId = Lobby.RoomId };

    /// <summary>The spans of a command on its node, from the frame to the answer.</summary>
    [Benchmark]
    public Command Submit()
    {
        var trace = CommandTrace.Receive(_command);
        var submitted = new Command { RoomId = Lobby.RoomId };
        if (trace is not null)
        {
            CommandTrace.Create(trace, submitted);
        }

        CommandTrace.Answered(trace, "stored");
        return submitted;
    }

    /// <summary>An entry to 100 members.</summary>
    [Benchmark]
    public void Deliver()
    {
        _entries.Events[0].Seq++;
        using var batch = DeliveryBatch.Begin();
        _room!.OnEvents(_entries);
    }

    private sealed class MessageView : IEntryView
    {
        public EntryKind Entries => new(RoomEvent.BodyOneofCase.Message);

        public ServerEvent Show(string roomId, string epoch, RoomEvent entry) => new MessageEvent(roomId, epoch, entry);
    }
}
