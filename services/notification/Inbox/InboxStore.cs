using Tertulia.Contracts;
using Tertulia.Notifications.Preferences;
using Tertulia.Notifications.Storage;

namespace Tertulia.Notifications.Inbox;

/// <summary>The users' inboxes: every change is part of a round.</summary>
internal sealed class InboxStore(NotificationStore store, IEnumerable<IInboxListener> listeners, TimeProvider time)
{
    private readonly IInboxListener[] _listeners = [.. listeners];

    /// <summary>Puts what is wanted into the inboxes of those who want it, have not read it, and do not have it yet.</summary>
    /// <returns>What is new, in the order in which it was wanted.</returns>
    public async Task<List<Made>> AddAsync(IRound round, IReadOnlyList<Wanted> wanted)
    {
        var now = time.GetUtcNow();
        var known = await round.Inbox.FindKnownAsync(wanted);
        var reads = await round.Inbox.FindReadsAsync(wanted);
        var preferences = await round.Preferences.FindAsync([.. wanted.Select(one => one.UserId).Distinct(StringComparer.Ordinal)]);
        List<Taken> taken = [];
        List<KeptOut> kept = [];
        foreach (var one in wanted)
        {
            var own = preferences.GetValueOrDefault(one.UserId);
            var hasRead = one.IsRead || (one.Item.Seq > 0 && reads.GetValueOrDefault((one.UserId, one.Item.RoomId)) >= one.Item.Seq);
            var verdict = hasRead ? new Verdict(null, Withheld.Read) : PreferenceRules.Decide(own, one.Item.Kind, one.Item.RoomId, one.Sound, now);
            if (verdict.Sound is not { } sound)
            {
                if (!known.Contains((one.UserId, one.EventId)))
                {
                    kept.Add(new KeptOut(one, verdict.Reason, own));
                }
            }
            else if (known.Add((one.UserId, one.EventId)))
            {
                taken.Add(new Taken(one, sound, own));
            }
        }

        if (kept.Count > 0)
        {
            foreach (var listener in _listeners)
            {
                await listener.OnKeptOutAsync(round, kept, now);
            }
        }

        if (taken.Count == 0)
        {
            return [];
        }

        var made = await round.Inbox.AddAsync(taken, now);
        foreach (var listener in _listeners)
        {
            await listener.OnMadeAsync(round, made, now);
        }

        return made;
    }

    /// <summary>Removes what is about a message that was deleted.</summary>
    public async Task<List<Ended>> RemoveAsync(IRound round, string messageId)
    {
        foreach (var listener in _listeners)
        {
            await listener.OnDeletedAsync(round, messageId);
        }

        return await EndAsync(round, await round.Inbox.RemoveOfMessageAsync(messageId), isRemoved: true, upToUseq: 0);
    }

    /// <summary>What was told of a message shows what it says now: what it said before is not kept, and is gone from the inboxes of those whom it does not
    /// concern any more.</summary>
    public async Task<List<Ended>> ReviseAsync(IRound round, Revision revision)
    {
        var told = await round.Inbox.ListOfEventAsync(revision.EventId, revision.MessageId);
        var changed = told.Select(item => (item.UserId, item.Kind, Now: revision.KindNow(item.UserId, item.Kind, item.Otherwise)))
            .Where(item => item.Now != item.Kind).ToList();
        var weaker = changed.Where(item => item.Now.Length > 0 && NotificationKinds.RankOf(item.Now) > NotificationKinds.RankOf(item.Kind))
            .Select(item => item.UserId).ToArray();
        var preferences = weaker.Length > 0 ? await round.Preferences.FindAsync(weaker) : [];
        var now = time.GetUtcNow();
        string[] gone = [.. changed.Where(item => item.Now.Length == 0 || !IsWanted(item.UserId, item.Now)).Select(item => item.UserId)];
        await round.Inbox.SetKindsAsync(
            revision.EventId, revision.MessageId,
            changed.ExceptBy(gone, item => item.UserId, StringComparer.Ordinal).ToDictionary(item => item.UserId, item => item.Now, StringComparer.Ordinal));
        var ended = gone.Length > 0 ? await round.Inbox.RemoveOfEventAsync(revision.EventId, revision.MessageId, gone) : [];
        var revised = told.Count > gone.Length ? await round.Inbox.ReviseAsync(revision.EventId, revision.MessageId, revision.Body) : [];
        foreach (var listener in _listeners)
        {
            await listener.OnRevisedAsync(round, revision, revised, gone);
        }

        return await EndAsync(round, ended, isRemoved: true, upToUseq: 0, isRetracted: true);

        // By its weaker reason it may be what its user does not want.
        bool IsWanted(string userId, string kind) => !preferences.TryGetValue(userId, out var own)
            || PreferenceRules.Decide(own, kind, revision.RoomId, sound: null, now).Reason is not (Withheld.KindOff or Withheld.Level);
    }

    /// <summary>Removes what users were told of a room.</summary>
    public async Task<List<Ended>> RemoveOfRoomAsync(IRound round, RoomItems items)
    {
        foreach (var listener in _listeners)
        {
            await listener.OnShutOutAsync(round, items);
        }

        return await EndAsync(round, await round.Inbox.RemoveOfRoomAsync(items), isRemoved: true, upToUseq: 0);
    }

    /// <summary>Users who were told of a room, were not told and may be by a digest, or follow its threads.</summary>
    public static async Task<HashSet<string>> UsersOfRoomAsync(IRound round, string roomId) =>
    [
        .. await round.Inbox.UsersOfRoomAsync(roomId), .. await round.Withheld.UsersOfRoomAsync(roomId), .. await round.Threads.UsersOfRoomAsync(roomId),
    ];

