using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.History;

/// <summary>What a user who enters a room is shown.</summary>
internal sealed class Snapshots(IMessageStore store)
{
    /// <summary>Changed messages that a resuming client is sent at most; above it pages its history itself.</summary>
    public const int MaxChanges = 300;

    private const int DefaultHistory = 50;
    private const int MaxHistory = 100;

    /// <returns>Everything that changed after the client's position, when it is one of this store and not too long ago; else the newest page,
    /// with the hole before it when there is one.</returns>
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
            var changes = Allowed(request.Actor, await store.ReadChangesAsync(reader, sinceSeq, ReadLimit.Of(MaxChanges), cancellationToken));
            if (sinceSeq <= changes.Head.LastSeq && !changes.HasMore)
            {
                return ToSnapshot(changes, recovered: true);
            }

            since = sinceSeq <= changes.Head.LastSeq ? sinceSeq : null; // A position that was never given: the client knows nothing.
        }

        // Who held a position gets a page in any case. A page of nothing still needs the room.
        var history = request.History > 0 || request.Since is null ? request.History : DefaultHistory;
        var view = Allowed(request.Actor, await store.ReadPageAsync(reader, HistoryRange.Newest, ReadLimit.Of(Math.Max(history, 1)), cancellationToken));
        if (history == 0)
        {
            view.Messages.Clear();
        }

        var snapshot = ToSnapshot(view, recovered: false);
        if (since is { } from && view.Messages is [var first, ..] && first.Seq > from + 1)
        {
            snapshot.Gap = new Gap { FromSeq = from + 1, ToSeq = first.Seq - 1 };
        }

        return snapshot;
    }

    private static RoomView Allowed(Actor actor, RoomView? view)
    {
        if (view is null)
        {
            throw RpcErrors.Refuse(ErrorCode.RoomNotFound);
        }

        var refusal = RoomRules.MayRead(actor, view.Reader);
        return refusal == ErrorCode.Unspecified ? view : throw RpcErrors.Refuse(refusal);
    }

    private static Snapshot ToSnapshot(RoomView view, bool recovered)
    {
        var snapshot = new Snapshot { Epoch = view.Epoch, Seq = view.Head.LastSeq, Recovered = recovered, Members = (uint)view.Head.Members };
        snapshot.Messages.AddRange(view.Messages);
        return snapshot;
    }
}
