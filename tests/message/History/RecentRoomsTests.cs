using System.Reflection;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Tertulia.Contracts;
using Tertulia.Messages.History;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Storage.Sql;

namespace Tertulia.Messages.Tests.History;

/// <summary>What is answered from memory is what the store would have answered.</summary>
public sealed class RecentRoomsTests : IAsyncLifetime
{
    private static readonly MemberKey Ana = new("lobby", "ana");

    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"tertulia-recent-{Guid.NewGuid():N}");
    private readonly FakeTimeProvider _time = new();
    private readonly List<SqlMessageStore> _opened = [];
    private SqlMessageStore _store = null!;
    private long _owner;
    private long _seq;

    public async Task InitializeAsync()
    {
        Directory.CreateDirectory(_folder);
        _store = await OpenAsync("tertulia.db");
        _owner = await TakeAsync(_store);
        await WriteAsync(
            new RoomEvent { Room = new RoomCreated { Kind = "open" } },
            new RoomEvent { Member = new MemberChanged { UserId = "ana", Role = "owner", Members = 1 } });
    }

    public async Task DisposeAsync()
    {
        foreach (var store in _opened)
        {
            await store.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Whatever_is_written_by_whichever_owner_pages_and_changes_are_those_of_the_store(int seed)
    {
        var random = new Random(seed);
        var replicas = new[] { Recent(_store), Recent(_store) };
        var written = new List<Message>();
        for (var step = 0; step < 150; step++)
        {
            await ChangeAsync(random, written);
            var (recent, count, since) = (replicas[random.Next(2)], random.Next(1, 101), random.NextInt64(0, _seq + 3));
            var limit = ReadLimit.Of(random.Next(1, 301));
            if (random.Next(3) > 0)
            {
                AssertSame(await _store.ReadPageAsync(Ana, HistoryRange.Newest, ReadLimit.Of(count), default), await recent.ReadNewestAsync(Ana, count), seed, step);
            }

            if (random.Next(3) > 0)
            {
                since = random.Next(2) == 0 ? since : Math.Max(0, _seq - random.Next(4)); // Who comes back soon.
                AssertSame(await _store.ReadChangesAsync(Ana, since, limit, default), await recent.ReadChangesAsync(Ana, since, limit), seed, step);
            }
        }
    }

    public static TheoryData<int> Seeds() => [.. Enumerable.Range(1, 12)];

    [Fact]
    public async Task While_others_write_and_change_each_answer_has_all_that_was_confirmed_before_it_was_asked_for()
    {
        var recent = Recent(_store);
        await recent.ReadNewestAsync(Ana, 50);
        var written = new List<Message>();
        var entries = new List<long> { 0, 0, 0 }; // By seq: the message that it made or changed.
        var confirmed = _seq;
        var isOver = false;
        var readers = Enumerable.Range(0, 8).Select(reader => Task.Run(async () =>
        {
            var random = new Random(reader);
            for (var reads = 0; !Volatile.Read(ref isOver) || reads == 0; reads++)
            {
                var before = Volatile.Read(ref confirmed);
                var since = Math.Max(2, before - random.Next(150));
                if (random.Next(2) == 0)
                {
                    var page = (await recent.ReadNewestAsync(Ana, 50))!;
                    Assert.True(page.Head.LastSeq >= before, $"asked at {before}, answered at {page.Head.LastSeq}");
                    Assert.Equal(States(0, page.Head.LastSeq).OrderBy(state => state.Seq).TakeLast(50), page.Messages.Select(message => (message.Seq, message.UpdatedSeq)));
                    continue;
                }

                var changes = (await recent.ReadChangesAsync(Ana, since, ReadLimit.Of(301)))!;
                Assert.True(changes.Head.LastSeq >= before, $"asked at {before}, answered at {changes.Head.LastSeq}");
                Assert.Equal(States(since, changes.Head.LastSeq).Take(301), changes.Messages.Select(message => (message.Seq, message.UpdatedSeq)));
            }
        })).ToArray();
        var random = new Random(1);
        for (var i = 0; i < 600; i++)
        {
            var changed = written.Count > 0 && random.Next(2) == 0 ? written[random.Next(written.Count)] : null;
            lock (entries)
            {
                entries.Add(changed?.Seq ?? _seq + 1);
            }

            if (changed is null)
            {
                await SendAsync(written, 1);
            }
            else
            {
                await WriteAsync(new RoomEvent { Edited = new MessageEdited { MessageId = changed.MessageId, MessageSeq = changed.Seq, Content = "changed" } }, changed);
            }

            Volatile.Write(ref confirmed, _seq);
        }

        Volatile.Write(ref isOver, true);
        await Task.WhenAll(readers);

        // Messages whose last change up to a seq came after another one, in the order of these changes.
        IEnumerable<(long Seq, long UpdatedSeq)> States(long since, long upTo)
        {
            lock (entries)
            {
                var last = new Dictionary<long, long>();
                for (var seq = 3; seq <= upTo; seq++)
                {
                    last[entries[seq]] = seq;
                }

                return [.. last.Where(state => state.Value > since).Select(state => (state.Key, state.Value)).OrderBy(state => state.Value)];
            }
        }
    }

    [Fact]
    public async Task What_is_still_so_is_not_read_again_and_many_who_ask_at_once_ask_the_store_once()
    {
        await WriteAsync(Sent(), Sent());
        var (store, calls) = Watched(_store);
        var recent = Recent(store);
        await recent.ReadNewestAsync(Ana, 2);
        calls.Called.Clear();

        await recent.ReadNewestAsync(Ana, 2);
        Assert.Equal(["LoadAsync"], calls.Called);

        var gate = new TaskCompletionSource();
        calls.Before = method => method == "LoadAsync" ? gate.Task : Task.CompletedTask;
        calls.Called.Clear();
        var asked = Enumerable.Range(0, 100).Select(i => recent.ReadNewestAsync(new MemberKey("lobby", $"user-{i}"), 2)).ToArray();
        gate.SetResult();
        Assert.All(await Task.WhenAll(asked), view => Assert.Equal([3L, 4L], view!.Messages.Select(message => message.Seq)));
        Assert.Equal(["LoadAsync", "LoadAsync", "LoadAsync"], calls.Called); // Two were under way; the others were one question.
    }

    [Fact]
    public async Task A_store_that_went_back_is_believed_with_its_old_epoch_and_with_a_new_one()
    {
        await WriteAsync(Sent());
        await _store.DisposeAsync();
        File.Copy(Path.Combine(_folder, "tertulia.db"), Path.Combine(_folder, "before.db"));
        _store = await OpenAsync("tertulia.db");
        var (store, calls) = Watched(_store);
        var recent = Recent(store);
        await WriteAsync(Sent(), Sent());
        Assert.Equal(5, (await recent.ReadNewestAsync(Ana, 50))!.Head.LastSeq);

        var before = await OpenAsync("before.db");
        calls.Target = before;
        AssertSame(await before.ReadPageAsync(Ana, HistoryRange.Newest, ReadLimit.Of(50), default), await recent.ReadNewestAsync(Ana, 50), 0, 0);

        await before.RenewEpochAsync(before.Epoch, CancellationToken.None);
        AssertSame(await before.ReadPageAsync(Ana, HistoryRange.Newest, ReadLimit.Of(50), default), await recent.ReadNewestAsync(Ana, 50), 0, 1);
    }

    [Fact]
    public async Task A_place_in_the_room_is_never_taken_from_memory()
    {
        var recent = Recent(_store);
        await recent.ReadNewestAsync(Ana, 50);
        Assert.Equal("", (await recent.ReadNewestAsync(Ana with { UserId = "bruno" }, 50))!.Reader.Role);

        await WriteAsync(new RoomEvent { Member = new MemberChanged { UserId = "ana", Role = "", Members = 0, Banned = true } });
        Assert.True((await recent.ReadNewestAsync(Ana, 50))!.Reader.Banned);

        await WriteAsync(new RoomEvent { RoomDeleted = new RoomDeleted() });
        Assert.Null(await recent.ReadNewestAsync(Ana, 50));
        Assert.Null(await recent.ReadChangesAsync(Ana, 0, ReadLimit.Of(301)));
    }

    [Fact]
    public async Task Memory_is_bounded_old_states_are_forgotten_and_nothing_is_kept_when_it_is_turned_off()
    {
        await WriteAsync(Sent());
        var (store, calls) = Watched(_store);
        var none = Recent(store, bytes: 0);
        await none.ReadNewestAsync(Ana, 50);
        await none.ReadNewestAsync(Ana, 50);
        Assert.Equal((0, "ReadPageAsync,ReadPageAsync"), ((int)none.Bytes, string.Join(',', calls.Called)));

        calls.Called.Clear();
        var recent = Recent(store);
        await recent.ReadNewestAsync(Ana, 50);
        _time.Advance(RecentRooms.MaxAge + TimeSpan.FromSeconds(1));
        await recent.ReadNewestAsync(Ana, 50);
        Assert.Equal("ReadPageAsync,ReadPageAsync", string.Join(',', calls.Called));

        var two = recent.Bytes * 2;
        await CopyRoomAsync("hall");
        await CopyRoomAsync("cafe");
        var few = Recent(store, two);
        foreach (var room in (string[])["lobby", "hall", "lobby", "cafe"])
        {
            await few.ReadNewestAsync(new MemberKey(room, "ana"), 50);
            Assert.InRange(few.Bytes, 1, two);
        }

        calls.Called.Clear();
        await few.ReadNewestAsync(Ana, 50);
        await few.ReadNewestAsync(new MemberKey("hall", "ana"), 50); // Was used longest ago.
        Assert.Equal("LoadAsync,ReadPageAsync", string.Join(',', calls.Called));
    }

    private static void AssertSame(RoomView? expected, RoomView? actual, int seed, int step)
    {
        var where = $"seed {seed}, step {step}: ";
        Assert.Equal(where + Text(expected), where + Text(actual));

        static string Text(RoomView? view) => view is null ? "nothing" : string.Join('\n',
            [$"{view.Epoch} {view.Head.Kind} {view.Head.Members} {view.Head.LastSeq} {view.Head.Messages} {view.Head.FirstSeq} {view.Reader.Role} {view.HasMore}", .. view.Messages]);
    }

    private async Task ChangeAsync(Random random, List<Message> written)
    {
        switch (random.Next(12))
        {
            case 0 when random.Next(4) == 0:
                _owner = await TakeAsync(_store); // What the owner before has under way is refused from now on.
                break;
            case 0 when random.Next(4) == 0:
                await _store.RenewEpochAsync(_store.Epoch, CancellationToken.None);
                break;
            case 0 when random.Next(4) == 0:
                await WriteAsync(new RoomEvent { Trimmed = new RoomTrimmed { FirstSeq = Math.Max(1, _seq - random.Next(150)) } });
                break;
            case 1:
                await WriteAsync(new RoomEvent { Member = new MemberChanged { UserId = $"user-{random.Next(5)}", Role = "member", Members = (uint)random.Next(1, 6) } });
                break;
            case 2 or 3 or 4 or 5 when written.Count > 0:
                var message = written[random.Next(2) == 0 ? random.Next(written.Count) : written.Count - 1 - random.Next(Math.Min(5, written.Count))];
                message.Version++;
                message.Content = $"changed {message.Version}";
                await WriteAsync(new RoomEvent { Edited = new MessageEdited { MessageId = message.MessageId, MessageSeq = message.Seq, Content = message.Content } }, message);
                break;
            case 6 or 7:
                await SendAsync(written, random.Next(2, 60));
                break;
            default:
                await SendAsync(written, random.Next(0, 3));
                break;
        }
    }

    private async Task SendAsync(List<Message> written, int count)
    {
        if (count > 0)
        {
            var sent = Enumerable.Range(0, count).Select(_ => Sent()).ToArray();
            await WriteAsync(sent);
            written.AddRange(sent.Select(entry => new Message
            {
                MessageId = entry.Message.MessageId, UserId = "ana", Content = entry.Message.Content, Version = 1, Seq = entry.Seq,
            }));
        }
    }

    private static RoomEvent Sent() => new() { Message = new MessageCreated { MessageId = Guid.CreateVersion7().ToString(), Content = "hola" } };

    private Task WriteAsync(params RoomEvent[] events) => WriteAsync("lobby", _owner, events, changed: null);

    private Task WriteAsync(RoomEvent change, Message changed) => WriteAsync("lobby", _owner, [change], new MessageChange(changed.Seq, changed.Clone()));

    private async Task WriteAsync(string roomId, long owner, RoomEvent[] events, MessageChange? changed)
    {
        var entries = events.Select(entry =>
        {
            (entry.Seq, entry.UserId, entry.CreatedAtMs) = (++_seq, "ana", _seq);
            return new LogEntry("ana", $"key-{_seq}", entry, changed);
        }).ToArray();
        Assert.Equal([AppendOutcome.Appended], await _store.AppendAsync([new RoomAppend(0, roomId, owner, entries)], CancellationToken.None));
    }

    private async Task CopyRoomAsync(string roomId)
    {
        _seq = 0;
        await WriteAsync(
            roomId, _owner,
            [
                new RoomEvent { Room = new RoomCreated { Kind = "open" } },
                new RoomEvent { Member = new MemberChanged { UserId = "ana", Role = "owner", Members = 1 } }, Sent(),
            ],
            changed: null);
    }

    private static Task<long> TakeAsync(SqlMessageStore store) => store.TakePartitionAsync(partition: 0, nowMs: 1, CancellationToken.None);

    private RecentRooms Recent(IMessageStore store, long bytes = 1_000_000) => new(store, Options.Create(new ReadOptions { CachedBytes = bytes }), _time);

    private async Task<SqlMessageStore> OpenAsync(string file)
    {
        var store = new SqlMessageStore(new SqliteMessageDialect(
            new StoreOptions { Path = Path.Combine(_folder, file), Synchronous = SqliteSynchronous.Normal }));
        _opened.Add(store);
        await store.InitializeAsync(CancellationToken.None);
        return store;
    }

    private static (IMessageStore Store, StoreCalls Calls) Watched(IMessageStore store)
    {
        var proxy = DispatchProxy.Create<IMessageStore, StoreCalls>();
        var calls = (StoreCalls)(object)proxy;
        calls.Target = store;
        return (proxy, calls);
    }

    /// <summary>Which reads reach the store.</summary>
    internal class StoreCalls : DispatchProxy
    {
        public IMessageStore Target { get; set; } = null!;

        public List<string> Called { get; } = [];

        public Func<string, Task> Before { get; set; } = _ => Task.CompletedTask;

        protected override object? Invoke(MethodInfo? method, object?[]? args)
        {
            if (!method!.Name.EndsWith("Async", StringComparison.Ordinal))
            {
                return method.Invoke(Target, args);
            }

            lock (Called)
            {
                Called.Add(method.Name);
            }

            var before = Before(method.Name);
            return before.IsCompleted ? method.Invoke(Target, args) : WaitFor(before, method, args);
        }

        // Only questions about rooms are made to wait.
        private async Task<LoadedRooms> WaitFor(Task before, MethodInfo method, object?[]? args)
        {
            await before;
            return await (Task<LoadedRooms>)method.Invoke(Target, args)!;
        }
    }
}
