using Grpc.Core;
using Microsoft.Extensions.Options;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Feed;
using Tertulia.Notifications.Inbox;
using Tertulia.Notifications.Storage;
using Tertulia.Notifications.Threads;

namespace Tertulia.Notifications.Following;

/// <summary>Turns what is appended to rooms into notifications: what is decided, what is known of the rooms and how far it came are one round.</summary>
internal sealed class NotificationFollower(
    NotificationStore store, InboxStore inbox, InboxNews news, PresenceService.PresenceServiceClient presence, IOptions<InboxOptions> options, TimeProvider time) : IFeedHandler
{
    private const int MaxLocated = 1_000;
    private static readonly TimeSpan PresencePatience = TimeSpan.FromSeconds(2);

    /// <inheritdoc />
    public Task<FeedMark> OpenAsync(int partition, CancellationToken cancellationToken) =>
        store.ReadMarkAsync(NotificationServiceSetup.Service, partition, cancellationToken);

    /// <inheritdoc />
    public async Task<FeedOutcome[]> HandleAsync(IReadOnlyList<FeedBatch> batches, CancellationToken cancellationToken)
    {
        var outcomes = new FeedOutcome[batches.Count];
        var concerns = await ConcernsAsync(batches, cancellationToken);
        int[] written = [.. Enumerable.Range(0, batches.Count).Where(i => concerns[i])];
        for (var i = 0; i < outcomes.Length; i++)
        {
            outcomes[i] = FeedOutcome.Nothing;
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
                var all = new Outcome([], []);
                foreach (var i in written)
                {
                    var outcome = await WriteAsync(round, batches[i], here[i]);
                    outcomes[i] = outcome is null ? FeedOutcome.Lost : FeedOutcome.Stored;
                    all.Made.AddRange(outcome?.Made ?? []);
                    all.Ended.AddRange(outcome?.Ended ?? []);
                }

                return all;
            },
            cancellationToken);
        inbox.OnCommitted();
        await news.TellAsync(all.Made, all.Ended, cancellationToken);
        return outcomes;
    }

    /// <summary>Which batches have to be written: most messages mention nobody, and are read and passed by.</summary>
    private async Task<bool[]> ConcernsAsync(IReadOnlyList<FeedBatch> batches, CancellationToken cancellationToken)
    {
        bool[] concerns = [.. batches.Select(batch => !batch.MayWait || batch.Entries.Any(entry => DirectRooms.IsDirect(entry.RoomId) || EntryDecider.IsMoreThanText(entry.Event)))];
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
    private async Task<Outcome?> WriteAsync(IRound round, FeedBatch batch, IReadOnlySet<string>? here)
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

        var outcome = new Outcome([], []);
        if (batch.Entries.Count == 0)
        {
            return outcome;
        }

        await facts.LoadAsync(batch.Entries.Select(entry => entry.RoomId));
        var decider = new EntryDecider(facts, threads, options.Value, await round.Preferences.KeywordsAsync(WordsOf(batch.Entries)), here, time.GetUtcNow());
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

        if (wanted.Count > 0)
        {
            outcome.Made.AddRange(await inbox.AddAsync(round, wanted));
        }

        return outcome;
    }

    /// <summary>Removes what nobody is to be told any more, or not this user.</summary>
    private async Task EndAsync(IRound round, RoomFacts facts, ThreadFacts threads, FollowedEntry followed, List<Wanted> wanted, List<Ended> ended)
    {
        var (roomId, entry) = (followed.RoomId, followed.Event);
        switch (entry.BodyCase)
        {
            case RoomEvent.BodyOneofCase.Deleted:
                wanted.RemoveAll(one => one.Item.MessageId == entry.Deleted.MessageId);
                ended.AddRange(await inbox.RemoveAsync(round, entry.Deleted.MessageId));
                await threads.RemoveAsync(roomId, entry.Deleted);
                break;
            case RoomEvent.BodyOneofCase.RoomDeleted:
                wanted.RemoveAll(one => one.Item.RoomId == roomId);
                ended.AddRange(await inbox.RemoveOfRoomAsync(round, roomId, "", long.MaxValue));
                break;
            case RoomEvent.BodyOneofCase.Trimmed:
                wanted.RemoveAll(one => one.Item.RoomId == roomId && one.Item.Seq < entry.Trimmed.FirstSeq);
                ended.AddRange(await inbox.RemoveOfRoomAsync(round, roomId, "", entry.Trimmed.FirstSeq));
                await threads.TrimAsync(roomId, entry.Trimmed.FirstSeq);
                break;
            case RoomEvent.BodyOneofCase.Member when IsShutOut(entry.Member, facts.KindOf(roomId)):
                wanted.RemoveAll(one => one.UserId == entry.Member.UserId && one.Item.RoomId == roomId);
                ended.AddRange(await inbox.RemoveOfRoomAsync(round, roomId, entry.Member.UserId, entry.Seq));
                break;
        }
    }

    /// <summary>A message says something else: what this batch has decided of it, and what was told of it before.</summary>
    private Task<List<Ended>> ReviseAsync(IRound round, Revision revision, List<Wanted> wanted)
    {
        for (var i = wanted.Count - 1; i >= 0; i--)
        {
            if (wanted[i].EventId == revision.EventId)
            {
                wanted[i].Item.Body = revision.Body;
                wanted[i].Item.Kind = revision.KindNow(wanted[i].UserId, wanted[i].Item.Kind, wanted[i].Otherwise);
            }
        }

        wanted.RemoveAll(one => one.Item.Kind.Length == 0);
        return inbox.ReviseAsync(round, revision);
    }

    // Who is banned, and who is not in a room that does not let everyone in, cannot read what the room says: neither here. Who is invited is told of that.
    private static bool IsShutOut(MemberChanged member, string kind) =>
        member.Banned || member.Erased || (member is { Role.Length: 0, InvitedBy.Length: 0 } && kind is not ("open" or "auditorium"));

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
                await facts.SetRoomAsync(roomId, entry.RoomUpdated.Settings is { Kind: { Length: > 0 } kind } ? kind : null, entry.RoomUpdated.Settings?.Name, entry.Seq);
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
                    await threads.RemoveUserAsync(roomId, member.UserId);
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
            asked.UnionWith(await store.ReadAsync(round => round.Facts.MembersAsync(roomId, EntryDecider.MaxUsers), cancellationToken));
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

    private sealed record Outcome(List<Made> Made, List<Ended> Ended);
}
