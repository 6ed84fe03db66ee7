using Microsoft.Data.Sqlite;
using Tertulia.Contracts;
using Tertulia.Messages.Partitions;
using Tertulia.Messages.Storage;
using Tertulia.Testing;

namespace Tertulia.Messages.Tests.Flushing;

/// <summary>While the store does not answer nothing is acknowledged, and nothing is lost.</summary>
public sealed class OutageTests : IAsyncLifetime
{
    private readonly Backbone _backbone = new();
    private TestNode _node = null!;

    public async Task InitializeAsync() => _node = await _backbone.NodeAsync("node-1");

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        await _backbone.DisposeAsync();
    }

    [Fact]
    public async Task What_is_sent_during_an_outage_is_written_once_when_it_is_over_and_other_rooms_too()
    {
        var failing = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var replica = await MessageReplica.StartAsync(_backbone, store: store => new WatchedStore(store) { Failed = failing.SetResult });
        await _node.AskAsync(Commands.Join("lobby", "ana"));
        await _node.AskAsync(Commands.Join("other", "ana"));
        await Eventually.HoldsAsync(() => OwnsAll(replica.Get<OwnedPartitions>()), "every partition is taken, which writes, too");

        await using (var blocker = new SqliteConnection($"Data Source={_backbone.StorePath};Pooling=False"))
        {
            await blocker.OpenAsync();
            await ExecuteAsync(blocker, "begin immediate");
            await _node.SubmitAsync(Commands.Send("lobby", "ana", "during", "c1"));
            await _node.SubmitAsync(Commands.Send("other", "ana", "during", "c1"));
            await Eventually.CompletesAsync(failing.Task, "an append fails");
            Assert.Equal(2, (await replica.Store.ReadEventsAsync("lobby", 1, 9, ReadLimit.Of(9), CancellationToken.None))!.LastSeq);
            await ExecuteAsync(blocker, "rollback");
        }

        Assert.Equal("during", Assert.Single(await _node.EventsAsync("lobby", 3, 3)).Message.Content);
        Assert.Equal("during", Assert.Single(await _node.EventsAsync("other", 3, 3)).Message.Content);
    }

    [Fact]
    public async Task An_append_that_was_done_though_its_answer_was_lost_is_published_with_the_seqs_it_got()
    {
        await using var replica = await MessageReplica.StartAsync(_backbone, store: store => new WatchedStore(store) { LoseAnswerOf = "lost answer" });
        await _node.AskAsync(Commands.Join("lobby", "ana"));
        var before = Commands.Join("lobby", "bruno");
        var lost = Commands.Send("lobby", "ana", "lost answer");

        await _node.SubmitAsync(before, lost, Commands.Send("lobby", "ana", "beside it"));

        var events = await _node.EventsAsync("lobby", 3, 5);
        Assert.Equal("bruno", events[0].Member.UserId);
        Assert.Equal(["lost answer", "beside it"], events.Skip(1).Select(found => found.Message.Content));
        Assert.Equal(("node-1", lost.CommandId), (events[1].OriginNodeId, events[1].CommandId));
        Assert.Equal("member", (await _node.ReplyToAsync(before)).Joined.Role);
        Assert.Equal(5, (await replica.Store.ReadEventsAsync("lobby", 1, 9, ReadLimit.Of(9), CancellationToken.None))!.LastSeq);
    }

    [Fact]
    public async Task An_append_that_was_given_up_keeps_what_it_was_given()
    {
        IReadOnlyList<RoomAppend>? givenUp = null;
        WatchedStore watched = null!;
        await using var replica = await MessageReplica.StartAsync(_backbone, store: store => watched = new WatchedStore(store));
        await _node.AskAsync(Commands.Join("lobby", "ana"));
        await _node.AskAsync(Commands.Join("other", "ana"));
        watched.Appending = appends =>
        {
            watched.Appending = null;
            givenUp = appends;
            throw new StoreUnavailableException("it goes on without us");
        };

        await _node.SubmitAsync(Commands.Send("lobby", "ana", "late"));
        await _node.EventsAsync("lobby", 3, 3);
        for (var seq = 3; seq < 6; seq++)
        {
            await _node.SubmitAsync(Commands.Send("other", "ana", "later"));
            await _node.EventsAsync("other", seq, seq);
        }

        // Else it would write one room's messages into another one when it goes on.
        var append = Assert.Single(givenUp!);
        Assert.Equal(("lobby", "late"), (append.RoomId, Assert.Single(append.Entries).Event.Message.Content));
    }

    [Fact]
    public async Task A_batch_that_the_store_can_never_hold_goes_to_the_dead_letter_queue_and_the_others_are_written()
    {
        var dead = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        ((Bus.InProcess.InProcessSubmitQueue)_backbone.Queue).DeadLettered += (_, reason) => dead.TrySetResult(reason);
        await using var replica = await MessageReplica.StartAsync(_backbone, store: store => new WatchedStore(store) { Reject = "poison" });
        await _node.AskAsync(Commands.Join("lobby", "ana"));
        var poison = Commands.Send("lobby", "ana", "poison");

        await _node.SubmitAsync(Commands.Send("lobby", "ana", "one"));
        await _node.SubmitAsync(poison);
        await _node.SubmitAsync(Commands.Send("lobby", "ana", "two"));

        Assert.Equal(["one", "two"], (await _node.EventsAsync("lobby", 3, 4)).Select(found => found.Message.Content));
        Assert.Equal(ErrorCode.Internal, (await _node.ReplyToAsync(poison)).Refused.Code);
        Assert.Equal(nameof(StoreRejectedException), await Eventually.CompletesAsync(dead.Task, "the batch is dead-lettered"));
    }

    [Fact]
    public async Task What_a_node_sent_together_with_a_command_that_is_refused_is_written()
    {
        await using var replica = await MessageReplica.StartAsync(_backbone, store: store => new WatchedStore(store) { Reject = "poison" });
        await _node.AskAsync(Commands.Join("lobby", "ana"));
        Command[] commands = [.. new[] { "one", "two", "poison", "three", "four" }.Select(content => Commands.Send("lobby", "ana", content))];

        await _node.SubmitAsync(commands);

        Assert.Equal(["one", "two", "three", "four"], (await _node.EventsAsync("lobby", 3, 6)).Select(found => found.Message.Content));
        Assert.Equal(ErrorCode.Internal, (await _node.ReplyToAsync(commands[2])).Refused.Code);
    }

    private static bool OwnsAll(OwnedPartitions owned) => owned.Owned().Count() == owned.Count;

    private static async Task ExecuteAsync(SqliteConnection connection, string sql)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync();
    }
}