    /// <summary>Removes what others were told of a user's doing.</summary>
    /// <param name="round">What is decided together.</param>
    /// <param name="actorId">Who.</param>
    /// <param name="limit">At most so many; more may be left when it is as many.</param>
    public async Task<List<Ended>> RemoveOfActorAsync(IRound round, string actorId, int limit) =>
        await EndAsync(round, await round.Inbox.RemoveOfActorAsync(actorId, limit), isRemoved: true, upToUseq: 0);

    /// <summary>Marks notifications of a user as read.</summary>
    /// <param name="round">What is decided together.</param>
    /// <param name="request">Which ones.</param>
    /// <returns>What changed; nothing when all were read already.</returns>
    public async Task<Ended> MarkAsync(IRound round, MarkReadRequest request)
    {
        var byIds = request.NotificationIds.Count > 0;
        var marked = await round.Inbox.MarkAsync(request.UserId, request.NotificationIds, request.All ? long.MaxValue : request.UpToUseq);
        var upTo = request.All ? (await round.Inbox.CountAsync(request.UserId)).LastUseq : request.UpToUseq;
        var ended = await EndAsync(round, marked, isRemoved: false, byIds ? 0 : upTo);
        return ended is [var one] ? one : new Ended(request.UserId,
            new NotificationsRead { Unread = (await round.Inbox.CountAsync(request.UserId)).Unread }, []);
    }

    /// <summary>Users have read rooms up to a seq.</summary>
    public async Task<List<Ended>> MarkRoomsAsync(IRound round, IReadOnlyCollection<RoomRead> reads, int partitions)
    {
        RoomRead[] newest = [.. reads.GroupBy(read => (read.UserId, read.RoomId)).Select(group => group.MaxBy(read => read.Seq)!)
            .OrderBy(read => read.UserId, StringComparer.Ordinal).ThenBy(read => read.RoomId, StringComparer.Ordinal)];
        return await EndAsync(round, await round.Inbox.MarkRoomsAsync(newest, partitions), isRemoved: false, upToUseq: 0);
    }

    /// <summary>A user has read a thread up to a seq.</summary>
    public async Task<List<Ended>> MarkThreadAsync(IRound round, MarkThreadRequest request) =>
        await EndAsync(round, await round.Inbox.MarkThreadAsync(request), isRemoved: false, upToUseq: 0);

    /// <summary>A page of an inbox, newest first.</summary>
    public Task<Contracts.Inbox> ReadAsync(GetInboxRequest request, CancellationToken cancellationToken) => store.ReadAsync(async round =>
    {
        var (lastUseq, unread) = await round.Inbox.CountAsync(request.UserId);
        var inbox = new Contracts.Inbox { LastUseq = lastUseq, Unread = unread };
        if (request.Limit > 0)
        {
            var rows = await round.Inbox.PageAsync(
                request.UserId, request.BeforeUseq == 0 ? long.MaxValue : request.BeforeUseq, request.UnreadOnly, (int)request.Limit + 1);
            inbox.HasMore = rows.Count > request.Limit;
            inbox.Notifications.AddRange(rows.Take((int)request.Limit));
        }

        return inbox;
    }, cancellationToken);

    /// <summary>How often a user is mentioned in rooms and has not read it; a room in which that is not so is absent from the result.</summary>
    public Task<Dictionary<string, uint>> CountMentionsAsync(string userId, IReadOnlyCollection<string> roomIds, CancellationToken cancellationToken) =>
        store.ReadAsync(round => round.Inbox.CountMentionsAsync(userId, [.. roomIds.Distinct(StringComparer.Ordinal)]), cancellationToken);

    /// <summary>Removes what is old.</summary>
    /// <returns>How many were removed; more may be left when it is <paramref name="limit"/>.</returns>
    public Task<int> PruneAsync(DateTimeOffset before, int limit, CancellationToken cancellationToken) => store.WriteAsync(async round =>
    {
        var removed = await round.Inbox.RemoveOlderAsync(before, limit);
        await EndAsync(round, removed, isRemoved: true, upToUseq: 0);
        return removed.Count;
    }, cancellationToken);

    /// <summary>The round that changed inboxes has ended.</summary>
    public void OnCommitted()
    {
        foreach (var listener in _listeners)
        {
            listener.OnCommitted();
        }
    }

    /// <param name="round">What is decided together.</param>
    /// <param name="rows">Rows that changed, by user.</param>
    /// <param name="isRemoved">They are gone.</param>
    /// <param name="upToUseq">Told in the place of the ids; 0: the ids are told.</param>
    /// <param name="isRetracted">As in <see cref="Ended"/>.</param>
    private async Task<List<Ended>> EndAsync(IRound round, List<EndedItem> rows, bool isRemoved, long upToUseq, bool isRetracted = false)
    {
        if (rows.Count == 0)
        {
            return [];
        }

        var unread = await round.Inbox.CountDownAsync(rows);
        List<Ended> ended = [];
        foreach (var user in rows.GroupBy(row => row.UserId, StringComparer.Ordinal).OrderBy(user => user.Key, StringComparer.Ordinal))
        {
            var what = new NotificationsRead { Unread = unread[user.Key], Removed = isRemoved, UpToUseq = upToUseq };
            if (upToUseq == 0)
            {
                what.NotificationIds.AddRange(user.Select(row => row.Id));
            }

            ended.Add(new Ended(user.Key, what, [.. user], isRetracted));
        }

        var now = time.GetUtcNow();
        foreach (var listener in _listeners)
        {
            await listener.OnEndedAsync(round, ended, now);
        }

        return ended;
    }
}
