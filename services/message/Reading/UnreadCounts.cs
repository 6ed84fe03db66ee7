using Tertulia.Contracts;
using Tertulia.Messages.History;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Reading;

/// <summary>How far a user has read, beside what the user is shown of rooms.</summary>
internal sealed class UnreadCounts(IReadMarks marks)
{
    private readonly Gathered<MemberKey, Dictionary<MemberKey, ReadState>> _states = new(readers => marks.ReadAsync(readers, CancellationToken.None));

    /// <summary>Adds the user's mark to the first page of what is shown of a room.</summary>
    public async Task<Snapshot> AddToAsync(Snapshot snapshot, GetSnapshotRequest request)
    {
        if (!request.Continued)
        {
            var reader = new MemberKey(request.RoomId, request.Actor.UserId);
            var states = await _states.AskAsync(reader);
            if (states.TryGetValue(reader, out var state))
            {
                snapshot.Mark = new Marked { Epoch = snapshot.Epoch, ReadSeq = state.Seq, Unread = state.Unread, LastSeq = state.LastSeq };
            }
        }

        return snapshot;
    }
}
