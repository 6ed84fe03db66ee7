using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Rooms;

/// <summary>A log that a test plays: people enter for the first time, again and by resume while others write, and no interleaving leaves a hole.</summary>
public sealed class JoinUnderTrafficTests : IAsyncLifetime
{
    private TestNode _node = null!;

    public async Task InitializeAsync() => _node = await TestNode.StartAsync(("Connections:Rooms:Patience", "00:00:20"));

    public async Task DisposeAsync() => await _node.DisposeAsync();

    /// <summary>Every order in which admission, snapshot and three entries can reach the node, for each way to come in.</summary>
    [Theory]
    [InlineData(Way.First)]
    [InlineData(Way.Again)]
    [InlineData(Way.Resume)]
    public async Task Whatever_comes_between_admission_and_snapshot_is_seen_once_and_in_order(Way way)
    {
        var number = 0;
        for (var admittedAt = 5L; admittedAt <= 8; admittedAt++)
        {
            for (var snapshotAt = admittedAt; snapshotAt <= 8; snapshotAt++)
            {
                for (var delivered = 5L; delivered <= 8; delivered++)
                {
                    await EnterAsync(way, $"room-{number++}", admittedAt, snapshotAt, delivered);
                }
            }
        }
    }

    [Fact]
    public async Task A_snapshot_that_is_older_than_the_admission_is_read_again()
    {
        var reads = 0;
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ => Shown(Interlocked.Increment(ref reads) < 3 ? 4 : 6, since: null));
        var ana = await _node.ConnectAsync("ana");
        await ana.JoinAsync("lobby", reference: "j1");
        var joined = ana.NextAsync("joined", "the answer");
        await AdmitUntilAsync(() => joined.IsCompleted, seq: 6);

