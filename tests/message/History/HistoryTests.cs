using Grpc.Core;
using Microsoft.Extensions.Options;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.History;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Storage.Sql;

namespace Tertulia.Messages.Tests.History;

/// <summary>A room with 400 messages: seq 1 its creation, 2 its owner, 3 to 402 the messages.</summary>
public sealed class HistoryTests : IAsyncLifetime
{
    private const int LastSeq = 402;
    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"tertulia-history-{Guid.NewGuid():N}");
    private SqlMessageStore _store = null!;
    private SqlRoomReads _reads = null!;

    private RecentRooms Recent => new(_store, Options.Create(new ReadOptions()), TimeProvider.System);

    public async Task InitializeAsync()
    {
        var dialect = new SqliteMessageDialect(new StoreOptions { Path = Path.Combine(_folder, "tertulia.db"), Synchronous = SqliteSynchronous.Normal });
        (_store, _reads) = (new SqlMessageStore(dialect), new SqlRoomReads(dialect));
        await _store.InitializeAsync(CancellationToken.None);
        List<LogEntry> entries =
        [
            new("ana", "+room", new RoomEvent { Seq = 1, UserId = "ana", Room = new RoomCreated { Kind = "open" } }),
            new("ana", "+join", new RoomEvent { Seq = 2, UserId = "ana", Member = new MemberChanged { UserId = "ana", Role = "owner", Members = 1 } }),
        ];
        for (var seq = 3; seq <= LastSeq; seq++)
        {
            var message = new MessageCreated { MessageId = $"id-{seq}", Content = $"{seq}" };
            entries.Add(new LogEntry("ana", $"c{seq}", new RoomEvent { Seq = seq, UserId = "ana", Message = message }));
        }

        var ownerEpoch = await _store.TakePartitionAsync(partition: 0, nowMs: 1, CancellationToken.None);
        await _store.AppendAsync([new RoomAppend(0, "lobby", ownerEpoch, entries)], CancellationToken.None);
    }

    public async Task DisposeAsync()
    {
        await _store.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Who_knows_nothing_gets_the_newest_messages()
    {
        var snapshot = await SnapshotAsync(since: null, history: 3);

        Assert.Equal([400, 401, 402], snapshot.Messages.Select(message => message.Seq));
        Assert.Equal((false, (long)LastSeq, 1u, _store.Epoch), (snapshot.Recovered, snapshot.Seq, snapshot.Members, snapshot.Epoch));
        Assert.Null(snapshot.Gap);
    }

    [Fact]
    public async Task Without_history_the_snapshot_is_only_a_position()
    {
        var snapshot = await SnapshotAsync(since: null, history: 0);

        Assert.Empty(snapshot.Messages);
        Assert.Equal(LastSeq, snapshot.Seq);
    }

    [Theory]
    [InlineData(402, 0)]
    [InlineData(400, 2)]
    [InlineData(102, 300)]
    public async Task Who_resumes_gets_exactly_what_is_missing(long seq, int missing)
    {
        var snapshot = await SnapshotAsync(new Position { Epoch = _store.Epoch, Seq = seq }, history: 50);

        Assert.True(snapshot.Recovered);
        Assert.Equal(Enumerable.Range((int)seq + 1, missing).Select(expected => (long)expected), snapshot.Messages.Select(message => message.Seq));
        Assert.Null(snapshot.Gap);
    }

    [Fact]
    public async Task Who_was_away_too_long_gets_the_newest_page_and_the_gap_before_it()
    {
        var snapshot = await SnapshotAsync(new Position { Epoch = _store.Epoch, Seq = 101 }, history: 50);

        Assert.False(snapshot.Recovered);
        Assert.Equal(50, snapshot.Messages.Count);
        Assert.Equal(new Gap { FromSeq = 102, ToSeq = 352 }, snapshot.Gap);
        Assert.Equal(353, snapshot.Messages[0].Seq);
    }

    [Theory]
    [InlineData("another", 400)]
    [InlineData(null, 403)]
    public async Task A_position_that_this_store_never_gave_counts_as_none(string? epoch, long seq)
    {
        var snapshot = await SnapshotAsync(new Position { Epoch = epoch ?? _store.Epoch, Seq = seq }, history: 0);

        Assert.False(snapshot.Recovered);
        Assert.Equal(50, snapshot.Messages.Count);
        Assert.Null(snapshot.Gap);
    }

    [Fact]
    public async Task Who_enters_is_told_what_the_room_is_like_and_the_own_place()
    {
        await AppendAsync(Settings("Lobby"), Member("ana", "owner", muted: true));

        var snapshot = await SnapshotAsync(since: null, history: 1);

        Assert.Equal(new RoomSettings { Kind = "open", Name = "Lobby" }, snapshot.Settings);
        Assert.Equal(("ana", "owner", true), (snapshot.Reader.UserId, snapshot.Reader.Role, snapshot.Reader.Muted));
        Assert.Empty(snapshot.Changes);
    }

    [Fact]
    public async Task Who_resumes_is_told_of_each_member_and_of_the_settings_what_was_told_last()
    {
        await AppendAsync(
            Member("bruno", "member"), Settings("First"), Member("carla", "member"), Member("bruno", "moderator"), Member("bruno", "", quiet: true), Settings("Second"));

        var snapshot = await SnapshotAsync(new Position { Epoch = _store.Epoch, Seq = LastSeq }, history: 0);

        Assert.Equal(
            [(LastSeq + 3, "carla"), (LastSeq + 4, "bruno"), (LastSeq + 6, "Second")],
            snapshot.Changes.Select(entry => ((int)entry.Seq, entry.Member?.UserId ?? entry.RoomUpdated.Settings.Name)));
        Assert.Equal(("moderator", (long)LastSeq + 6), (snapshot.Changes[1].Member.Role, snapshot.Seq));
    }

    [Fact]
    public async Task More_changes_of_members_than_a_snapshot_holds_come_with_the_next_one()
    {
        await AppendAsync([.. Enumerable.Range(0, 300).Select(number => Member($"user-{number}", "member")), Message("late")]);

        var first = await SnapshotAsync(new Position { Epoch = _store.Epoch, Seq = LastSeq }, history: 0);
        var second = await SnapshotAsync(new Position { Epoch = _store.Epoch, Seq = first.Seq }, history: 0, continued: true);

        Assert.Equal((250, LastSeq + 250, true, 0), (first.Changes.Count, (int)first.Seq, first.HasMore, first.Messages.Count));
        Assert.Equal((50, LastSeq + 301, false), (second.Changes.Count, (int)second.Seq, second.HasMore));
        Assert.Equal("late", Assert.Single(second.Messages).MessageId);
    }

    [Fact]
    public async Task Who_may_not_read_is_refused_on_every_way()
    {
        await AssertRefusedAsync(ErrorCode.NotMember, Commands.User("bruno"), "lobby");
        await AssertRefusedAsync(ErrorCode.Forbidden, Commands.User("ana", grant: new Grant { Write = true }), "lobby");
        await AssertRefusedAsync(ErrorCode.RoomNotFound, Commands.User("ana"), "nowhere");
        await AssertRefusedAsync(ErrorCode.BadRequest, actor: null, "lobby");
        Assert.NotEmpty((await SnapshotAsync(since: null, history: 1, Commands.User("bruno", role: "service"))).Messages);
    }

    [Fact]
    public async Task Pages_say_whether_there_is_more_in_their_direction()
    {
        var newest = await PageAsync(new GetHistoryRequest { Limit = 2 });
        var before = await PageAsync(new GetHistoryRequest { Limit = 2, BeforeSeq = 5 });
        var after = await PageAsync(new GetHistoryRequest { Limit = 2, AfterSeq = 100 });
        var last = await PageAsync(new GetHistoryRequest { Limit = 2, AfterSeq = 400 });

        Assert.Equal(("401,402", true), (Seqs(newest), newest.HasMore));
        Assert.Equal(("3,4", false), (Seqs(before), before.HasMore));
        Assert.Equal(("101,102", true), (Seqs(after), after.HasMore));
        Assert.Equal(("401,402", false), (Seqs(last), last.HasMore));
        Assert.Equal(_store.Epoch, last.Epoch);
    }

    [Theory]
    [InlineData("id-100", 5, "98,99,100,101,102", true, true)]
    [InlineData("id-100", 2, "99,100", true, true)]
    [InlineData("id-100", 1, "100", true, true)]
    [InlineData("id-3", 4, "3,4", false, true)]
    [InlineData("id-402", 4, "400,401,402", true, false)]
    public async Task A_page_around_a_message_says_what_there_is_on_both_sides(string messageId, int limit, string seqs, bool before, bool after)
    {
        var page = await PageAsync(new GetHistoryRequest { Limit = limit, AroundMessageId = messageId });

        Assert.Equal((seqs, before, after), (Seqs(page), page.HasMoreBefore, page.HasMoreAfter));
        Assert.Equal($"id-{page.AroundSeq}", messageId);
    }

    [Fact]
    public async Task A_page_around_a_message_of_another_room_or_none_or_for_who_may_not_read_is_refused()
    {
        Assert.Equal(ErrorCode.MessageNotFound, await RefusalOfAsync(() => PageAsync(new GetHistoryRequest { Limit = 5, AroundMessageId = "id-9999" })));
        Assert.Equal(ErrorCode.BadRequest, await RefusalOfAsync(() => PageAsync(new GetHistoryRequest { Limit = 5, AroundMessageId = "id-5", AfterSeq = 3 })));
        Assert.Equal(ErrorCode.BadRequest, await RefusalOfAsync(() => PageAsync(new GetHistoryRequest { Limit = 5, AroundMessageId = new string('x', 65) })));
        Assert.Equal(ErrorCode.NotMember, await RefusalOfAsync(() => new HistoryPages(_store, Recent, TimeProvider.System).GetAsync(
            new GetHistoryRequest { RoomId = "lobby", Actor = Commands.User("bruno"), Limit = 5, AroundMessageId = "id-9999" }, CancellationToken.None)));
    }

    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(101, 0, 0)]
    [InlineData(10, 5, 5)]
    public async Task Bad_pages_are_refused(int limit, long before, long after) =>
        Assert.Equal(ErrorCode.BadRequest, await RefusalOfAsync(() => PageAsync(new GetHistoryRequest { Limit = limit, BeforeSeq = before, AfterSeq = after })));

    private static string Seqs(HistoryPage page) => string.Join(",", page.Messages.Select(message => message.Seq));

    private static async Task<ErrorCode> RefusalOfAsync(Func<Task> call) => RpcErrors.ToRefusal(await Assert.ThrowsAsync<RpcException>(call)).Code;

    [Fact]
    public async Task A_message_is_found_without_its_room_by_those_who_may_read_it()
    {
        Assert.Equal(("lobby", "7", _store.Epoch), await FindAsync("id-7", Commands.User("ana")) is var found ? (found.RoomId, found.Message.Content, found.Epoch) : default);
        Assert.Equal(("lobby", null), await FindAsync("id-7", actor: null) is var place ? (place.RoomId, place.Message) : default);
        Assert.Equal(ErrorCode.MessageNotFound, await RefusalAsync("id-7", Commands.User("bruno")));
        Assert.Equal(ErrorCode.MessageNotFound, await RefusalAsync("id-7", Commands.User("ana", grant: new Grant { Write = true })));
        Assert.Equal(ErrorCode.MessageNotFound, await RefusalAsync("id-0", Commands.User("ana")));
        Assert.Equal(ErrorCode.BadRequest, await RefusalAsync("a\0b", Commands.User("ana")));
        Assert.Equal(ErrorCode.BadRequest, await RefusalAsync("", actor: null));
    }

    private Task<GetMessageReply> FindAsync(string messageId, Actor? actor) =>
        new OneMessage(_store, TimeProvider.System).GetAsync(new GetMessageRequest { MessageId = messageId, Actor = actor }, CancellationToken.None);

    private async Task<ErrorCode> RefusalAsync(string messageId, Actor? actor) =>
        RpcErrors.ToRefusal(await Assert.ThrowsAsync<RpcException>(() => FindAsync(messageId, actor))).Code;

    private static RoomEvent Member(string userId, string role, bool muted = false, bool quiet = false) =>
        new() { UserId = "ana", Member = new MemberChanged { UserId = userId, Role = role, Muted = muted, Quiet = quiet, Members = 1, Action = MemberAction.Add } };

    private static RoomEvent Settings(string name) =>
        new() { UserId = "ana", RoomUpdated = new RoomUpdated { Settings = new RoomSettings { Kind = "open", Name = name }, Changed = { "name" } } };

    private static RoomEvent Message(string id) => new() { UserId = "ana", Message = new MessageCreated { MessageId = id, Content = id } };

    private async Task AppendAsync(params RoomEvent[] entries)
    {
        var ownerEpoch = await _store.TakePartitionAsync(partition: 0, nowMs: 1, CancellationToken.None);
        for (var index = 0; index < entries.Length; index++)
        {
            entries[index].Seq = LastSeq + 1 + index;
        }

        var append = new RoomAppend(0, "lobby", ownerEpoch, [.. entries.Select(entry => new LogEntry("ana", $"+{entry.Seq}", entry))]);
        Assert.Equal([AppendOutcome.Appended], await _store.AppendAsync([append], CancellationToken.None));
    }

    private Task<Snapshot> SnapshotAsync(Position? since, int history, Actor? actor = null, bool continued = false) => new Snapshots(_store, _reads, Recent, TimeProvider.System).GetAsync(
        new GetSnapshotRequest { RoomId = "lobby", Actor = actor ?? Commands.User("ana"), Since = since, History = history, Continued = continued }, CancellationToken.None);

    private Task<HistoryPage> PageAsync(GetHistoryRequest request)
    {
        request.RoomId = "lobby";
        request.Actor = Commands.User("ana");
        return new HistoryPages(_store, Recent, TimeProvider.System).GetAsync(request, CancellationToken.None);
    }

    private async Task AssertRefusedAsync(ErrorCode code, Actor? actor, string roomId)
    {
        var since = new Position { Epoch = _store.Epoch, Seq = 400 };
        Assert.Equal(code, await RefusalOfAsync(() => new Snapshots(_store, _reads, Recent, TimeProvider.System).GetAsync(new() { RoomId = roomId, Actor = actor, History = 1 }, CancellationToken.None)));
        Assert.Equal(code, await RefusalOfAsync(() => new Snapshots(_store, _reads, Recent, TimeProvider.System).GetAsync(new() { RoomId = roomId, Actor = actor, Since = since }, CancellationToken.None)));
        Assert.Equal(code, await RefusalOfAsync(() => new HistoryPages(_store, Recent, TimeProvider.System).GetAsync(new() { RoomId = roomId, Actor = actor, Limit = 1 }, CancellationToken.None)));
    }
}
