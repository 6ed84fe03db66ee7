using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Members;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.History;

/// <summary>What a user who enters a room is shown.</summary>
internal sealed class Snapshots(IMessageStore store, IRoomReads rooms, RecentRooms recent, TimeProvider time)
{
    /// <summary>Changed messages that a resuming client is sent at most; above it pages its history itself.</summary>
    public const int MaxChanges = 300;

    private const int MaxPlaces = 250; // Entries about settings and members of one snapshot: at their largest they are a megabyte. More come with the next one.
    private const int DefaultHistory = 50;
    private const int MaxHistory = 100;

    /// <returns>Everything that changed after the client's position, when it is one of this store and not too long ago, as far as it fits into one reply; else the
    /// newest page, with the hole before it when there is one.</returns>
    public async Task<Snapshot> GetAsync(GetSnapshotRequest request, CancellationToken cancellationToken)
    {
        if (request is not { RoomId.Length: > 0, Actor.UserId.Length: > 0, History: >= 0 and <= MaxHistory })
        {
            throw RpcErrors.Refuse(ErrorCode.BadRequest, $"room_id and actor are needed, history is 0 to {MaxHistory}");
        }

        var reader = new MemberKey(request.RoomId, request.Actor.UserId);
        long? since = request.Since is { } position && position.Epoch == store.Epoch && position.Seq >= 0 ? position.Seq : null;
        if (since is { } sinceSeq)
        {
            var changes = Allowed(request.Actor, await recent.ReadChangesAsync(reader, sinceSeq, ReadLimit.Of(MaxChanges + 1)));
            var isKnown = sinceSeq <= changes.Head.LastSeq && changes.Epoch == request.Since.Epoch;
            if (isKnown && (request.Continued || !await IsTooMuchAsync(changes, sinceSeq, cancellationToken)))
            {
                return await RecoveredAsync(changes, request, cancellationToken);
            }

            since = isKnown ? sinceSeq : null; // A position that was never given: the client knows nothing.
        }

        // A client that held a position gets a page in any case. A page of nothing still needs the room.
        var history = request.History > 0 || request.Since is null ? request.History : DefaultHistory;
        var view = Allowed(request.Actor, await recent.ReadNewestAsync(reader, Math.Max(history, 1)));
        if (history == 0)
        {
            view.Messages.Clear();
        }

        var room = await ReadRoomAsync(view, long.MaxValue, cancellationToken);
        var snapshot = ToSnapshot(view, room, recovered: false, request.Actor);
        if (since is { } from && view.Messages is [var first, ..] && first.Seq > from + 1)
        {
            snapshot.Gap = new Gap { FromSeq = from + 1, ToSeq = first.Seq - 1 };
        }

        return snapshot;
    }

    private RoomView Allowed(Actor actor, RoomView? view)
    {
        if (view is null)
        {
            throw RpcErrors.Refuse(ErrorCode.RoomNotFound);
        }

        var refusal = RoomPermissions.Check(actor, view.Head.Kind, PlaceOf(view), RoomAction.Read);
        return refusal == ErrorCode.Unspecified ? view : throw RpcErrors.Refuse(refusal);
    }

    // A read that was cut by its bytes does not tell how many there are in all: the messages are counted.
    private async Task<bool> IsTooMuchAsync(RoomView changes, long sinceSeq, CancellationToken cancellationToken)
    {
        if (changes.Messages.Count > MaxChanges || !changes.HasMore)
        {
            return changes.Messages.Count > MaxChanges;
        }

        var position = new RoomSeq(changes.Head.RoomId, sinceSeq);
        var before = await store.CountMessagesAsync([position], cancellationToken);
        return changes.Head.Messages - before.GetValueOrDefault(position) > MaxChanges;
    }

    private async Task<Snapshot> RecoveredAsync(RoomView changes, GetSnapshotRequest request, CancellationToken cancellationToken)
    {
        // After the messages: what is newer than they are is told by what comes next, and left out here.
        var room = await ReadRoomAsync(changes, request.Since.Seq, cancellationToken);
        var snapshot = ToSnapshot(changes, room, recovered: true, request.Actor);
        if (changes.HasMore)
        {
            (snapshot.HasMore, snapshot.Seq) = (true, changes.Messages[^1].UpdatedSeq);
        }

        if (room.HasMore && room.Entries[^1].Seq < snapshot.Seq)
        {
            (snapshot.HasMore, snapshot.Seq) = (true, room.Entries[^1].Seq);
            while (snapshot.Messages is [.., var last] && last.UpdatedSeq > snapshot.Seq)
            {
                snapshot.Messages.RemoveAt(snapshot.Messages.Count - 1);
            }
        }

        snapshot.Changes.AddRange(Newest(room.Entries, snapshot.Seq));
        return snapshot;
    }

    private async Task<RoomSince> ReadRoomAsync(RoomView view, long sinceSeq, CancellationToken cancellationToken)
    {
        if (view.Head.Settings is { } settings && sinceSeq >= view.Head.LastSeq)
        {
            return new RoomSince(view.Epoch, settings, [], HasMore: false); // Of a room that was in memory they were read with its place.
        }

        var room = await rooms.ReadRoomAsync(view.Head.RoomId, sinceSeq, MaxPlaces, cancellationToken) ?? throw RpcErrors.Refuse(ErrorCode.RoomNotFound);
        return room.Epoch == view.Epoch ? room : throw RpcErrors.Refuse(ErrorCode.Unavailable, "the store has a new epoch");
    }

    // Of each user, and of the settings, what was told last.
    private static IEnumerable<RoomEvent> Newest(List<RoomEvent> entries, long toSeq)
    {
        var newest = new Dictionary<string, RoomEvent>(StringComparer.Ordinal);
        foreach (var entry in entries)
        {
            if (entry.Seq <= toSeq && entry.Member is not { Quiet: true })
            {
                newest[entry.Member?.UserId ?? ""] = entry;
            }
        }

        return newest.Values.OrderBy(entry => entry.Seq);
    }

    private Snapshot ToSnapshot(RoomView view, RoomSince room, bool recovered, Actor actor)
    {
        var snapshot = new Snapshot
        {
            Epoch = view.Epoch,
            Seq = view.Head.LastSeq,
            Recovered = recovered,
            Members = (uint)view.Head.Members,
            FirstSeq = view.Head.FirstSeq,
            Settings = room.Settings,
            Reader = MemberPages.Listed(actor.UserId, actor.Username, PlaceOf(view)),
        };
        snapshot.Messages.AddRange(view.Messages.ShownTo(actor.UserId));
        return snapshot;
    }

    private Membership PlaceOf(RoomView view) => view.Reader.At(time.GetUtcNow().ToUnixTimeMilliseconds());
}
