using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Rooms;

/// <summary>A user's rooms by room id, with how far they are read.</summary>
/// <remarks>A token that leaves rooms out costs reading past them: as much as the user has rooms, at most.</remarks>
internal sealed class RoomPages(IMessageStore store, IReadMarks marks, IRoomReads reads)
{
    private const int MaxRooms = 1_000; // About 150 bytes each.
    private const int MaxIds = 10_000; // Of a read.

    public async Task<ListRoomsReply> GetAsync(ListRoomsRequest request, CancellationToken cancellationToken)
    {
        if (request is not { Actor.UserId: { Length: > 0 } userId, Limit: >= 0 and <= MaxRooms })
        {
            throw RpcErrors.Refuse(ErrorCode.BadRequest, $"actor is needed, limit is 0 (as many as go) to {MaxRooms}");
        }

        var readable = ReadableRooms.Of(request.Scope);
        var limit = request.Limit == 0 ? MaxRooms : request.Limit;
        var reply = new ListRoomsReply();
        var rooms = new List<MemberRoom>();
        await foreach (var (room, epoch) in RoomsAsync(userId, request.AfterRoomId, readable, readable.IsAll ? limit + 1 : MaxRooms, cancellationToken))
        {
            if (rooms.Count == limit)
            {
                reply.HasMore = true;
                break;
            }

            rooms.Add(room);
            reply.Rooms.Add(new RoomSummary { RoomId = room.RoomId, Epoch = epoch, Seq = room.LastSeq, Role = room.Role });
        }

        await AddMarksAsync(reply, rooms, userId, cancellationToken);
        if (request.AfterRoomId.Length == 0)
        {
            reply.TotalUnread = !reply.HasMore ? reply.Rooms.Sum(room => room.Unread)
                : readable.IsAll ? await marks.CountUnreadAsync(userId, cancellationToken)
                : reply.Rooms.Sum(room => room.Unread) + await CountAsync(userId, rooms[^1].RoomId, readable, cancellationToken);
        }

        return reply;
    }

    /// <summary>The ids of a user's rooms, by room id.</summary>
    /// <param name="userId">The user.</param>
    /// <param name="readable">Only these.</param>
    /// <param name="max">At most so many.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public async Task<List<string>> IdsAsync(string userId, ReadableRooms readable, int max, CancellationToken cancellationToken)
    {
        // Without what a list shows of each room: a search asks for all rooms of its user.
        var (ids, after) = (new List<string>(), "");
        while (ids.Count < max)
        {
            var page = await reads.ListRoomIdsAsync(userId, after, MaxIds, cancellationToken);
            ids.AddRange(page.Items.Where(readable.Has).Take(max - ids.Count));
            if (!page.HasMore)
            {
                break;
            }

            after = page.Items[^1];
        }

        return ids;
    }

    private async IAsyncEnumerable<(MemberRoom Room, string Epoch)> RoomsAsync(
        string userId, string after, ReadableRooms readable, int pageSize, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        RoomsPage page;
        do
        {
            page = await store.ListRoomsAsync(userId, after, pageSize, cancellationToken);
            foreach (var room in page.Rooms)
            {
                after = room.RoomId;
                if (readable.Has(room.RoomId))
                {
                    yield return (room, page.Epoch);
                }
            }
        }
        while (page.HasMore);
    }

    private async Task AddMarksAsync(ListRoomsReply reply, List<MemberRoom> rooms, string userId, CancellationToken cancellationToken)
    {
        if (rooms.Count == 0)
        {
            return;
        }

        var states = await marks.ReadAsync([.. rooms.Select(room => new MemberKey(room.RoomId, userId))], cancellationToken);
        foreach (var (room, summary) in rooms.Zip(reply.Rooms))
        {
            if (states.TryGetValue(new MemberKey(room.RoomId, userId), out var state))
            {
                // Up to the seq that the page gives: the room may have gone on since.
                (summary.ReadSeq, summary.Unread) = (Math.Min(state.Seq, room.LastSeq), state.UnreadOf(room.Messages));
            }
        }
    }

    private async Task<long> CountAsync(string userId, string after, ReadableRooms readable, CancellationToken cancellationToken)
    {
        var (total, readers) = (0L, new List<MemberKey>(MaxRooms));
        await foreach (var (room, _) in RoomsAsync(userId, after, readable, MaxRooms, cancellationToken))
        {
            readers.Add(new MemberKey(room.RoomId, userId));
            if (readers.Count == MaxRooms)
            {
                await AddAsync();
            }
        }

        await AddAsync();
        return total;

        async Task AddAsync()
        {
            if (readers.Count > 0)
            {
                total += (await marks.ReadAsync(readers, cancellationToken)).Values.Sum(state => state.Unread);
                readers.Clear();
            }
        }
    }
}
