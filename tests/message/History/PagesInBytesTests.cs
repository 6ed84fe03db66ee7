using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.Options;
using Tertulia.Contracts;
using Tertulia.Messages.History;
using Tertulia.Messages.Members;
using Tertulia.Messages.Moderation;
using Tertulia.Messages.Pinning;
using Tertulia.Messages.Reading;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Searching;
using Tertulia.Messages.Searching.Sql;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Storage.Sql;
using Tertulia.Messages.Threads;

namespace Tertulia.Messages.Tests.History;

/// <summary>A room whose messages were written when they might be larger: seq 1 its creation, 2 its owner, 3 to 82 messages of 60 kB, each more than 4 MiB together.</summary>
public sealed class PagesInBytesTests : IAsyncLifetime
{
    private const int LastSeq = 82;
    private const int MaxReply = 1024 * 1024;
    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"tertulia-bytes-{Guid.NewGuid():N}");
    private readonly ReadGate _gate = new(Options.Create(new ReadOptions()));
    private SqlMessageStore _store = null!;
    private MessageGrpc _service = null!;

    public async Task InitializeAsync()
    {
        var dialect = new SqliteMessageDialect(new StoreOptions { Path = Path.Combine(_folder, "tertulia.db"), Synchronous = SqliteSynchronous.Normal });
        _store = new SqlMessageStore(dialect);
        await _store.InitializeAsync(CancellationToken.None);
        List<LogEntry> entries =
        [
            new("ana", "+room", new RoomEvent { Seq = 1, UserId = "ana", Room = new RoomCreated { Kind = "open" } }),
            new("ana", "+join", new RoomEvent { Seq = 2, UserId = "ana", Member = new MemberChanged { UserId = "ana", Role = "owner", Members = 1 } }),
        ];
        for (var seq = 3; seq <= LastSeq; seq++)
        {
            var message = new MessageCreated { MessageId = $"id-{seq}", Content = $"{seq}", Metadata = ByteString.CopyFrom(new byte[60_000]) };
            entries.Add(new LogEntry("ana", $"c{seq}", new RoomEvent { Seq = seq, UserId = "ana", Message = message }));
        }

        var ownerEpoch = await _store.TakePartitionAsync(partition: 0, nowMs: 1, CancellationToken.None);
        await _store.AppendAsync([new RoomAppend(0, "lobby", ownerEpoch, entries)], CancellationToken.None);
        var (access, reads) = (new RoomAccess(_store, TimeProvider.System), new SqlRoomReads(dialect));
        var (marks, rooms) = (new SqlReadMarks(dialect), new RoomPages(_store, new SqlReadMarks(dialect), reads));
        var recent = new RecentRooms(_store, Options.Create(new ReadOptions()), TimeProvider.System);
        _service = new MessageGrpc(
            _gate, new Snapshots(_store, reads, recent, TimeProvider.System), new HistoryPages(_store, recent, TimeProvider.System), new ThreadPages(_store, TimeProvider.System),
            new PinPages(_store, TimeProvider.System), new OneMessage(_store, TimeProvider.System), new UnreadCounts(marks),
            new MessageSearch(new SqliteSearchIndex(dialect), _store, rooms, TimeProvider.System), new MemberPages(access, reads, _store), new ReportPages(access, reads, _store), rooms,
            new RoomDetailPages(_store, marks, new SqlRoomLists(dialect), TimeProvider.System), new CommunityPages(_store, marks, new SqlRoomLists(dialect), TimeProvider.System), _store);
    }

    public async Task DisposeAsync()
    {
        _gate.Dispose();
        await _store.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task A_resume_comes_in_pages_and_nothing_is_missing()
    {
        var since = new Position { Epoch = _store.Epoch, Seq = 2 };
        List<long> seqs = [];
        Snapshot page;
        do
        {
            var request = new GetSnapshotRequest { RoomId = "lobby", Actor = Commands.User("ana"), Since = since, Continued = seqs.Count > 0 };
            page = await _service.GetSnapshot(request, Call());
            Assert.True(page.Recovered);
            Assert.InRange(page.CalculateSize(), 1, MaxReply);
            seqs.AddRange(page.Messages.Select(message => message.Seq));
            Assert.Equal(page.HasMore ? seqs[^1] : LastSeq, page.Seq);
            since = new Position { Epoch = page.Epoch, Seq = page.Seq };
        }
        while (page.HasMore);

        Assert.Equal(Enumerable.Range(3, 80).Select(seq => (long)seq), seqs);
    }

    [Fact]
    public async Task More_than_three_hundred_changes_are_a_gap_although_the_read_was_cut_by_bytes_before()
    {
        List<LogEntry> entries = [];
        for (var seq = LastSeq + 1; seq <= LastSeq + 230; seq++)
        {
            entries.Add(new LogEntry("ana", $"c{seq}", new RoomEvent { Seq = seq, UserId = "ana", Message = new MessageCreated { MessageId = $"id-{seq}", Content = "short" } }));
        }

        var ownerEpoch = await _store.TakePartitionAsync(partition: 0, nowMs: 2, CancellationToken.None);
        await _store.AppendAsync([new RoomAppend(0, "lobby", ownerEpoch, entries)], CancellationToken.None);

        var tooMany = await SnapshotAsync(since: 10);
        var enough = await SnapshotAsync(since: 12);

        Assert.False(tooMany.Recovered);
        Assert.Equal(new Gap { FromSeq = 11, ToSeq = LastSeq + 230 - 50 }, tooMany.Gap);
        Assert.True(enough is { Recovered: true, HasMore: true });
    }

    [Fact]
    public async Task A_page_of_history_holds_what_fits_and_says_that_there_is_more()
    {
        var newest = await _service.GetHistory(new GetHistoryRequest { RoomId = "lobby", Actor = Commands.User("ana"), Limit = 100 }, Call());
        var older = await _service.GetHistory(
            new GetHistoryRequest { RoomId = "lobby", Actor = Commands.User("ana"), Limit = 100, BeforeSeq = newest.Messages[0].Seq }, Call());

        Assert.All([newest, older], page => Assert.True(page.HasMore && page.CalculateSize() <= MaxReply));
        Assert.Equal(LastSeq, newest.Messages[^1].Seq);
        Assert.Equal(newest.Messages[0].Seq - 1, older.Messages[^1].Seq);
    }

    [Fact]
    public async Task A_client_that_knows_nothing_gets_as_many_of_the_newest_as_fit()
    {
        var snapshot = await _service.GetSnapshot(new GetSnapshotRequest { RoomId = "lobby", Actor = Commands.User("ana"), History = 50 }, Call());

        Assert.InRange(snapshot.CalculateSize(), 1, MaxReply);
        Assert.Equal((LastSeq, false, false), (snapshot.Messages[^1].Seq, snapshot.Recovered, snapshot.HasMore));
    }

    [Fact]
    public async Task Missed_entries_come_in_pages_that_say_what_they_cover()
    {
        List<long> seqs = [];
        GetEventsReply page;
        do
        {
            page = await _service.GetEvents(new GetEventsRequest { RoomId = "lobby", FromSeq = 1 + seqs.Count, ToSeq = 70, Limit = 1_000 }, Call());
            Assert.InRange(page.CalculateSize(), 1, MaxReply);
            seqs.AddRange(page.Events.Events.Select(found => found.Seq));
            Assert.Equal((seqs[^1], (long)LastSeq), (page.CoveredToSeq, page.LastSeq));
        }
        while (page.CoveredToSeq < 70);

        Assert.Equal(Enumerable.Range(1, 70).Select(seq => (long)seq), seqs);
        Assert.Equal(99, (await _service.GetEvents(new GetEventsRequest { RoomId = "lobby", FromSeq = 100, Limit = 10 }, Call())).CoveredToSeq);
    }

    [Fact]
    public async Task A_users_rooms_come_page_by_page()
    {
        var ownerEpoch = await _store.TakePartitionAsync(partition: 1, nowMs: 1, CancellationToken.None);
        string[] rooms = ["A", "Z", "a", "b:1", "lobby"];
        await _store.AppendAsync(
        [
            .. rooms.SkipLast(1).Select(room => new RoomAppend(1, room, ownerEpoch,
            [
                new("ana", "+room", new RoomEvent { Seq = 1, UserId = "ana", Room = new RoomCreated { Kind = "open" } }),
                new("ana", "+join", new RoomEvent { Seq = 2, UserId = "ana", Member = new MemberChanged { UserId = "ana", Role = "owner", Members = 1 } }),
            ])),
        ], CancellationToken.None);

        List<RoomSummary> found = [];
        ListRoomsReply page;
        do
        {
            var after = found is [.., var last] ? last.RoomId : "";
            page = await _service.ListRooms(new ListRoomsRequest { Actor = Commands.User("ana"), AfterRoomId = after, Limit = 2 }, Call());
            found.AddRange(page.Rooms);
        }
        while (page.HasMore);

        Assert.Equal(rooms, found.Select(room => room.RoomId));
        Assert.All(found, room => Assert.Equal((_store.Epoch, "owner"), (room.Epoch, room.Role)));
        Assert.Equal(["A", "b:1", "lobby"], await ScopedAsync(new RoomScope { Patterns = { "A", "*b*", "Q" } }));
        Assert.Equal(["a"], await ScopedAsync(new RoomScope { Patterns = { "*" }, Except = { "A", "Z", "b:1", "lobby" } }));
        Assert.Empty(await ScopedAsync(new RoomScope { Patterns = { "nowhere*" } }));
        await Assert.ThrowsAsync<RpcException>(() => _service.ListRooms(new ListRoomsRequest { Actor = Commands.User("ana"), Limit = 1_001 }, Call()));
    }

    [Fact]
    public async Task Rooms_with_large_newest_messages_come_in_pages_that_fit()
    {
        var ownerEpoch = await _store.TakePartitionAsync(partition: 1, nowMs: 1, CancellationToken.None);
        await _store.AppendAsync(
        [
            .. Enumerable.Range(1, 12).Select(room => new RoomAppend(1, $"room-{room}", ownerEpoch,
            [
                new("eva", "+room", new RoomEvent { Seq = 1, UserId = "eva", Room = new RoomCreated { Kind = "open" } }),
                new("eva", "+join", new RoomEvent { Seq = 2, UserId = "eva", Member = new MemberChanged { UserId = "eva", Role = "owner", Members = 1 } }),
                new("eva", "c1", new RoomEvent { Seq = 3, UserId = "eva", Message = new MessageCreated { MessageId = $"last-{room}", Metadata = ByteString.CopyFrom(new byte[300_000]) } }),
            ])),
        ], CancellationToken.None);

        List<string> found = [];
        RoomDetailsPage page;
        var request = new ListRoomDetailsRequest { Actor = Commands.User("eva"), Limit = 100 };
        do
        {
            page = await _service.ListRoomDetails(request, Call());
            Assert.InRange(page.CalculateSize(), 1, MaxReply + 1_000);
            found.AddRange(page.Rooms.Select(room => room.RoomId));
            request.Cursor = page.Rooms[^1].Cursor;
        }
        while (page.HasMore);

        Assert.Equal(Enumerable.Range(1, 12).Select(room => $"room-{room}").Order(StringComparer.Ordinal), found);
    }

    // No page but the last one has less than was asked for, or says that there is more when there is not.
    private async Task<List<string>> ScopedAsync(RoomScope scope)
    {
        List<string> found = [];
        ListRoomsReply page;
        do
        {
            page = await _service.ListRooms(
                new ListRoomsRequest { Actor = Commands.User("ana"), AfterRoomId = found is [.., var last] ? last : "", Limit = 2, Scope = scope }, Call());
            Assert.True(page.Rooms.Count == 2 || !page.HasMore, $"{page.Rooms.Count} rooms, and more");
            found.AddRange(page.Rooms.Select(room => room.RoomId));
        }
        while (page.HasMore);
        return found;
    }

    private static ServerCallContext Call() => new LocalCall();

    private Task<Snapshot> SnapshotAsync(long since) => _service.GetSnapshot(
        new GetSnapshotRequest { RoomId = "lobby", Actor = Commands.User("ana"), Since = new Position { Epoch = _store.Epoch, Seq = since }, History = 50 }, Call());

    /// <summary>A call of the same process: only its token is looked at.</summary>
    private sealed class LocalCall : ServerCallContext
    {
        protected override string MethodCore => "";

        protected override string HostCore => "";

        protected override string PeerCore => "";

        protected override DateTime DeadlineCore => DateTime.MaxValue;

        protected override Metadata RequestHeadersCore => [];

        protected override CancellationToken CancellationTokenCore => CancellationToken.None;

        protected override Metadata ResponseTrailersCore => [];

        protected override Status StatusCore { get; set; }

        protected override WriteOptions? WriteOptionsCore { get; set; }

        protected override AuthContext AuthContextCore => throw new NotSupportedException();

        protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) => throw new NotSupportedException();

        protected override Task WriteResponseHeadersAsyncCore(Metadata responseHeaders) => Task.CompletedTask;
    }
}
