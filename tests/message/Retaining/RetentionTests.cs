using System.Text;
using Google.Protobuf;
using Microsoft.Extensions.Time.Testing;
using Tertulia.Contracts;
using Tertulia.Messages.History;
using Tertulia.Messages.Searching;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Threads;
using Tertulia.Testing;

namespace Tertulia.Messages.Tests.Retaining;

/// <summary>A room keeps messages for as long as it says: then nobody is shown them, and what they said is gone, whoever owns the room by then.</summary>
public sealed class RetentionTests : IAsyncLifetime
{
    private static readonly Dictionary<string, string?> Settings = new() { ["Messages:Retention:StepEntries"] = "10", ["Messages:Retention:Interval"] = "00:00:01" };

    private readonly Backbone _backbone = new();
    private readonly LaterTime _time = new();
    private MessageReplica _replica = null!;
    private TestNode _node = null!;

    public async Task InitializeAsync()
    {
        _replica = await MessageReplica.StartAsync(_backbone, _time, Settings);
        _node = await _backbone.NodeAsync("node-1");
        await _node.AskAsync(Commands.Join("lobby", "ana"));
        await _node.AskAsync(Commands.Join("lobby", "bruno"));
        await _node.SubmitAsync(Commands.Update("lobby", "ana", new UpdateRoom { RetentionDays = 7 }));
        await _node.EventsAsync("lobby", 4, 4);
    }

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        await _replica.DisposeAsync();
        await _backbone.DisposeAsync();
    }

    [Fact]
    public async Task What_is_older_is_told_to_be_gone_and_is_gone_from_all_that_is_read()
    {
        var root = await SayAsync(Commands.Send("lobby", "ana", "old secret", "k5"), 5);
        await _node.SubmitAsync(Commands.Pin("lobby", "ana", root.Send.MessageId));
        await _node.EventsAsync("lobby", 6, 6);
        _time.Later(TimeSpan.FromDays(6));
        await SayAsync(Commands.Edit("lobby", "ana", root.Send.MessageId, "edited secret"), 7);
        var reply = await SayAsync(Commands.Reply("lobby", "bruno", "young", root.Send.MessageId), 8);

        Later(1);

        var expired = Assert.Single(await _node.EventsAsync("lobby", 9, 9));
        Assert.Equal(7, expired.Trimmed.FirstSeq);
        Assert.Equal(["young"], await HistoryAsync());
        var snapshot = await _replica.Get<Snapshots>().GetAsync(
            new GetSnapshotRequest { RoomId = "lobby", Actor = Commands.User("bruno"), Since = new Position { Epoch = _replica.Store.Epoch, Seq = 2 } }, default);
        Assert.Equal((true, 7L, "young"), (snapshot.Recovered, snapshot.FirstSeq, Assert.Single(snapshot.Messages).Content));
        Assert.Empty(await _replica.Store.CountPinsAsync(["lobby"], default));
        await Eventually.EqualsAsync(false, () => StoreSaysAsync("secret"));
        Assert.Equal(Enumerable.Range(1, 9).Select(seq => (long)seq), (await LogAsync("lobby")).Select(entry => entry.Seq));

        // A thread goes on whose root is gone, and what is sent again has its first result.
        await SayAsync(Commands.Reply("lobby", "bruno", "younger", reply.Send.MessageId), 10);
        var thread = await _replica.Get<ThreadPages>().GetAsync(
            new GetThreadRequest { RoomId = "lobby", Actor = Commands.User("ana"), RootId = reply.Send.MessageId, Limit = 10 }, default);
        Assert.Equal(("", "", true), (thread.Root.Content, thread.Root.DeletedBy, thread.Root.DeletedAtMs > 0));
        Assert.Equal(["young", "younger"], thread.Messages.Select(message => message.Content));
        var again = await _node.AskAsync(Commands.Send("lobby", "ana", "old secret", "k5"));
        Assert.Equal((true, 5L, root.Send.MessageId), (again.Stored.Duplicate, again.Stored.Seq, again.Stored.MessageId));
        Assert.Equal(ErrorCode.MessageNotFound, (await _node.AskAsync(Commands.Edit("lobby", "ana", root.Send.MessageId, "no"))).Refused.Code);
        Assert.Equal(ErrorCode.MessageNotFound, (await _node.AskAsync(Commands.React("lobby", "bruno", root.Send.MessageId, "👍"))).Refused.Code);
        Assert.Equal(["young", "younger"], await HistoryAsync());
    }

    [Fact]
    public async Task What_is_unread_does_not_count_what_is_gone()
    {
        for (var seq = 5; seq <= 7; seq++)
        {
            await SayAsync(Commands.Send("lobby", "ana", "old"), seq);
        }

        _time.Later(TimeSpan.FromDays(6));
        await SayAsync(Commands.Send("lobby", "ana", "young"), 8);
        Assert.Equal(4, await _replica.Get<IReadMarks>().CountUnreadAsync("bruno", default));

        Later(1);
        await _node.EventsAsync("lobby", 9, 9);

        Assert.Equal(1, await _replica.Get<IReadMarks>().CountUnreadAsync("bruno", default));
    }

    [Fact]
    public async Task Many_steps_are_made_and_the_next_owner_goes_on()
    {
        for (var seq = 5; seq <= 40; seq++)
        {
            await SayAsync(Commands.Send("lobby", "ana", $"old secret {seq}"), seq);
        }

        await _replica.DisposeAsync();
        _time.Later(TimeSpan.FromDays(8));
        _replica = await MessageReplica.StartAsync(_backbone, _time, Settings);
        await _node.AskAsync(Commands.Join("lobby", "ana")); // The new owner learns who holds the room.
        _time.Advance(TimeSpan.FromSeconds(2));

        var trims = await _node.EventsAsync("lobby", 41, 44);
        Assert.Equal([11L, 21L, 31L, 41L], trims.Select(entry => entry.Trimmed.FirstSeq));
        await Eventually.EqualsAsync(false, () => StoreSaysAsync("secret"));
        Assert.Empty(await HistoryAsync());
    }

    [Fact]
    public async Task What_was_removed_is_not_found()
    {
        var search = new SearchRequest { Actor = Commands.User("ana"), Query = "secret", Limit = 10 };
        await SayAsync(Commands.Send("lobby", "ana", "old secret"), 5);
        await Eventually.EqualsAsync(1, FoundAsync);

        Later(7);
        await _node.EventsAsync("lobby", 6, 6);

        Assert.Equal(0, await FoundAsync());

        async Task<int> FoundAsync()
        {
            _time.Advance(TimeSpan.FromMilliseconds(20)); // The follower looks once a second.
            return (await _replica.Get<MessageSearch>().FindAsync(search, default)).Items.Count;
        }
    }

    [Fact]
    public async Task Of_a_deleted_room_nothing_is_left_that_was_said()
    {
        for (var seq = 5; seq <= 30; seq++)
        {
            await SayAsync(Commands.Send("lobby", "ana", $"secret {seq}"), seq);
        }

        await _node.SubmitAsync(Commands.DeleteRoom("lobby", "ana"));
        await _node.EventsAsync("lobby", 31, 31);
        _time.Advance(TimeSpan.FromSeconds(2));

        await Eventually.EqualsAsync(false, () => StoreSaysAsync("secret"));
        Assert.Equal(31, (await LogAsync("lobby")).Count);
        await Eventually.EqualsAsync(0, async () => (await _replica.Get<MessageDatabase>().Retention.ListAsync("", 10, default)).Items.Count);
    }

    private void Later(int days)
    {
        _time.Later(TimeSpan.FromDays(days) + TimeSpan.FromMinutes(1));
        _time.Advance(TimeSpan.FromSeconds(2)); // The job looks.
    }

    private async Task<Command> SayAsync(Command command, long seq)
    {
        await _node.SubmitAsync(command);
        await _node.EventsAsync("lobby", seq, seq);
        return command;
    }

    private async Task<List<string>> HistoryAsync()
    {
        var page = await _replica.Get<HistoryPages>().GetAsync(new GetHistoryRequest { RoomId = "lobby", Actor = Commands.User("ana"), Limit = 100 }, default);
        return [.. page.Messages.Select(message => message.Content)];
    }

    private async Task<List<RoomEvent>> LogAsync(string roomId) =>
        (await _replica.Store.ReadEventsAsync(roomId, 1, long.MaxValue, ReadLimit.Of(1_000), default))!.Events;

    private async Task<bool> StoreSaysAsync(string text) =>
        Encoding.UTF8.GetString((await LogAsync("lobby")).SelectMany(entry => entry.ToByteArray()).ToArray()).Contains(text, StringComparison.Ordinal);

    /// <summary>A clock on which days pass without what runs every second having run a hundred thousand times.</summary>
    private sealed class LaterTime : TimeProvider
    {
        private readonly FakeTimeProvider _fake = new(DateTimeOffset.UtcNow);
        private TimeSpan _later;

        public override TimeZoneInfo LocalTimeZone => _fake.LocalTimeZone;

        public override long TimestampFrequency => _fake.TimestampFrequency;

        public void Later(TimeSpan time) => _later += time;

        public void Advance(TimeSpan time) => _fake.Advance(time);

        public override DateTimeOffset GetUtcNow() => _fake.GetUtcNow() + _later;

        public override long GetTimestamp() => _fake.GetTimestamp();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => _fake.CreateTimer(callback, state, dueTime, period);
    }
}
