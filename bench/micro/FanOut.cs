using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Options;
using Tertulia.Connections.Events;
using Tertulia.Connections.Explaining;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;

namespace Tertulia.MicroBench;

/// <summary>One entry of a room's log to all members of this node: into their outboxes and out to their wires. What is allocated must not depend on how many
/// they are: it is the event and its frame.</summary>
public class FanOut
{
    private readonly RoomEvents _entries = new() { RoomId = Lobby.RoomId, Epoch = Lobby.Epoch, Events = { Lobby.Message(0) } };
    private RoomBinding? _room;

    [Params(1, 100)]
    public int Members { get; set; }

    [GlobalSetup]
    public void Enter()
    {
        var hub = new RoomHub(new EntryViews([new MessageView()]), exits: null!, new DeliveryLog(Options.Create(new ExplainOptions())), TimeProvider.System); // Nobody is put out.
        for (var number = 0; number < Members; number++)
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
    }

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