        Assert.Equal((6, "j1"), ((await joined).Seq, (await joined).Ref));
        Assert.Equal(3, reads);
    }

    [Fact]
    public async Task A_snapshot_that_is_older_than_what_the_room_delivered_before_is_read_again()
    {
        var bruno = await _node.JoinedAsync("bruno", "lobby", seq: 5);
        await _node.TellEventsAsync("lobby", TestNode.Message(6), TestNode.Message(7));
        await bruno.MessagesAsync(2);
        var reads = 0;
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ => Shown(Interlocked.Increment(ref reads) == 1 ? 6 : 7, since: null));
        var ana = await _node.ConnectAsync("ana");
        await ana.JoinAsync("lobby");
        var joined = ana.NextAsync("joined", "the answer");

        await AdmitUntilAsync(() => joined.IsCompleted, seq: 6); // An answer that the owner gave before it was overtaken.

        Assert.Equal(7, (await joined).Seq);
    }

    [Fact]
    public async Task A_member_who_enters_while_the_room_gets_another_epoch_is_shown_the_new_one()
    {
        var first = new TaskCompletionSource<Snapshot>(TaskCreationOptions.RunContinuationsAsynchronously);
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ =>
        {
            asked.TrySetResult();
            return first.Task;
        });
        var ana = await _node.ConnectAsync("ana");
        await ana.JoinAsync("lobby");
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 5);
        await Eventually.CompletesAsync(asked.Task, "the snapshot is asked for");
        await _node.TellEventsAsync("lobby", TestNode.Message(6));
        await _node.TellAsync(new NodeBatch { Rooms = { new RoomEvents { RoomId = "lobby", Epoch = "e2", Events = { TestNode.Message(3, content: "new") } } } });
        await _node.SettledAsync();
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ => new Snapshot { Epoch = "e2", Seq = 2 });
        first.SetResult(Shown(6, since: null));

        var joined = ana.NextAsync("joined", "the answer");
        await AdmitUntilAsync(() => joined.IsCompleted, seq: 2, "e2");

        Assert.Equal((2, "e2"), ((await joined).Seq, (await joined).Epoch));
        Assert.Equal(["new"], await ana.MessagesAsync(1));
        await ana.HasNothingMoreAsync();
    }

    [Fact]
    public async Task A_resume_that_is_cut_into_pages_shows_all_of_them_in_order_before_what_is_live()
    {
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", request =>
        {
            Assert.Equal(request.Since.Seq > 5, request.Continued);
            return Shown(request.Since.Seq + 3, request.Since.Seq, hasMore: request.Since.Seq + 3 < 14);
        });
        var ana = await _node.ConnectAsync("ana");

        await ana.JoinAsync("lobby", new Position { Epoch = TestNode.Epoch, Seq = 5 });
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 14);
        var joined = await ana.NextAsync("joined", "the answer");
        Assert.Equal(8, joined.Seq); // A client that is lost now resumes from here.
        Assert.Equal([6, 7, 8], joined.Messages("history").Select(message => message.Seq));
        Assert.Equal(["m9", "m10", "m11", "m12", "m13", "m14"], await ana.MessagesAsync(6));
        await _node.TellEventsAsync("lobby", TestNode.Message(15));
        Assert.Equal(["m15"], await ana.MessagesAsync(1));
    }

    [Fact]
    public async Task What_could_not_wait_for_a_slow_snapshot_is_read_and_no_gap_is_told()
    {
        const int Bytes = 30_000;
        var first = new TaskCompletionSource<Snapshot>(TaskCreationOptions.RunContinuationsAsynchronously);
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", request => request.Continued
            ? Task.FromResult(Shown(12, request.Since.Seq, Bytes))
            : first.Task);
        var ana = await _node.ConnectAsync("ana");
        await ana.JoinAsync("lobby");
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 5);
        for (var seq = 6; seq <= 12; seq++)
        {
            await _node.TellEventsAsync("lobby", TestNode.Message(seq, content: Content(seq, Bytes)));
        }

        await _node.SettledAsync();
        first.SetResult(new Snapshot { Epoch = TestNode.Epoch, Seq = 5 });

        await ana.NextAsync("joined", "the answer");
        var reading = ana.MessagesAsync(7);
        await AdvanceUntilAsync(() => reading.IsCompleted, "all that happened meanwhile");
        Assert.Equal(Enumerable.Range(6, 7).Select(seq => $"m{seq}"), (await reading).Select(content => content.TrimEnd()));
        await _node.TellEventsAsync("lobby", TestNode.Message(13));
        Assert.Equal(["m13"], await ana.MessagesAsync(1));
    }

    [Fact]
    public async Task A_client_that_does_not_read_is_not_sent_page_after_page()
    {
        var pages = 0;
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", request =>
        {
            Interlocked.Increment(ref pages);
            return Shown(request.Since.Seq + 10, request.Since.Seq, bytes: 50_000, hasMore: request.Since.Seq < 400);
        });
        var ana = await _node.ConnectAsync("ana", new OutboxOptions { StallTimeout = TimeSpan.FromMinutes(10) });
        ana.Stream.Stall();

        await ana.JoinAsync("lobby", new Position { Epoch = TestNode.Epoch, Seq = 5 });
        await _node.AdmitAsync(await _node.CommandAsync(Command.BodyOneofCase.Join), seq: 405);
        await Eventually.HoldsAsync(() => Volatile.Read(ref pages) > 0, "the first page is read");
        for (var step = 0; step < 50; step++)
        {
            _node.Time.Advance(TimeSpan.FromMilliseconds(50));
            await _node.SettledAsync();
        }

        Assert.Equal(1, pages);
        Assert.InRange(ana.Session.Outbox.WaitingBytes, 1, 200_000);
        ana.Stream.Resume();
        var first = await ana.NextAsync("joined", "the answer");
        Assert.Equal(6, Assert.Single(first.Messages("history")).Seq);
        var reading = ana.MessagesAsync(20);
        await AdvanceUntilAsync(() => reading.IsCompleted, "the pages follow as the client reads");
        Assert.Equal(Enumerable.Range(7, 20).Select(seq => $"m{seq}"), (await reading).Select(content => content.TrimEnd()));
    }

    private async Task EnterAsync(Way way, string roomId, long admittedAt, long snapshotAt, long delivered)
    {
        // The room is on this node already, and has delivered up to 5.
        var witness = await _node.JoinedAsync("zoe", roomId, seq: 5);
        var client = way == Way.Again ? witness : await _node.ConnectAsync("ana");
        var snapshot = new TaskCompletionSource<Snapshot>(TaskCreationOptions.RunContinuationsAsynchronously);
        _node.Calls.On<GetSnapshotRequest, Snapshot>("GetSnapshot", _ => snapshot.Task);
        await client.JoinAsync(roomId, way == Way.Resume ? new Position { Epoch = TestNode.Epoch, Seq = 3 } : null);
        var join = await _node.CommandAsync(Command.BodyOneofCase.Join);

        var next = 6L;
        await DeliverAsync(Math.Min(admittedAt, delivered));
        await _node.AdmitAsync(join, admittedAt);
        _node.Calls.On<GetEventsRequest, GetEventsReply>("GetEvents", request => new GetEventsReply
        {
            LastSeq = 8, CoveredToSeq = request.ToSeq, Events = TestNode.Entries(roomId, [.. Range(request.FromSeq, request.ToSeq).Select(seq => TestNode.Message(seq))]),
        });
        await DeliverAsync(delivered);
        await _node.SettledAsync();
        snapshot.SetResult(Shown(snapshotAt, way == Way.Resume ? 3 : null));
        var joined = await client.NextAsync("joined", $"{way} {admittedAt} {snapshotAt} {delivered}");
        await DeliverAsync(9);

        var live = await client.MessagesAsync((int)(9 - snapshotAt));
        Assert.Equal(snapshotAt, joined.Seq);
        Assert.Equal(Range(snapshotAt + 1, 9).Select(seq => $"m{seq}"), live);
        Assert.Equal(
            Range(way == Way.Resume ? 4 : 1, snapshotAt), joined.Messages("history").Select(message => message.Seq));
        await client.HasNothingMoreAsync();

        async Task DeliverAsync(long to)
        {
            for (; next <= to; next++)
            {
                await _node.TellEventsAsync(roomId, TestNode.Message(next));
            }
        }
    }

    // Admits the join, however often it is sent again, while time goes on.
    private async Task AdmitUntilAsync(Func<bool> condition, long seq, string epoch = TestNode.Epoch)
    {
        for (var step = 0; !condition(); step++)
        {
            Assert.True(step < 1000, "the join is not over");
            if (_node.TryReadCommand(out var command) && command is { Join: not null })
            {
                await _node.ReplyAsync(command, reply => reply.Joined = new Joined { Epoch = epoch, Seq = seq, OwnerEpoch = 1, Members = 1, Role = "member" });
            }

            await _node.SettledAsync();
            _node.Time.Advance(TimeSpan.FromMilliseconds(100));
        }
    }

    private Task AdvanceUntilAsync(Func<bool> condition, string what) => Eventually.HoldsAsync(() =>
    {
        _node.Time.Advance(TimeSpan.FromMilliseconds(20));
        return condition();
    }, what);

    private static IEnumerable<long> Range(long from, long to) => Enumerable.Range(0, (int)Math.Max(0, to - from + 1)).Select(offset => from + offset);

    private static string Content(long seq, int bytes) => $"m{seq}".PadRight(bytes);

    private static Snapshot Shown(long seq, long? since, int bytes = 0, bool hasMore = false) => new()
    {
        Epoch = TestNode.Epoch,
        Seq = seq,
        Recovered = since is not null,
        HasMore = hasMore,
        Messages =
        {
            Range((since ?? 0) + 1, seq).Select(at => new Message
            {
                MessageId = $"id-{at}", Seq = at, UpdatedSeq = at, UserId = "zoe", Username = "Zoe", Content = Content(at, bytes), CreatedAtMs = 1_900_000_000_000,
            }),
        },
    };

    /// <summary>How a client comes into the room.</summary>
    public enum Way
    {
        /// <summary>It knows nothing of it.</summary>
        First,

        /// <summary>It is in it.</summary>
        Again,

        /// <summary>It was in it before.</summary>
        Resume,
    }
}
