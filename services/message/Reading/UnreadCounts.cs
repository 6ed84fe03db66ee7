using Tertulia.Contracts;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Reading;

/// <summary>How far a user has read, beside what the user is shown of rooms.</summary>
internal sealed class UnreadCounts(IReadMarks marks)
{
    /// <summary>Adds the user's mark to the first page of what is shown of a room.</summary>
    public async Task<Snapshot> AddToAsync(Snapshot snapshot, GetSnapshotRequest request)
    {
        if (!request.Continued)
        {
            var reader = new MemberKey(request.RoomId, request.Actor.UserId);
            var states = await marks.ReadAsync([reader], CancellationToken.None);
            if (states.TryGetValue(reader, out var state))
            {
                snapshot.Mark = new Marked { Epoch = snapshot.Epoch, ReadSeq = state.Seq, Unread = state.Unread, LastSeq = state.LastSeq };
            }
        }

        return snapshot;
    }

    /// <summary>Adds the user's marks to a page of the user's rooms.</summary>
    public async Task<ListRoomsReply> AddToAsync(ListRoomsReply reply, RoomsPage page, ListRoomsRequest request)
    {
        if (page.Rooms.Count == 0)
        {
            return reply;
        }

        var userId = request.Actor.UserId;
        var states = await marks.ReadAsync([.. page.Rooms.Select(room => new MemberKey(room.RoomId, userId))], CancellationToken.None);
        for (var index = 0; index < page.Rooms.Count; index++)
        {
            var (room, summary) = (page.Rooms[index], reply.Rooms[index]);
            if (states.TryGetValue(new MemberKey(room.RoomId, userId), out var state))
            {
                // Up to the seq that the page gives: the room may have gone on since.
                (summary.ReadSeq, summary.Unread) = (Math.Min(state.Seq, room.LastSeq), state.UnreadOf(room.Messages));
            }
        }

        if (request.AfterRoomId.Length == 0)
        {
            reply.TotalUnread = page.HasMore ? await marks.CountUnreadAsync(userId, CancellationToken.None) : reply.Rooms.Sum(room => room.Unread);
        }

        return reply;
    }
}
