using Tertulia.Contracts;
using Tertulia.Messages.Partitions;
using Tertulia.Messages.Storage;
using Tertulia.Testing;

namespace Tertulia.Messages.Tests.Flushing;

/// <summary>Another process writes where this replica thinks that it is the only one.</summary>
public sealed class ConflictTests : IAsyncLifetime
{
    private const int Partition = 3;
    private readonly Backbone _backbone = new();
    private readonly string[] _rooms = Commands.RoomsOf(Partition, count: 2);
    private WatchedStore _store = null!;
    private MessageReplica _replica = null!;
    private TestNode _node = null!;

    public async Task InitializeAsync()
    {
        _replica = await MessageReplica.StartAsync(_backbone, store: store => _store = new WatchedStore(store));
        _node = await _backbone.NodeAsync("node-1");
        foreach (var room in _rooms)
        {
            await _node.AskAsync(Commands.Join(room, "ana"));
        }
    }

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        await _replica.DisposeAsync();
        await _backbone.DisposeAsync();
    }

    [Fact]
    public async Task Only_the_room_that_was_written_by_another_is_decided_again()
    {
        await WriteForeignAsync(_rooms[0], seq: 3, "foreign");
        _store.Tried.Clear();
        var stranger = Commands.Send(_rooms[1], "bruno", "not a member");

        await _node.SubmitAsync(Commands.Send(_rooms[0], "ana", "behind it"), Commands.Send(_rooms[1], "ana", "beside it"), stranger);

        Assert.Equal("beside it", Assert.Single(await _node.EventsAsync(_rooms[1], 3, 3)).Message.Content);
        Assert.Equal(["foreign", "behind it"], (await _node.EventsAsync(_rooms[0], 3, 4)).Select(found => found.Message.Content));
        Assert.Equal(ErrorCode.NotMember, (await _node.ReplyToAsync(stranger)).Refused.Code);
        Assert.Equal([_rooms, [_rooms[0]]], _store.Tried);
    }

    [Fact]
    public async Task What_another_writer_wrote_is_told_to_the_subscribers_though_nothing_new_comes()
    {
        var first = Commands.Send(_rooms[0], "ana", "mine", "c1");
        await WriteForeignAsync(_rooms[0], seq: 3, "foreign", "c1", first.Send.MessageId, "ana");

        await _node.SubmitAsync(first);

        var found = Assert.Single(await _node.EventsAsync(_rooms[0], 3, 3));
        Assert.Equal(("node-1", first.CommandId), (found.OriginNodeId, found.CommandId));
    }

    [Fact]
    public async Task A_partition_that_another_took_is_answered_no_more_and_taken_again_when_it_is_this_replicas()
    {
        var stolen = await _replica.Store.TakePartitionAsync(Partition, EpochOf(Partition) + 1_000, CancellationToken.None);
        var send = Commands.Send(_rooms[0], "ana", "once");
        var refused = Commands.Send(_rooms[1], "bruno", "not a member");

        await _node.SubmitAsync(send, refused);

        Assert.Equal("once", Assert.Single(await _node.EventsAsync(_rooms[0], 3, 3)).Message.Content);
        Assert.True(EpochOf(Partition) > stolen, $"{EpochOf(Partition)} after {stolen}");
        Assert.Equal(ErrorCode.NotMember, (await _node.ReplyToAsync(refused)).Refused.Code);
        Assert.Equal(3, (await _replica.Store.ReadEventsAsync(_rooms[0], 1, 9, ReadLimit.Of(9), CancellationToken.None))!.LastSeq);
    }

    private long EpochOf(int partition) => _replica.Get<OwnedPartitions>().EpochOf(partition);

    private async Task WriteForeignAsync(string roomId, long seq, string content, string key = "f", string messageId = "f", string userId = "bruno")
    {
        var written = new RoomEvent { Seq = seq, CreatedAtMs = 1, UserId = userId, Message = new MessageCreated { MessageId = messageId, ClientMsgId = key, Content = content } };
        var append = new RoomAppend(Partition, roomId, EpochOf(Partition), [new LogEntry(userId, key, written)]);
        Assert.Equal([AppendOutcome.Appended], await _replica.Store.AppendAsync([append], CancellationToken.None));
    }
}
