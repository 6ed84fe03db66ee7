using System.Collections.Concurrent;
using System.Data.Common;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Feed;
using Tertulia.Hosting;
using Tertulia.Messages.Following;
using Tertulia.Messages.History;
using Tertulia.Messages.Storage;
using Tertulia.Testing;

namespace Tertulia.Conformance.Stores;

/// <summary>Who follows the feed handles every entry once, whoever dies when, and however often the partition changes hands.</summary>
public abstract class FollowerConformance : StoreConformance
{
    private const string Table = "followed_marks";
    private static readonly SqlMigrations Migrations = new(typeof(FollowerConformance).Assembly, "notes_migrations");

    private readonly Func<ISqlDialect> _open;
    private readonly ServiceProvider _services = new ServiceCollection()
        .AddLogging()
        .AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection([new("Bus:Kind", "InProcess"), new("Bus:Partitions", "2")]).Build())
        .AddSingleton(new ProcessIdentity("test"))
        .AddSingleton(TimeProvider.System)
        .AddLiveBus()
        .BuildServiceProvider();

    private readonly List<Follower> _followers = [];
    private ISqlDialect _dialect = null!;

    /// <param name="database">Of the message store.</param>
    /// <param name="open">The follower's own database.</param>
    private protected FollowerConformance(IStoreDatabase database, Func<ISqlDialect> open)
        : base(database) => _open = open;

    private ILiveBus Bus => _services.GetRequiredService<ILiveBus>();

    [Fact]
    public async Task Everything_is_handled_once_and_a_start_goes_on_from_the_stored_mark()
    {
        await BeginAsync();
        var lobby = new RoomScript("lobby");
        await AppendedAsync(lobby.Opening(messages: 3));
        var first = await StartAsync();
        await HandledAsync(5);
        await first.StopAsync();

        await AppendedAsync(lobby.Said("ana", "later-1"), lobby.Said("ana", "later-2"));
        await StartAsync();
        await HandledAsync(7);

        Assert.Equal(Enumerable.Range(1, 7).Select(seq => $"lobby {seq}"), await RowsAsync());
    }

    [Fact]
    public async Task What_comes_to_nothing_is_read_once_and_its_mark_is_stored_a_little_later()
    {
        await BeginAsync();
        var lobby = new RoomScript("lobby");
        await AppendedAsync(lobby.Opening(messages: 1));
        var first = await StartAsync(configure: follower => follower.PassesBy = entry => entry.Event.Seq > 3);
        await HandledAsync(3);
        var marks = new FeedMarks(_dialect, Table, "rows");
        var before = await marks.ReadAsync(0, Deadline);

        await AppendedAsync(lobby.Said("ana", "nothing-1"), lobby.Said("ana", "nothing-2"));
        await Eventually.EqualsAsync(true, async () => await marks.ReadAsync(0, Deadline) != before);
        await first.StopAsync();
        await AppendedAsync(lobby.Said("ana", "later"));
        await StartAsync();
        await HandledAsync(4);

        Assert.Equal(["lobby 1", "lobby 2", "lobby 3", "lobby 6"], await RowsAsync());
    }

    [Fact]
    public async Task A_handler_that_has_more_to_do_is_asked_again_although_nothing_comes()
    {
        await BeginAsync();
        await AppendedAsync(new RoomScript("lobby").Opening(messages: 1));

        var follower = await StartAsync(configure: one => one.Rest = 5);

        await HandledAsync(3);
        await Eventually.EqualsAsync(0, () => Task.FromResult(follower.Rest));
    }

    [Fact]
    public async Task A_hint_wakes_a_follower_at_once()
    {
        await BeginAsync();
        var lobby = new RoomScript("lobby");
        await AppendedAsync(lobby.Opening(messages: 0));
        using var hints = new FeedHints(Bus, Partitions(), TimeProvider.System, new Messages.Partitions.OwnedPartitions(Partitions(), TimeProvider.System));
        var follower = await StartAsync(hints);
        await HandledAsync(2);
        await Eventually.HoldsAsync(() => follower.Reads >= 2, "it looked again and found nothing");

        await AppendedAsync(lobby.Said("ana", "m1"));
        hints.OnAppended(0);
        await HandledAsync(3);
    }

    [Fact]
    public async Task A_process_that_dies_after_it_handled_and_before_it_knows_handles_nothing_twice()
    {
        await BeginAsync();
        var lobby = new RoomScript("lobby");
        await AppendedAsync(lobby.Opening(messages: 3));
        var dying = await StartAsync(configure: follower => follower.AfterCommit = () => throw new DiedException());
        await Eventually.CompletesAsync(dying.Died.Task, "it dies after the commit");
        await dying.StopAsync();

        await AppendedAsync(lobby.Said("ana", "later-1"));
        await StartAsync();
        await HandledAsync(6);
        Assert.Equal(Enumerable.Range(1, 6).Select(seq => $"lobby {seq}"), await RowsAsync());
    }

    [Fact]
    public async Task A_process_that_dies_between_handling_and_storing_the_mark_has_handled_nothing()
    {
        await BeginAsync();
        var lobby = new RoomScript("lobby");
        await AppendedAsync(lobby.Opening(messages: 3));
        var dying = await StartAsync(configure: follower => follower.BeforeCommit = () => throw new DiedException());
        await Eventually.CompletesAsync(dying.Died.Task, "it dies before the commit");
        await dying.StopAsync();
        Assert.Empty(await RowsAsync());

        await StartAsync();
        await HandledAsync(5);
        Assert.Equal(Enumerable.Range(1, 5).Select(seq => $"lobby {seq}"), await RowsAsync());
    }

    [Fact]
    public async Task Of_two_followers_of_one_partition_only_one_moves_the_mark()
    {
        await BeginAsync();
        var lobby = new RoomScript("lobby");
        await AppendedAsync(lobby.Opening(messages: 1));
        var marks = new FeedMarks(_dialect, Table, "rows");
        var page = new FeedBatch(0, FeedMark.Start, new FeedMark(Store.Epoch, 7, 1, 0), []);
        Assert.True(await MoveAsync(page));
        Assert.False(await MoveAsync(page));
        Assert.False(await MoveAsync(page with { From = page.To with { Entry = 1 } }));

        var moves = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => MoveAsync(page with { From = page.To, To = page.To with { Flush = 2 + i } })));

        var moved = Assert.Single(Enumerable.Range(0, 8), i => moves[i]);
        Assert.Equal(page.To with { Flush = 2 + moved }, await marks.ReadAsync(0, Deadline));
        Assert.Equal(FeedMark.Start, await marks.ReadAsync(1, Deadline));
    }

    [Fact]
    public async Task Followers_that_come_and_go_while_owners_change_handle_everything_once()
    {
        await BeginAsync();
        const int Flushes = 120;
        var lobby = new RoomScript("lobby");
        await AppendedAsync(lobby.Created());
        var writing = Task.Run(async () =>
        {
            var owner = OwnerEpoch;
            for (var i = 0; i < Flushes; i++)
            {
                owner = i % 10 == 9 ? await Store.TakePartitionAsync(0, nowMs: 1, Deadline) : owner;
                Assert.Equal([AppendOutcome.Appended], await AppendAsync(Store, owner, [lobby.Said("ana", $"m{i}"), lobby.Said("ana", $"n{i}")]));
            }
        });

        for (var round = 0; !writing.IsCompleted; round++)
        {
            // All think that they own everything: each has its own sight of the replicas, as for a moment when they change.
            var (one, two) = (await StartAsync(alone: true), await StartAsync(alone: true, configure: follower => follower.AfterCommit = Sometimes(round)));
            await Eventually.HoldsAsync(() => writing.IsCompleted || one.Handled + two.Handled > 10, "some is handled");
            await one.StopAsync();
            await two.StopAsync();
        }

        await writing;
        await StartAsync();
        await HandledAsync((2 * Flushes) + 1);
        Assert.Equal(Enumerable.Range(1, (2 * Flushes) + 1).Select(seq => $"lobby {seq}"), (await RowsAsync()).OrderBy(row => int.Parse(row[6..], null)));

        static Action Sometimes(int round) => () =>
        {
            if (round % 3 == 0)
            {
                throw new DiedException();
            }
        };
    }

    [Fact]
    public async Task A_store_that_went_back_is_followed_anew_and_what_was_handled_stays_once()
    {
        await BeginAsync();
        var lobby = new RoomScript("lobby");
        await AppendedAsync(lobby.Opening(messages: 3));
        await StartAsync();
        await HandledAsync(5);
        var before = Store.Epoch;

        await Store.RenewEpochAsync(before, Deadline);
        await AppendedAsync(lobby.Said("ana", "later-1"));
        await HandledAsync(6);

        Assert.Equal([.. Enumerable.Range(1, 5).Select(seq => $"lobby {seq} x2"), "lobby 6"], await RowsAsync());
        Assert.Equal(Store.Epoch, (await new FeedMarks(_dialect, Table, "rows").ReadAsync(0, Deadline)).Epoch);
        Assert.NotEqual(before, Store.Epoch);
    }

    [Fact]
    public async Task An_entry_that_fails_every_time_is_left_out_and_holds_up_nothing()
    {
        await BeginAsync();
        var lobby = new RoomScript("lobby");
        await AppendedAsync(lobby.Opening(messages: 4));

        await StartAsync(configure: follower => follower.Refuses = entry => entry.Event.Seq == 4);
        await HandledAsync(5);

        Assert.Equal(["lobby 1", "lobby 2", "lobby 3", "lobby 5", "lobby 6"], await RowsAsync());
    }

    [Fact]
    public async Task Who_asks_before_the_store_can_be_used_waits_for_it()
    {
        await BeginAsync();
        var ready = new TaskCompletionSource();
        using var hints = new FeedHints(Bus, Partitions(), TimeProvider.System, new Messages.Partitions.OwnedPartitions(Partitions(), TimeProvider.System));
        using var gate = new ReadGate(Options.Create(new ReadOptions()));
        var reader = new FeedReader(Store, () => ready.Task, gate, hints);

        var reading = reader.ReadAsync(new ReadFeedRequest { Limit = 1, Partitions = { new FollowedPartition { Partition = 0 } } }, Deadline);
        Assert.False(reading.IsCompleted);
        ready.SetResult();

        Assert.Single((await reading).Pages);
    }

    [Fact]
    public async Task Replies_are_bounded_in_bytes_whatever_the_partitions_hold()
    {
        await BeginAsync();
        var (lobby, other) = (new RoomScript("lobby"), new RoomScript("other"));
        await AppendedAsync(lobby.Created());
        var one = await Store.TakePartitionAsync(1, nowMs: 1, Deadline);
        Assert.Equal([AppendOutcome.Appended], await Store.AppendAsync([new RoomAppend(1, "other", one, [other.Created().Entry])], Deadline));
        foreach (var size in (int[])[600_000, 1_100_000, 500_000, 100_000])
        {
            await AppendedAsync(lobby.Said("ana", $"m{size}", new string('x', size)));
        }

        using var hints = new FeedHints(Bus, Partitions(), TimeProvider.System, new Messages.Partitions.OwnedPartitions(Partitions(), TimeProvider.System));
        using var gate = new ReadGate(Options.Create(new ReadOptions()));
        var reader = new FeedReader(Store, () => Task.CompletedTask, gate, hints);
        var request = new ReadFeedRequest { Limit = 1_000, Partitions = { new FollowedPartition { Partition = 0 }, new FollowedPartition { Partition = 1 } } };
        List<string> read = [];
        ReadFeedReply reply;
        do
        {
            reply = await reader.ReadAsync(request, Deadline);
            Assert.InRange(reply.CalculateSize(), 0, 1_200_000);
            Assert.Equal([0U, 1U], reply.Pages.Select(page => page.Partition));
            read.Add(string.Join(" | ", reply.Pages.Select(page => $"{string.Join(' ', page.Entries.Select(entry => $"{entry.RoomId}:{entry.Event.Seq}"))}{(page.HasMore ? " …" : "")}")));
            foreach (var (followed, page) in request.Partitions.Zip(reply.Pages))
            {
                (followed.From, followed.Epoch) = (page.Next, page.Epoch);
            }

            if (read.Count == 1)
            {
                Assert.Equal([AppendOutcome.Appended], await Store.AppendAsync([new RoomAppend(1, "other", one, [other.Joined("bruno").Entry])], Deadline));
            }
        }
        while (reply.Pages.Any(page => page.HasMore));

        Assert.Equal(["lobby:1 lobby:2 … | other:1", "lobby:3 … |  …", "lobby:4 lobby:5 | other:2"], read);
    }

    public override async Task DisposeAsync()
    {
        foreach (var follower in _followers)
        {
            await follower.StopAsync();
        }

        if (_dialect is not null)
        {
            await _dialect.DisposeAsync();
        }

        await _services.DisposeAsync();
        await base.DisposeAsync();
    }

    private static IOptions<LiveBusOptions> Partitions() => Options.Create(new LiveBusOptions { Partitions = 2 });

    private async Task BeginAsync() => await Migrations.UpdateAsync(_dialect = _open());

    private Task<bool> MoveAsync(FeedBatch page) => _dialect.WriteAsync(command => new FeedMarks(_dialect, Table, "rows").MoveAsync(command, page));

    private async Task<Follower> StartAsync(FeedHints? hints = null, Action<Follower>? configure = null, bool alone = false)
    {
        var follower = new Follower(_dialect, Store, Bus, _services, hints, alone);
        configure?.Invoke(follower);
        _followers.Add(follower);
        await follower.StartAsync();
        return follower;
    }

    private async Task HandledAsync(int count)
    {
        var deadline = Deadline;
        while ((await RowsAsync()).Count < count)
        {
            Assert.False(deadline.IsCancellationRequested, $"{count} entries are handled; instead {string.Join(", ", await RowsAsync())}");
        }
    }

    private async Task<List<string>> RowsAsync()
    {
        await using var connection = await _dialect.OpenAsync();
        await using var command = connection.CreateCommand("select room_id, seq, times from followed_rows order by room_id, seq");
        await using var reader = await command.ExecuteReaderAsync(CancellationToken.None);
        List<string> rows = [];
        while (await reader.ReadAsync(CancellationToken.None))
        {
            rows.Add($"{reader.GetString(0)} {reader.GetInt64(1)}{(reader.GetInt32(2) > 1 ? $" x{reader.GetInt32(2)}" : "")}");
        }

        return rows;
    }

    /// <summary>The process is gone at this moment, as far as its follower can tell.</summary>
    private sealed class DiedException : Exception;

    /// <summary>A follower that notes every entry under a key of its own: its room and its seq.</summary>
    private sealed class Follower : IFeedHandler, IFeedSource
    {
        private readonly ISqlDialect _dialect;
        private readonly FeedMarks _marks;
        private readonly FeedReader _reader;
        private readonly ReadGate _gate = new(Options.Create(new ReadOptions()));
        private readonly FeedFollower _follower;
        private readonly Replicas _replicas;
        private int _reads;
        private int _rest;
        private int _handled;

        public Follower(ISqlDialect dialect, IMessageStore store, ILiveBus bus, IServiceProvider services, FeedHints? hints, bool alone)
        {
            var id = Guid.NewGuid().ToString("N");
            (_dialect, _marks) = (dialect, new FeedMarks(dialect, Table, "rows"));
            _reader = new FeedReader(
                store, () => Task.CompletedTask, _gate, hints ?? new FeedHints(bus, Partitions(), TimeProvider.System, new Messages.Partitions.OwnedPartitions(Partitions(), TimeProvider.System)));
            _replicas = new Replicas(bus, alone ? $"rows-{id}" : "rows", id, TimeProvider.System);
            _follower = new FeedFollower(
                "rows", partitions: 2, () => Task.CompletedTask, this, this, FeedPace.Prompt, _replicas, bus, id, TimeProvider.System, NullLogger<FeedFollower>.Instance);
        }

        public TaskCompletionSource Died { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Action? BeforeCommit { get; set; }

        public Action? AfterCommit { get; set; }

        public Func<FollowedEntry, bool> Refuses { get; set; } = _ => false;

        public Func<FollowedEntry, bool> PassesBy { get; set; } = _ => false;

        /// <summary>Batches without entries that the handler has to be given, of the first partition.</summary>
        public int Rest
        {
            get => Volatile.Read(ref _rest);
            set => Volatile.Write(ref _rest, value);
        }

        public int Reads => Volatile.Read(ref _reads);

        public int Handled => Volatile.Read(ref _handled);

        public async Task StartAsync()
        {
            await _replicas.StartAsync(CancellationToken.None);
            await _follower.StartAsync(CancellationToken.None);
        }

        public async Task StopAsync()
        {
            await _follower.StopAsync(CancellationToken.None);
            await _replicas.StopAsync(CancellationToken.None);
        }

        public async Task<ReadFeedReply> ReadAsync(ReadFeedRequest request, CancellationToken cancellationToken)
        {
            if (Died.Task.IsCompleted)
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken); // Dead.
            }

            var reply = await _reader.ReadAsync(request, cancellationToken);
            Interlocked.Increment(ref _reads);
            return reply;
        }

        public Task<FeedMark> OpenAsync(int partition, CancellationToken cancellationToken) => _marks.ReadAsync(partition, cancellationToken);

        public bool HasRest(int partition) => partition == 0 && Rest > 0;

        public async Task<FeedOutcome[]> HandleAsync(IReadOnlyList<FeedBatch> batches, CancellationToken cancellationToken)
        {
            if (batches.Any(batch => batch.From == batch.To))
            {
                Interlocked.Decrement(ref _rest);
            }

            if (batches.SelectMany(batch => batch.Entries).Any(Refuses))
            {
                throw new InvalidOperationException("cannot handle it");
            }

            FeedOutcome[] outcomes = [.. batches.Select(_ => FeedOutcome.Nothing)];
            if (batches.All(batch => batch.MayWait && batch.Entries.All(PassesBy)))
            {
                return outcomes;
            }

            await _dialect.TryAsync(() => _dialect.WriteAsync(async command =>
            {
                for (var i = 0; i < outcomes.Length; i++)
                {
                    outcomes[i] = await WriteAsync(command, batches[i]) ? FeedOutcome.Stored : FeedOutcome.Lost;
                }

                Die(BeforeCommit);
                return outcomes;
            }), cancellationToken);
            Interlocked.Add(ref _handled, batches.Where((_, i) => outcomes[i] == FeedOutcome.Stored).Sum(batch => batch.Entries.Count));
            Die(AfterCommit);
            return outcomes;
        }

        private async Task<bool> WriteAsync(DbCommand command, FeedBatch batch)
        {
            if (!await _marks.MoveAsync(command, batch))
            {
                return false;
            }

            foreach (var entry in batch.Entries)
            {
                command.CommandText = """
                    insert into followed_rows (room_id, seq, times) values (@room, @seq, 1)
                    on conflict (room_id, seq) do update set times = followed_rows.times + 1
                    """;
                command.Parameters.Add(command.Parameter("room", entry.RoomId));
                command.Parameters.Add(command.Parameter("seq", entry.Event.Seq));
                await command.ExecuteNonQueryAsync(CancellationToken.None);
                command.Parameters.Clear();
            }

            return true;
        }

        private void Die(Action? hook)
        {
            try
            {
                hook?.Invoke();
            }
            catch (DiedException)
            {
                Died.TrySetResult();
                throw;
            }
        }
    }
}
