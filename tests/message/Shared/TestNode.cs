using System.Threading.Channels;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Messages.Tests;

/// <summary>A connection node as the message service sees it: sends commands, receives batches.</summary>
internal sealed class TestNode : IAsyncDisposable
{
    private readonly ISubmitQueue _queue;
    private readonly Channel<NodeBatch> _batches = Channel.CreateUnbounded<NodeBatch>();
    private readonly List<CommandReply> _replies = [];
    private readonly Dictionary<string, SortedDictionary<long, RoomEvent>> _events = [];
    private readonly List<RoomTopology> _topologies = [];
    private readonly List<PartitionOwner> _owners = [];
    private IAsyncDisposable? _reception;

    private TestNode(string id, ISubmitQueue queue)
    {
        Id = id;
        _queue = queue;
    }

    public string Id { get; }

    /// <summary>Batches received so far that carried events of the room, duplicates included.</summary>
    public int EventsReceived { get; private set; }

    public IReadOnlyList<PartitionOwner> Owners => _owners;

    public static async Task<TestNode> StartAsync(string id, ILiveBus bus, ISubmitQueue queue)
    {
        var node = new TestNode(id, queue);
        node._reception = await bus.ReceiveAsNodeAsync(id, batch => node._batches.Writer.WriteAsync(batch), () => ValueTask.CompletedTask, CancellationToken.None);
        return node;
    }

    /// <summary>One batch, whose commands belong to one partition.</summary>
    public Task SubmitAsync(params Command[] commands)
    {
        var batch = new SubmitBatch { Partition = (uint)Partitioner.PartitionOf(commands[0].RoomId, Partitioner.DefaultPartitions), NodeId = Id };
        batch.Commands.AddRange(commands);
        return _queue.PublishAsync(batch, CancellationToken.None);
    }

    public async Task<CommandReply> AskAsync(Command command)
    {
        await SubmitAsync(command);
        return await ReplyToAsync(command);
    }

    public async Task<CommandReply> ReplyToAsync(Command command)
    {
        await ReceiveUntilAsync(() => _replies.Exists(reply => reply.CommandId == command.CommandId), $"a reply to {command.BodyCase} in {command.RoomId}");
        var found = _replies.Find(reply => reply.CommandId == command.CommandId)!;
        _replies.Remove(found);
        return found;
    }

    /// <summary>The room's events with these seqs, once they are all there.</summary>
    public async Task<IReadOnlyList<RoomEvent>> EventsAsync(string roomId, long from, long to)
    {
        await ReceiveUntilAsync(
            () => _events.TryGetValue(roomId, out var events) && events.Keys.Count(seq => seq >= from && seq <= to) == to - from + 1,
            $"events {from} to {to} of {roomId}");
        return [.. _events[roomId].Values.Where(found => found.Seq >= from && found.Seq <= to)];
    }

    public async Task<RoomTopology> TopologyAsync(string roomId, int nodes)
    {
        await ReceiveUntilAsync(() => _topologies.Exists(topology => topology.RoomId == roomId && topology.NodeIds.Count == nodes), $"{nodes} nodes of {roomId}");
        return _topologies.FindLast(topology => topology.RoomId == roomId && topology.NodeIds.Count == nodes)!;
    }

    public Task OwnersAsync(Func<IReadOnlyList<PartitionOwner>, bool> condition) => ReceiveUntilAsync(() => condition(_owners), "announcements of owners");

    public async ValueTask DisposeAsync()
    {
        if (_reception is { } reception)
        {
            _reception = null;
            await reception.DisposeAsync();
        }
    }

    private async Task ReceiveUntilAsync(Func<bool> condition, string what)
    {
        while (!condition())
        {
            Keep(await Eventually.CompletesAsync(_batches.Reader.ReadAsync().AsTask(), $"{Id} receives {what}"));
        }
    }

    private void Keep(NodeBatch batch)
    {
        _replies.AddRange(batch.Replies);
        _topologies.AddRange(batch.Topologies);
        _owners.AddRange(batch.Owners);
        foreach (var room in batch.Rooms)
        {
            if (!_events.TryGetValue(room.RoomId, out var events))
            {
                _events[room.RoomId] = events = [];
            }

            foreach (var roomEvent in room.Events)
            {
                EventsReceived++;
                if (events.TryGetValue(roomEvent.Seq, out var earlier))
                {
                    Assert.Equal(earlier.Message?.MessageId, roomEvent.Message?.MessageId);
                }

                events[roomEvent.Seq] = roomEvent;
            }
        }
    }
}
