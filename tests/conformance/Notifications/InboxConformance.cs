using Grpc.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Tertulia.Bus;
using Tertulia.Conformance.Stores;
using Tertulia.Contracts;
using Tertulia.Feed;
using Tertulia.Hosting;
using Tertulia.Messages.Tests;
using Tertulia.Notifications.Digests;
using Tertulia.Notifications.Explaining;
using Tertulia.Notifications.Following;
using Tertulia.Notifications.Inbox;
using Tertulia.Notifications.Preferences;
using Tertulia.Notifications.Privacy;
using Tertulia.Notifications.Storage;
using Tertulia.Notifications.Threads;

namespace Tertulia.Conformance.Notifications;

/// <summary>What becomes of a room's entries in the inboxes of its members.</summary>
public abstract partial class InboxConformance(NotificationDatabase database) : IAsyncLifetime
{
    private const int Partition = 3;

    private readonly FakeTimeProvider _time = new(DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_100_000));
    private readonly RoomScript _lobby = new("lobby");
    private readonly HashSet<string> _online = new(StringComparer.Ordinal);
    private readonly ServiceProvider _services = new ServiceCollection()
        .AddLogging()
        .AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection([new("Bus:Kind", "InProcess")]).Build())
        .AddSingleton(new ProcessIdentity("test"))
        .AddSingleton(TimeProvider.System)
        .AddLiveBus()
        .BuildServiceProvider();

    private NotificationStore _store = null!;
    private InboxStore _inbox = null!;
    private InboxNews _news = null!;
    private LateInboxes _late = null!;
    private InboxGrpc _grpc = null!;
    private readonly Breaks _breaks = new();
    private readonly InboxOptions _options = new() { RoomMentionMembers = 4 };
    private Func<NotificationFollower> _start = null!;
    private NotificationFollower _follower = null!;
    private FeedMark _mark = FeedMark.Start;

    /// <summary>A round that fails has written nothing, and no other sees a part of one. Without that, what several calls make of the same event at the same
    /// moment is told by each of them, as the one notification that it is.</summary>
    private protected virtual bool RoundsAreWhole => true;

    private static CancellationToken Deadline => new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token;

    public async Task InitializeAsync()
    {
        _store = await database.OpenAsync();
        await _store.InitializeAsync(Deadline);
        _inbox = new InboxStore(_store, [new WithheldItems(_store), _breaks], _time);
        var presence = new PresenceService.PresenceServiceClient(new Located(_online));
        var sender = new UserEventSender(_services.GetRequiredService<ILiveBus>(), presence, new ProcessIdentity("test"));
        _late = new LateInboxes(sender, _store, _time, NullLogger<LateInboxes>.Instance);
        var news = _news = new InboxNews(sender, _late, NullLogger<InboxNews>.Instance);
        _grpc = new InboxGrpc(
            _store, _inbox, news, new PreferenceStore(_store, _time), new NotificationTrails(_store), new FollowedThreads(_store, _inbox),
            Options.Create(new LiveBusOptions()), _time);
        _start = () => new NotificationFollower(
            _store, _inbox, news, presence, Options.Create(_options), _time, NullLogger<NotificationFollower>.Instance);
        _follower = _start();
        await FollowAsync(_lobby.Opening(messages: 0), [_lobby.Joined("bruno"), _lobby.Joined("carla"), _lobby.Joined("eva")]);
    }

    public async Task DisposeAsync()
    {
        _late.Dispose();
        await _store.DisposeAsync();
        await _services.DisposeAsync();
        await database.DropAsync();
    }

    [Fact]
    public async Task What_is_decided_again_is_there_once()
    {
        RoomEntry[] entries = [_lobby.Said("ana", "a", "@bruno"), _lobby.Said("ana", "b", "@bruno @carla")];
        await FollowAsync(entries);
        await FollowAsync(entries);
        await FollowAsync([Edit(_lobby.Said("ana", "e"), "id-ana-a", "@bruno @eva")]);

        Assert.Equal(["mention id-ana-a", "mention id-ana-b"], await KindsAsync("bruno"));
        Assert.Equal(["mention id-ana-a"], await KindsAsync("eva"));
        Assert.Equal((2, 2L), ((int)(await ReadAsync("bruno")).Unread, (await ReadAsync("bruno")).LastUseq));
    }

    [Fact]
    public async Task A_store_that_went_back_is_followed_anew_with_what_it_knows_now()
    {
        await FollowAsync([_lobby.Said("ana", "a", "@bruno")]);
        var lobby = new RoomScript("lobby");
        await FollowAsync("another", [.. lobby.Opening(messages: 0), lobby.Joined("carla"), lobby.Said("ana", "a", "@bruno"), lobby.Said("ana", "z", "@bruno @carla")]);

        Assert.Equal(["mention id-ana-a"], await KindsAsync("bruno")); // No member any more, as far as is known.
        Assert.Equal(["mention id-ana-z"], await KindsAsync("carla"));
    }

    [Fact]
    public async Task A_message_that_concerns_nobody_is_passed_by_without_a_write_and_the_mark_behind_it_is_stored_later()
    {
        var plain = Batch(_mark, _mark.Epoch, [_lobby.Said("ana", "a", "Hola")]);
        var mention = plain with { To = plain.To with { Flush = plain.To.Flush + 1 }, Entries = [new FollowedEntry { RoomId = "lobby", Event = _lobby.Said("ana", "b", "@bruno").Event }] };

        Assert.Equal([FeedOutcome.Nothing], await _follower.HandleAsync([plain], Deadline));
        Assert.Equal(_mark, await _follower.OpenAsync(Partition, Deadline));
        Assert.Equal([FeedOutcome.Stored], await _follower.HandleAsync([mention], Deadline));

        Assert.Equal(mention.To, await _follower.OpenAsync(Partition, Deadline));
        Assert.Equal(["mention id-ana-b"], await KindsAsync("bruno"));
    }

    [Fact]
    public async Task Of_two_followers_the_slower_one_writes_nothing()
    {
        var page = Batch(_mark, _mark.Epoch, [_lobby.Said("ana", "a", "@bruno")]);
        Assert.Equal([FeedOutcome.Stored], await _follower.HandleAsync([page], Deadline));
        Assert.Equal(
            [FeedOutcome.Lost],
            await _follower.HandleAsync([page with { Entries = [new FollowedEntry { RoomId = "lobby", Event = _lobby.Said("ana", "b", "@bruno").Event }] }], Deadline));

        Assert.Equal(["mention id-ana-a"], await KindsAsync("bruno"));
    }

    [Fact]
    public async Task What_is_old_when_it_is_decided_is_not_told()
    {
        _time.Advance(TimeSpan.FromDays(8));
        await FollowAsync([_lobby.Said("ana", "a", "@bruno")]);

        Assert.Empty(await InboxAsync("bruno"));
    }

    [Fact]
    public async Task A_round_that_died_halfway_is_done_again_and_leaves_one_of_each()
    {
        Wanted[] wanted =
        [
            new("ana", "s:1", new Notification { Kind = "server", Title = "one", CreatedAtMs = 1 }),
            new("ana", "s:2", new Notification { Kind = "server", Title = "two", CreatedAtMs = 1 }),
        ];
        await Assert.ThrowsAsync<InvalidOperationException>(() => _store.WriteAsync<bool>(
            async round =>
            {
                await _inbox.AddAsync(round, wanted);
                throw new InvalidOperationException("killed");
            },
            Deadline));

        var made = await _store.WriteAsync(round => _inbox.AddAsync(round, wanted), Deadline);
        var again = await _store.WriteAsync(round => _inbox.AddAsync(round, wanted), Deadline);

        Assert.Equal([("one", 1u), ("two", 2u)], made.Select(one => (one.Item.Title, one.Unread)));
        Assert.Empty(again);
        var inbox = await ReadAsync("ana");
        Assert.Equal((2u, made[1].Item.Useq), (inbox.Unread, inbox.LastUseq));
        Assert.Equal([made[1].Item, made[0].Item], inbox.Notifications);
    }

    [Fact]
    public async Task A_removal_that_died_halfway_is_done_again_and_told()
    {
        await FollowAsync([_lobby.Said("ana", "a", "@bruno"), _lobby.Said("ana", "b", "@bruno")]);
        await Assert.ThrowsAsync<InvalidOperationException>(() => _store.WriteAsync<bool>(
            async round =>
            {
                await _inbox.RemoveAsync(round, "id-ana-a");
                throw new InvalidOperationException("killed");
            },
            Deadline));

        var ended = Assert.Single(await _store.WriteAsync(round => _inbox.RemoveAsync(round, "id-ana-a"), Deadline));

        Assert.Equal(("bruno", 1u, 1), (ended.UserId, ended.What.Unread, ended.Items.Count));
        Assert.Equal(["mention id-ana-b"], await KindsAsync("bruno"));
        Assert.Empty(await _store.WriteAsync(round => _inbox.RemoveAsync(round, "id-ana-a"), Deadline));
    }

    [Fact]
    public async Task Users_who_are_told_by_several_replicas_at_once_have_each_number_once()
    {
        await Task.WhenAll(Enumerable.Range(0, 10).Select(i => _store.WriteAsync(
            round => _inbox.AddAsync(round, [new Wanted("ana", $"s:{i}", new Notification { Kind = "server", Title = $"{i}", CreatedAtMs = 1 })]), Deadline)));

        var inbox = await ReadAsync("ana");
        Assert.Equal(10u, inbox.Unread);
        Assert.Equal(10, inbox.Notifications.Select(one => one.Useq).Distinct().Count());
        Assert.Equal(10, inbox.Notifications.Select(one => one.Title).Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public async Task A_key_that_is_used_by_fifty_calls_at_once_notifies_each_user_once()
    {
        var request = new NotifyRequest { UserIds = { "ana", "bruno" }, Key = "k", Title = "once" };

        var replies = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Task.Run(() => _grpc.Notify(request, Call()))));

        Assert.InRange(replies.Sum(reply => reply.Notified), 2, RoundsAreWhole ? 2 : 100);
        foreach (var userId in request.UserIds)
        {
            var inbox = await ReadAsync(userId);
            Assert.Equal((1u, "once"), (inbox.Unread, Assert.Single(inbox.Notifications).Title));
            Assert.Equal(inbox.LastUseq, inbox.Notifications[0].Useq);
        }
    }

    private static RoomEntry Reply(RoomEntry said, string root, string answers, string of)
    {
        var message = said.Event.Message;
        (message.ThreadRoot, message.ReplyTo, message.ReplyToUserId) = (root, answers, of);
        return said;
    }

    private static RoomEntry Reaction(RoomEntry entry, string messageId, string author, string emoji, bool removed = false)
    {
        entry.Event.Reaction = new ReactionChanged { MessageId = messageId, AuthorId = author, Emoji = emoji, Removed = removed };
        return entry;
    }

    private static RoomEntry Edit(RoomEntry entry, string messageId, string content)
    {
        entry.Event.Edited = new MessageEdited { MessageId = messageId, Content = content, AuthorId = entry.Event.UserId };
        return entry;
    }

    private static RoomEntry Delete(RoomEntry entry, string messageId)
    {
        entry.Event.Deleted = new MessageDeleted { MessageId = messageId };
        return entry;
    }

    private static ServerCallContext Call() => new NoCall();

    private static FeedBatch Batch(FeedMark from, string epoch, IEnumerable<RoomEntry> entries) => new(
        Partition, from, new FeedMark(epoch.Length > 0 ? epoch : "one", from.OwnerEpoch, from.Flush + 1, 0),
        [.. entries.Select(entry => new FollowedEntry { RoomId = entry.RoomId, Event = entry.Event })]);

    private async Task FollowAsync(params IEnumerable<RoomEntry>[] batches)
    {
        foreach (var entries in batches)
        {
            await FollowAsync(_mark.Epoch, entries);
        }
    }

    private async Task FollowAsync(string epoch, IEnumerable<RoomEntry> entries)
    {
        var batch = Batch(_mark, epoch, entries);
        var outcomes = await _follower.HandleAsync([batch], Deadline);
        Assert.NotEqual([FeedOutcome.Lost], outcomes);
        _mark = outcomes is [FeedOutcome.Stored] ? batch.To : _mark; // It concerns nobody: the mark waits.
    }

    private Task SetAsync(string userId, NotificationPreferences preferences) =>
        _grpc.SetPreferences(new SetPreferencesRequest { UserId = userId, Preferences = preferences }, Call());

    private Task<NotificationsRead> MarkAsync(MarkReadRequest request) => _grpc.MarkRead(request, Call());

    private Task ReadRoomAsync(string userId, long seq) =>
        _grpc.MarkRoomsRead(new MarkRoomsReadRequest { Rooms = { new RoomRead { UserId = userId, RoomId = "lobby", Seq = seq } } }, Call());

    private Task<Inbox> ReadAsync(string userId, bool unreadOnly = false) =>
        _grpc.GetInbox(new GetInboxRequest { UserId = userId, Limit = 100, UnreadOnly = unreadOnly }, Call());

    private async Task<List<string>> InboxAsync(string userId) =>
        [.. (await ReadAsync(userId)).Notifications.Reverse().Select(one => $"{one.Useq} {one.Kind} {one.MessageId} {one.Title}: {one.Body}")];

    private async Task<List<string>> KindsAsync(string userId) => [.. (await ReadAsync(userId)).Notifications.Reverse().Select(one => $"{one.Kind} {one.MessageId}")];

    /// <summary>Presence as a test wants it.</summary>
    private sealed class Located(IReadOnlySet<string> online) : CallInvoker
    {
        public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
        {
            var asked = (LocateUsersRequest)(object)request;
            var reply = new LocateUsersReply { Users = { asked.UserIds.Where(online.Contains).Select(id => new UserNodes { UserId = id, NodeIds = { "n1" } }) } };
            return new((Task<TResponse>)(object)Task.FromResult(reply), Task.FromResult(new Metadata()), () => Status.DefaultSuccess, () => [], () => { });
        }

        public override TResponse BlockingUnaryCall<TRequest, TResponse>(Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
            throw new NotSupportedException();

        public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) => throw new NotSupportedException();

        public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options) => throw new NotSupportedException();

        public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options) => throw new NotSupportedException();
    }
}
