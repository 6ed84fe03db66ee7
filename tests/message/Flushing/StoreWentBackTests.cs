using Microsoft.Data.Sqlite;
using Tertulia.Contracts;
using Tertulia.Messages.Partitions;
using Tertulia.Messages.Storage;
using Tertulia.Testing;

namespace Tertulia.Messages.Tests.Flushing;

/// <summary>The database is replaced by an older copy of itself: a restore, or a lagging standby that took over.</summary>
public sealed class StoreWentBackTests : IAsyncLifetime
{
    private readonly Backbone _backbone = new();
    private readonly List<MessageReplica> _replicas = [];
    private TestNode _node = null!;
    private string _epoch = "";

    public async Task InitializeAsync()
    {
        await StartAsync();
        _node = await _backbone.NodeAsync("node-1");
        await _node.AskAsync(Commands.Join("lobby", "ana"));
        await SendAsync("lobby", 3, "kept", "c3");
        await CopyAsync(from: _backbone.StorePath, to: Copy);
        await SendAsync("lobby", 4, "lost", "c4");
        await SendAsync("lobby", 5, "lost too", "c5");
        _epoch = _node.EpochOf("lobby");
    }

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        foreach (var replica in _replicas)
        {
            await replica.DisposeAsync();
        }

        await _backbone.DisposeAsync();
    }

    [Fact]
    public async Task An_append_finds_out_and_what_was_sent_is_written_and_acknowledged_under_the_new_epoch()
    {
        await CopyAsync(from: Copy, to: _backbone.StorePath);
        var send = Commands.Send("lobby", "ana", "after", "c6");

        await _node.SubmitAsync(send);

        await AssertNewEpochAsync(send, "after");
    }

    [Fact]
    public async Task What_a_client_sends_again_because_it_was_lost_is_no_duplicate()
    {
        await CopyAsync(from: Copy, to: _backbone.StorePath);
        await _node.SubmitAsync(Commands.Send("lobby", "ana", "finds out", "c6"));
        await _node.EpochChangesAsync("lobby", _epoch);

        var again = Commands.Send("lobby", "ana", "lost", "c4");
        await _node.SubmitAsync(again);

        var written = Assert.Single(await _node.EventsAsync("lobby", 5, 5));
        Assert.Equal(("lost", again.CommandId), (written.Message.Content, written.CommandId));
    }

    [Fact]
    public async Task A_node_that_subscribes_with_a_later_position_finds_out_though_the_replica_knows_nothing()
    {
        await _replicas[0].DisposeAsync();
        _replicas.Clear();
        SqliteConnection.ClearAllPools();
        await CopyAsync(from: Copy, to: _backbone.StorePath);
        await StartAsync();

        var subscribed = (await _node.AskAsync(Commands.Subscribe("lobby", lastSeq: 5, _epoch))).Subscribed;

        Assert.NotEqual(_epoch, subscribed.Epoch);
        Assert.Equal((3, _replicas[0].Store.Epoch), (subscribed.Seq, subscribed.Epoch));
        var again = (await _node.AskAsync(Commands.Subscribe("lobby", lastSeq: 5, _epoch))).Subscribed;
        Assert.Equal(subscribed.Epoch, again.Epoch);
    }

    [Fact]
    public async Task A_replica_that_reads_a_room_again_finds_out_though_nothing_is_appended()
    {
        await CopyAsync(from: Copy, to: _backbone.StorePath);

        var subscribed = (await _node.AskAsync(Commands.Subscribe("lobby", lastSeq: 99, "other"))).Subscribed; // A doubt: the replica reads the room again.

        Assert.NotEqual(_epoch, subscribed.Epoch);
        Assert.Equal((3, _replicas[0].Store.Epoch), (subscribed.Seq, subscribed.Epoch));
    }

    [Fact]
    public async Task A_position_of_another_epoch_proves_nothing()
    {
        var subscribed = (await _node.AskAsync(Commands.Subscribe("lobby", lastSeq: 99, "other"))).Subscribed;

        Assert.Equal((_epoch, 5L), (subscribed.Epoch, subscribed.Seq));
    }

    [Fact]
    public async Task The_other_replicas_and_their_nodes_hear_of_it()
    {
        await StartAsync();
        await Eventually.HoldsAsync(
            () => Owned(_replicas[1]).Length > 0 && Owned().Count == Partitioner.DefaultPartitions
                && _replicas.Sum(replica => Owned(replica).Length) == Partitioner.DefaultPartitions,
            "the replicas share the partitions");
        var before = Owned();
        var room = Commands.RoomsOf((int)Owned(_replicas[0])[0].Partition, count: 1, "fresh")[0];
        await _node.AskAsync(Commands.Join(room, "ana"));
        await CopyAsync(from: Copy, to: _backbone.StorePath);

        await _node.SubmitAsync(Commands.Send(room, "ana", "finds out"));

        await Eventually.HoldsAsync(
            () => Owned().Count(owner => owner.Value > before[owner.Key]) == Partitioner.DefaultPartitions, "all partitions are taken again");
        Assert.NotEqual(_epoch, _replicas[0].Store.Epoch);
        Assert.Equal(_replicas[0].Store.Epoch, _replicas[1].Store.Epoch);
    }

    private Dictionary<uint, long> Owned() => _replicas.SelectMany(Owned).GroupBy(owner => owner.Partition, owner => owner.OwnerEpoch)
        .ToDictionary(owners => owners.Key, owners => owners.Max());

    private string Copy => _backbone.StorePath + ".copy";

    private static PartitionOwner[] Owned(MessageReplica replica) => [.. replica.Get<OwnedPartitions>().Owned()];

    private static async Task CopyAsync(string from, string to)
    {
        await using var source = new SqliteConnection($"Data Source={from};Pooling=False");
        await using var target = new SqliteConnection($"Data Source={to};Pooling=False");
        await source.OpenAsync();
        await target.OpenAsync();
        await using var patient = target.CreateCommand();
        patient.CommandText = "PRAGMA busy_timeout = 30000"; // A replica may be writing.
        await patient.ExecuteNonQueryAsync();
        source.BackupDatabase(target); // Page by page, in one transaction of the target: who has it open sees the older content.
    }

    private async Task AssertNewEpochAsync(Command send, string content)
    {
        await _node.EpochChangesAsync("lobby", _epoch);
        var written = Assert.Single(await _node.EventsAsync("lobby", 4, 4));
        Assert.Equal((content, "node-1", send.CommandId), (written.Message.Content, written.OriginNodeId, written.CommandId));
        Assert.Equal(_node.EpochOf("lobby"), _replicas[0].Store.Epoch);
        var log = await _replicas[0].Store.ReadEventsAsync("lobby", 3, 9, ReadLimit.Of(9), CancellationToken.None);
        Assert.Equal(["kept", content], log!.Events.Select(found => found.Message.Content));
    }

    private async Task SendAsync(string roomId, long seq, string content, string clientMsgId)
    {
        await _node.SubmitAsync(Commands.Send(roomId, "ana", content, clientMsgId));
        await _node.EventsAsync(roomId, seq, seq);
    }

    private async Task StartAsync() => _replicas.Add(await MessageReplica.StartAsync(_backbone));
}
