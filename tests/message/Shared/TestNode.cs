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
    private readonly Dictionary<string, string> _epochs = [];
    private readonly List<RoomTopology> _topologies = [];
    private readonly List<PartitionOwner> _owners = [];
    private readonly List<Ephemeral> _ephemerals = [];
    private readonly List<UserEvent> _userEvents = [];
    private readonly Dictionary<int, (string ReplicaId, long Epoch)> _routes = [];
    private readonly List<Command> _underWay = [];
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

    /// <summary>Epoch of the room's latest events; empty when there were none. Under another epoch nothing of before counts.</summary>
    public string EpochOf(string roomId) => _epochs.GetValueOrDefault(roomId, "");

    public static async Task<TestNode> StartAsync(string id, ILiveBus bus, ISubmitQueue queue)
    {
        var node = new TestNode(id, queue);
        node._reception = await bus.ReceiveAsNodeAsync(id, batch => node._batches.Writer.WriteAsync(batch), () => ValueTask.CompletedTask, CancellationToken.None);
        return node;
    }

    /// <summary>One batch, whose commands belong to one partition, to its owner. What has no outcome is sent again when there is a newer owner.</summary>
    public async Task SubmitAsync(params Command[] commands)
    {
        var partition = PartitionOf(commands[0]);
        await ReceiveUntilAsync(() => _routes.ContainsKey(partition), $"the owner of partition {partition}");
        while (_batches.Reader.TryRead(out var batch))
        {
            await KeepAsync(batch);
        }

        _underWay.AddRange(commands);
        await SendAsync(partition, commands, again: false);
    }

    /// <summary>One batch for several partitions that one replica owns.</summary>
    public async Task SubmitTogetherAsync(params Command[] commands)
    {
        await ReceiveUntilAsync(() => commands.All(command => _routes.ContainsKey(PartitionOf(command))), "the owners of the partitions");
        _underWay.AddRange(commands);
        var batch = new SubmitBatch { NodeId = Id };
        batch.Commands.AddRange(commands);
        batch.Owners.AddRange(_routes.Select(route => new PartitionOwner { Partition = (uint)route.Key, OwnerEpoch = route.Value.Epoch }));
        await _queue.PublishAsync(Assert.Single(_routes.Values.Select(route => route.ReplicaId).Distinct()), batch, CancellationToken.None);
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

    /// <summary>Events of the room come under another epoch.</summary>
    public Task EpochChangesAsync(string roomId, string before) =>
        ReceiveUntilAsync(() => EpochOf(roomId) is { Length: > 0 } now && now != before, $"events of {roomId} under another epoch than {before}");

    public async Task<RoomTopology> TopologyAsync(string roomId, int nodes)
    {
        await ReceiveUntilAsync(() => _topologies.Exists(topology => topology.RoomId == roomId && topology.NodeIds.Count == nodes), $"{nodes} nodes of {roomId}");
        return _topologies.FindLast(topology => topology.RoomId == roomId && topology.NodeIds.Count == nodes)!;
    }

    /// <summary>The next ephemeral of its kind that was not taken yet.</summary>
    public async Task<Ephemeral> EphemeralAsync(Ephemeral.BodyOneofCase body)
    {
        await ReceiveUntilAsync(() => _ephemerals.Exists(ephemeral => ephemeral.BodyCase == body), $"an ephemeral {body}");
        var found = _ephemerals.Find(ephemeral => ephemeral.BodyCase == body)!;
        _ephemerals.Remove(found);
        return found;
    }

    /// <summary>The next event for a user's devices that was not taken yet.</summary>
    public async Task<UserEvent> UserEventAsync(UserEvent.BodyOneofCase body)
    {
        await ReceiveUntilAsync(() => _userEvents.Exists(told => told.BodyCase == body), $"an event {body} for a user");
        var found = _userEvents.Find(told => told.BodyCase == body)!;
        _userEvents.Remove(found);
        return found;
    }

    /// <summary>Ephemerals that came and were not taken.</summary>
    public IReadOnlyList<Ephemeral> Ephemerals => _ephemerals;

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
        // Announcements of owners keep coming: the deadline is of all together.
        using var deadline = new CancellationTokenSource(Eventually.Deadline);
        while (!condition())
        {
            Assert.False(deadline.IsCancellationRequested, $"{Id} receives {what}");
            await KeepAsync(await Eventually.CompletesAsync(_batches.Reader.ReadAsync().AsTask(), $"{Id} receives {what}"));
        }
    }

    private static int PartitionOf(Command command) => Partitioner.PartitionOf(command.RoomId, Partitioner.DefaultPartitions);

    private async Task SendAsync(int partition, IReadOnlyCollection<Command> commands, bool again)
    {
        var (replicaId, epoch) = _routes[partition];
        var batch = new SubmitBatch { NodeId = Id, Again = again, Owners = { new PartitionOwner { Partition = (uint)partition, OwnerEpoch = epoch } } };
        batch.Commands.AddRange(commands);
        await _queue.PublishAsync(replicaId, batch, CancellationToken.None);
    }

    private async Task FollowAsync(string replicaId, PartitionOwner owner)
    {
        var partition = (int)owner.Partition;
        if (_routes.TryGetValue(partition, out var known) && known.Epoch >= owner.OwnerEpoch)
        {
            return;
        }

        _routes[partition] = (replicaId, owner.OwnerEpoch);
        if (_underWay.FindAll(command => PartitionOf(command) == partition) is { Count: > 0 } again)
        {
            await SendAsync(partition, again, again: true);
        }
    }

    private async Task KeepAsync(NodeBatch batch)
    {
        _underWay.RemoveAll(command => batch.Replies.Any(reply => reply.CommandId == command.CommandId)
            || batch.Rooms.Any(room => room.Events.Any(found => found.OriginNodeId == Id && found.CommandId == command.CommandId)));
        foreach (var owner in batch.Owners)
        {
            await FollowAsync(batch.From, owner);
        }

        _replies.AddRange(batch.Replies);
        _topologies.AddRange(batch.Topologies);
        _owners.AddRange(batch.Owners);
        _ephemerals.AddRange(batch.Ephemerals);
        _userEvents.AddRange(batch.UserEvents);
        foreach (var room in batch.Rooms)
        {
            if (!_events.TryGetValue(room.RoomId, out var events) || EpochOf(room.RoomId) != room.Epoch)
            {
                _epochs[room.RoomId] = room.Epoch;
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
