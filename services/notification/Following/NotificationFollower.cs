using Grpc.Core;
using Microsoft.Extensions.Options;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Feed;
using Tertulia.Notifications.Inbox;
using Tertulia.Notifications.Preferences;
using Tertulia.Notifications.Storage;
using Tertulia.Notifications.Threads;
using Tertulia.Sql;

namespace Tertulia.Notifications.Following;

/// <summary>Turns what is appended to rooms into notifications: what is decided, what is known of the rooms and how far it came are one round.</summary>
/// <remarks>Of what concerns many, most are told in later rounds, a part in each: what comes behind it does not wait. A part is told by who has the
/// partition's mark, in one round with its end, so that it is told once, and what an entry takes back is not told by a part after it.</remarks>
internal sealed partial class NotificationFollower(
    NotificationStore store, InboxStore inbox, InboxNews news, PresenceService.PresenceServiceClient presence, IOptions<InboxOptions> options,
    TimeProvider time,
    ILogger<NotificationFollower> logger) : IFeedHandler
{
    private const int AtOnce = 500; // Users who are told in a round of what concerns many.
    private const int Attempts = 3; // Of a part, before it is left out.
    private const int MaxLocated = 1_000;
    private static readonly TimeSpan PresencePatience = TimeSpan.FromSeconds(2);

    private readonly SortedSet<int> _resting = []; // Partitions with parts that are told later.
    private int _lastRest = -1;
    private int _failures;

    /// <inheritdoc />
    public async Task<FeedMark> OpenAsync(int partition, CancellationToken cancellationToken)
    {
        SetRest(partition, await store.ReadAsync(round => round.Later.NextAsync(partition), cancellationToken) is not null);
        return await store.ReadMarkAsync(NotificationServiceSetup.Service, partition, cancellationToken);
    }

    /// <inheritdoc />
    public bool HasRest(int partition) => _resting.Contains(partition);

    /// <inheritdoc />
    public async Task<FeedOutcome[]> HandleAsync(IReadOnlyList<FeedBatch> batches, CancellationToken cancellationToken)
    {
        var outcomes = await HandleEntriesAsync(batches, cancellationToken);
        var resting = batches.Zip(outcomes).Where(one => one.Second != FeedOutcome.Lost && HasRest(one.First.Partition)).ToArray();
        if (resting.Length > 0)
        {
            // In turn: a partition with many parts holds up no other.
            var (batch, outcome) = resting.FirstOrDefault(one => one.First.Partition > _lastRest, resting[0]);
            _lastRest = batch.Partition;
            await GoOnAsync(batch.Partition, outcome == FeedOutcome.Stored ? batch.To : batch.From, cancellationToken);
        }

        return outcomes;
    }

    private async Task<FeedOutcome[]> HandleEntriesAsync(IReadOnlyList<FeedBatch> batches, CancellationToken cancellationToken)
    {
        var outcomes = new FeedOutcome[batches.Count];
        var concerns = await ConcernsAsync(batches, cancellationToken);
        int[] written = [.. Enumerable.Range(0, batches.Count).Where(i => concerns[i])];
        for (var i = 0; i < outcomes.Length; i++)
        {
            outcomes[i] = batches[i].From == batches[i].To ? FeedOutcome.Stored : FeedOutcome.Nothing;
        }

        if (written.Length == 0)
        {
            return outcomes;
        }

        var here = new IReadOnlySet<string>?[batches.Count];
        foreach (var i in written)
        {
            here[i] = await HereAsync(batches[i], cancellationToken);
        }

        var all = await store.WriteAsync(
            async round =>
            {
                var all = new Outcome([], [], []);
                foreach (var i in written)
                {
                    var outcome = await WriteAsync(round, batches[i], here[i], AtOnce - all.Made.Count);
                    outcomes[i] = outcome is null ? FeedOutcome.Lost : FeedOutcome.Stored;
                    all.Made.AddRange(outcome?.Made ?? []);
                    all.Ended.AddRange(outcome?.Ended ?? []);
                    all.Resting.AddRange(outcome?.Resting ?? []);
                }

                return all;
            },
            cancellationToken);
        all.Resting.ForEach(partition => SetRest(partition, hasRest: true));
        inbox.OnCommitted();
        await news.TellAsync(all.Made, all.Ended, cancellationToken);
        return outcomes;
    }

    /// <summary>Which batches have to be written: most messages mention nobody, and are read and passed by.</summary>
    private async Task<bool[]> ConcernsAsync(IReadOnlyList<FeedBatch> batches, CancellationToken cancellationToken)
    {
        bool[] concerns = [.. batches.Select(batch => (!batch.MayWait && batch.From != batch.To) || batch.Entries.Any(entry =>
            DirectRooms.IsDirect(entry.RoomId) || EntryDecider.IsMoreThanText(entry.Event)))];
        FollowedEntry[] open = [.. batches.Where((_, i) => !concerns[i]).SelectMany(batch => batch.Entries)];
        if (open.Length == 0)
        {
            return concerns;
        }

        var keywords = await store.ReadAsync(round => round.Preferences.KeywordsInAsync(() => WordsOf(open)), cancellationToken);
        for (var i = 0; i < concerns.Length && keywords.Count > 0; i++)
        {
            concerns[i] = concerns[i] || batches[i].Entries.Any(entry => Words.Of(entry.Event.Message.Content).Any(keywords.Contains));
        }

        return concerns;
    }

    private static HashSet<string> WordsOf(IEnumerable<FollowedEntry> entries) =>
        entries.Select(entry => ContentOf(entry.Event)).OfType<string>().SelectMany(Words.Of).ToHashSet(StringComparer.Ordinal);

    /// <returns>Null when another follower has the partition.</returns>
    private async Task<Outcome?> WriteAsync(IRound round, FeedBatch batch, IReadOnlySet<string>? here, int atOnce)
    {
        if (!await round.MoveMarkAsync(NotificationServiceSetup.Service, batch))
        {
            return null;
        }

        var facts = new RoomFacts(round.Facts, batch.Partition);
        var threads = new ThreadFacts(round.Threads, batch.Partition);
        if (batch.IsOfAnotherEpoch)
        {
            await facts.ForgetAsync();
        }

        var outcome = new Outcome([], [], []);
        if (batch.Entries.Count == 0)
        {
            return outcome;
        }

        await facts.LoadAsync(batch.Entries.Select(entry => entry.RoomId));
        var decider = new EntryDecider(facts, threads, round.Later, options.Value, await round.Preferences.KeywordsAsync(WordsOf(batch.Entries)), here, time.GetUtcNow());
        List<Wanted> wanted = [];
        foreach (var entry in batch.Entries)
        {
            // What is gone, and what this batch has decided of it does not come into being.
            await EndAsync(round, facts, threads, entry, wanted, outcome.Ended);
            if (entry.Event.BodyCase == RoomEvent.BodyOneofCase.Edited)
            {
                var (revision, mentioned) = await decider.OnEditAsync(entry.RoomId, entry.Event);
                outcome.Ended.AddRange(await ReviseAsync(round, revision, wanted));
                wanted.AddRange(mentioned);
            }
            else
            {
                wanted.AddRange(await DecideAsync(facts, threads, decider, entry.RoomId, entry.Event));
            }
        }

        var (now, later) = LaterPart.Divide(wanted, atOnce, batch.Partition);
        if (now.Count > 0)
        {
            outcome.Made.AddRange(await inbox.AddAsync(round, now));
        }

        await round.Later.PutAsync(later);
        if (later.Count > 0 || decider.HasRest)
        {
            outcome.Resting.Add(batch.Partition);
        }

        return outcome;
    }

    /// <summary>Tells one part of what waits in a partition. Should it fail every time, it is left out: a bug of one holds up no other.</summary>
    private async Task GoOnAsync(int partition, FeedMark mark, CancellationToken cancellationToken)
    {
        try
        {
            var isLeftOut = _failures >= Attempts;
            var (made, hasRest) = await store.WriteAsync(round => TellPartAsync(round, partition, mark, isLeftOut), cancellationToken);
            _failures = 0;
            SetRest(partition, hasRest);
            inbox.OnCommitted();
            await news.TellAsync(made, [], cancellationToken);
        }
        catch (Exception exception) when (exception is not (StoreUnavailableException or RpcException) && !cancellationToken.IsCancellationRequested)
        {
            _failures++;
            LogFailed(exception, partition, _failures);
        }
    }

    private async Task<(List<Made> Made, bool HasRest)> TellPartAsync(IRound round, int partition, FeedMark mark, bool isLeftOut)
    {
        var isMine = await round.MoveMarkAsync(NotificationServiceSetup.Service, new FeedBatch(partition, mark, mark, []));
        if (!isMine || await round.Later.NextAsync(partition) is not { } part)
        {
            return ([], HasRest: false);
        }

        var (facts, threads) = (new RoomFacts(round.Facts, partition), new ThreadFacts(round.Threads, partition));
        var next = part.Rest is { } rest ? await facts.MembersAsync(part.Item.RoomId, rest.After, LaterPart.MaxUsers) : [];
        await (part.Rest is not null && part.Behind(next) is { } behind ? round.Later.ReplaceAsync(behind) : round.Later.RemoveAsync(part));
        if (isLeftOut)
        {
            return ([], HasRest: true);
        }

        var readers = await threads.ReadersOfReplyAsync(part.Item.RoomId, part.Item.Seq);
        var wanted = part.Rest is not null ? part.WantedOfRest(next, readers)
            : part.Wanted(await facts.MembersOfAsync(part.Item.RoomId, [.. part.Users.Select(user => user.UserId)]), readers);
        return (wanted.Count > 0 ? await inbox.AddAsync(round, wanted) : [], HasRest: true);
    }

    private void SetRest(int partition, bool hasRest) => _ = hasRest ? _resting.Add(partition) : _resting.Remove(partition);

    /// <summary>Removes what nobody is to be told any more, or not this user.</summary>
    private async Task EndAsync(IRound round, RoomFacts facts, ThreadFacts threads, FollowedEntry followed, List<Wanted> wanted, List<Ended> ended)
    {
        var (roomId, entry) = (followed.RoomId, followed.Event);
        switch (entry.BodyCase)
        {
            case RoomEvent.BodyOneofCase.Deleted:
                wanted.RemoveAll(one => one.Item.MessageId == entry.Deleted.MessageId);
                await round.Later.RemoveOfMessageAsync(entry.Deleted.MessageId);
                ended.AddRange(await inbox.RemoveAsync(round, entry.Deleted.MessageId));
                await threads.RemoveAsync(roomId, entry.Deleted);
                break;
            case RoomEvent.BodyOneofCase.RoomDeleted:
                wanted.RemoveAll(one => one.Item.RoomId == roomId);
                await round.Later.RemoveOfRoomAsync(roomId, long.MaxValue);
                ended.AddRange(await inbox.RemoveOfRoomAsync(round, new RoomItems(roomId)));
                break;
            case RoomEvent.BodyOneofCase.Trimmed:
                wanted.RemoveAll(one => one.Item.RoomId == roomId && one.Item.Seq < entry.Trimmed.FirstSeq);
                await round.Later.RemoveOfRoomAsync(roomId, entry.Trimmed.FirstSeq);
                ended.AddRange(await inbox.RemoveOfRoomAsync(round, new RoomItems(roomId, BeforeSeq: entry.Trimmed.FirstSeq)));
                await threads.TrimAsync(roomId, entry.Trimmed.FirstSeq);
                break;
            case RoomEvent.BodyOneofCase.Member when IsShutOut(entry.Member, facts.KindOf(roomId)):
                wanted.RemoveAll(one => one.UserId == entry.Member.UserId && one.Item.RoomId == roomId);
                ended.AddRange(await inbox.RemoveOfRoomAsync(round, new RoomItems(roomId, [entry.Member.UserId], entry.Seq)));
                break;
            case RoomEvent.BodyOneofCase.RoomUpdated when LetsAnyoneIn(facts.KindOf(roomId)) && !LetsAnyoneIn(entry.RoomUpdated.Settings is { Kind: { Length: > 0 } kind } ? kind : "open"):
                await ShutStrangersOutAsync(round, facts, threads, roomId, wanted, ended);
                break;
        }
    }

    /// <summary>A room lets in its members only from now on: who is none has nothing of it any more, but for an invitation.</summary>
    private async Task ShutStrangersOutAsync(IRound round, RoomFacts facts, ThreadFacts threads, string roomId, List<Wanted> wanted, List<Ended> ended)
    {
        var users = await InboxStore.UsersOfRoomAsync(round, roomId);
        users.UnionWith(wanted.Where(one => one.Item.RoomId == roomId).Select(one => one.UserId));
        users.ExceptWith(await facts.MembersOfAsync(roomId, users));
        if (users.Count > 0)
        {
            wanted.RemoveAll(one => one.Item.RoomId == roomId && users.Contains(one.UserId) && one.Item.Kind != NotificationKinds.Invitation);
            await threads.RemoveUsersAsync(roomId, users);
            ended.AddRange(await inbox.RemoveOfRoomAsync(round, new RoomItems(roomId, users) { WithoutInvitations = true }));
        }
    }

    /// <summary>A message says something else: what this batch has decided of it, and what was told of it before.</summary>
    private async Task<List<Ended>> ReviseAsync(IRound round, Revision revision, List<Wanted> wanted)
    {
        foreach (var part in await round.Later.OfEventAsync(revision.EventId, revision.MessageId))
        {
            await (part.Revised(revision) is { } revised ? round.Later.PutAsync([revised]) : round.Later.RemoveAsync(part));
        }

        for (var i = wanted.Count - 1; i >= 0; i--)
        {
            if (wanted[i].EventId == revision.EventId)
            {
                wanted[i].Item.Body = revision.Body;
                wanted[i].Item.Kind = revision.KindNow(wanted[i].UserId, wanted[i].Item.Kind, wanted[i].Otherwise);
            }
        }

        wanted.RemoveAll(one => one.Item.Kind.Length == 0);
        return await inbox.ReviseAsync(round, revision);
    }

    // Who is banned, and who is not in a room that does not let everyone in, cannot read what the room says: neither here. Who is invited is told of that.
    private static bool IsShutOut(MemberChanged member, string kind) =>
        member.Banned || member.Erased || (member is { Role.Length: 0, InvitedBy.Length: 0 } && !LetsAnyoneIn(kind));

    private static bool LetsAnyoneIn(string kind) => kind is "open" or "auditorium";

    private static async Task<List<Wanted>> DecideAsync(RoomFacts facts, ThreadFacts threads, EntryDecider decider, string roomId, RoomEvent entry)
    {
        switch (entry.BodyCase)
        {
            case RoomEvent.BodyOneofCase.Message:
                return await decider.OnMessageAsync(roomId, entry);
            case RoomEvent.BodyOneofCase.Reaction:
                return await decider.OnReactionAsync(roomId, entry);
            case RoomEvent.BodyOneofCase.Room:
                await facts.SetRoomAsync(roomId, entry.Room.Kind, entry.Room.Settings?.Name, entry.Seq);
                return [];
            case RoomEvent.BodyOneofCase.RoomUpdated:
                await facts.SetRoomAsync(roomId, entry.RoomUpdated.Settings is { Kind: { Length: > 0 } kind } ? kind : null,
                    entry.RoomUpdated.Settings?.Name, entry.Seq);
                return [];
            case RoomEvent.BodyOneofCase.RoomDeleted:
                await facts.RemoveRoomAsync(roomId);
                await threads.RemoveRoomAsync(roomId);
                return [];
            case RoomEvent.BodyOneofCase.Member:
                var member = entry.Member;
                var isMember = member is { Role.Length: > 0, Banned: false };
                var isAdded = isMember && member.UserId != entry.UserId && await facts.RoleAsync(roomId, member.UserId) is null;
                await facts.SetMemberAsync(roomId, member, isMember, entry.Seq);
                if (!isMember)
                {
                    await threads.RemoveUsersAsync(roomId, [member.UserId]);
                }

                return (isAdded || member.Action == MemberAction.Invite) && facts.KindOf(roomId) != "direct" ? decider.OnInvitation(roomId, entry) : [];
            default:
                return [];
        }
    }

    /// <returns>Members of rooms that are mentioned by <c>@here</c> and are connected; null when none are mentioned so, or presence does not answer.</returns>
    private async Task<IReadOnlySet<string>?> HereAsync(FeedBatch batch, CancellationToken cancellationToken)
    {
        string[] rooms = [.. batch.Entries.Where(entry => ContentOf(entry.Event) is { } content && EntryDecider.MentionsHere(content))
            .Select(entry => entry.RoomId).Distinct(StringComparer.Ordinal)];
        if (rooms.Length == 0)
        {
            return null;
        }

        var asked = batch.Entries.Where(entry => entry.Event.BodyCase == RoomEvent.BodyOneofCase.Member && rooms.Contains(entry.RoomId, StringComparer.Ordinal))
            .Select(entry => entry.Event.Member.UserId).ToHashSet(StringComparer.Ordinal); // Not in the store yet.
        foreach (var roomId in rooms)
        {
            List<string> members;
            for (var after = ""; ; after = members[^1])
            {
                members = await store.ReadAsync(round => round.Facts.MembersAsync(roomId, after, EntryDecider.MaxMembers), cancellationToken);
                asked.UnionWith(members);
                if (members.Count < EntryDecider.MaxMembers)
                {
                    break;
                }
            }
        }

        var here = new HashSet<string>(StringComparer.Ordinal);
        try
        {
            foreach (var part in asked.Chunk(MaxLocated))
            {
                var reply = await presence.LocateUsersAsync(
                    new LocateUsersRequest { UserIds = { part } }, deadline: DateTime.UtcNow + PresencePatience, cancellationToken: cancellationToken);
                here.UnionWith(reply.Users.Select(user => user.UserId));
            }
        }
        catch (RpcException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }

        return here;
    }

    private static string? ContentOf(RoomEvent entry) => entry.BodyCase switch
    {
        RoomEvent.BodyOneofCase.Message => entry.Message.Content,
        RoomEvent.BodyOneofCase.Edited => entry.Edited.Content,
        _ => null,
    };

    [LoggerMessage(Level = LogLevel.Error, Message = "Partition {Partition}: a part of those whom an entry concerns could not be told, attempt {Attempt}; it is left out in the end")]
    private partial void LogFailed(Exception exception, int partition, int attempt);

    /// <param name="Made">New notifications.</param>
    /// <param name="Ended">Those that are gone.</param>
    /// <param name="Resting">Partitions in which more is told later.</param>
    private sealed record Outcome(List<Made> Made, List<Ended> Ended, List<int> Resting);
}
