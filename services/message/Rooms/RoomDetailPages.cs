using System.Globalization;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Messages.History;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Rooms;

/// <summary>Rooms as a list shows them: settings, the user's place, what is unread, the newest message. Also a single one.</summary>
internal sealed class RoomDetailPages(IMessageStore store, IReadMarks marks, IRoomLists lists, TimeProvider time)
{
    private const int MaxLimit = 100;
    private const int ScopedPage = 1_000; // Ids that are looked through at once for those that a token lets its bearer read.
    private const int MaxReplyBytes = 1024 * 1024;
    private const int MaxIdChars = 128;

    private delegate Task<Listed<(string RoomId, string Cursor)>> ReadPage(string cursor, int limit);

    public async Task<RoomDetailsPage> GetAsync(ListRoomDetailsRequest request, CancellationToken cancellationToken)
    {
        if (request is not { Actor: { UserId.Length: > 0 } actor, Limit: >= 1 and <= MaxLimit } || request.Community is not { Length: <= MaxIdChars }
            || request.Cursor.Length > 2 * MaxIdChars || request.Community.Contains('\0') || request.Cursor.Contains('\0') || (request.Invited && request.Community.Length > 0))
        {
            throw RpcErrors.Refuse(ErrorCode.BadRequest, $"actor is needed, limit is 1 to {MaxLimit}, a community or invited");
        }

        var nowMs = time.GetUtcNow().ToUnixTimeMilliseconds();
        var listed = await FillAsync(request, await WayOfAsync(request, actor, nowMs, cancellationToken));
        var page = new RoomDetailsPage { HasMore = listed.HasMore };
        var bytes = 0;
        foreach (var (details, cursor) in await DescribeAsync(actor, listed.Items, nowMs, cancellationToken))
        {
            bytes += details.CalculateSize();
            if (page.Rooms.Count > 0 && bytes > MaxReplyBytes)
            {
                page.HasMore = true;
                break;
            }

            details.Cursor = cursor;
            page.Rooms.Add(details);
        }

        return page;
    }

    public async Task<RoomDetails> GetAsync(DescribeRoomRequest request, CancellationToken cancellationToken)
    {
        if (request is not { RoomId.Length: > 0, Actor: { UserId.Length: > 0 } actor })
        {
            throw RpcErrors.Refuse(ErrorCode.BadRequest, "room_id and actor are needed");
        }

        var nowMs = time.GetUtcNow().ToUnixTimeMilliseconds();
        var key = new MemberKey(request.RoomId, actor.UserId);
        var loaded = await store.LoadAsync([request.RoomId], [key], cancellationToken);
        if (!loaded.Rooms.TryGetValue(request.RoomId, out var head) || head.IsDeleted)
        {
            throw RpcErrors.Refuse(ErrorCode.RoomNotFound);
        }

        var refusal = Communities.CheckSees(actor, head, loaded.Members.GetValueOrDefault(key, Membership.None).At(nowMs));
        if (refusal != ErrorCode.Unspecified)
        {
            throw RpcErrors.Refuse(refusal);
        }

        var described = await DescribeAsync(actor, [(request.RoomId, "")], nowMs, cancellationToken);
        return described is [var (details, _)] ? details : throw RpcErrors.Refuse(ErrorCode.RoomNotFound);
    }

    private async Task<ReadPage> WayOfAsync(ListRoomDetailsRequest request, Actor actor, long nowMs, CancellationToken cancellationToken)
    {
        if (request.Community.Length > 0)
        {
            var sees = await SeesAsync(request.Community, actor, nowMs, cancellationToken);
            return async (cursor, limit) => ById(
                await lists.ListChannelsAsync(request.Community, actor.UserId, sees, cursor, nowMs, limit, cancellationToken));
        }

        return request.Invited
            ? async (cursor, limit) => ById(await lists.ListInvitationsAsync(actor.UserId, cursor, nowMs, limit, cancellationToken))
            : async (cursor, limit) =>
            {
                var listed = await lists.ListActiveAsync(actor.UserId, PlaceOf(cursor), limit, cancellationToken);
                return new([.. listed.Items.Select(room => (room.RoomId, CursorOf(room)))], listed.HasMore);
            };

        static Listed<(string, string)> ById(Listed<string> listed) => new([.. listed.Items.Select(roomId => (roomId, roomId))], listed.HasMore);
    }

    // Who does not see the community sees only what is the user's own in it.
    private async Task<ChannelsSeen> SeesAsync(string community, Actor actor, long nowMs, CancellationToken cancellationToken)
    {
        if (RoomPermissions.IsPrivileged(actor))
        {
            return ChannelsSeen.All;
        }

        var key = new MemberKey(community, actor.UserId);
        var loaded = await store.LoadAsync([community], [key], cancellationToken);
        return Communities.MainOf(community, loaded.Rooms) is not { } main
            || Communities.CheckSees(actor, main, loaded.Members.GetValueOrDefault(key, Membership.None).At(nowMs)) == ErrorCode.Unspecified
            ? ChannelsSeen.Open
            : ChannelsSeen.Own;
    }

    // A page is full or the last one, whatever a token leaves out.
    private static async Task<Listed<(string RoomId, string Cursor)>> FillAsync(ListRoomDetailsRequest request, ReadPage read)
    {
        var readable = ReadableRooms.Of(request.Scope);
        var found = new List<(string RoomId, string Cursor)>();
        var cursor = request.Cursor;
        Listed<(string RoomId, string Cursor)> listed;
        do
        {
            listed = await read(cursor, readable.IsAll ? request.Limit + 1 : ScopedPage);
            foreach (var room in listed.Items)
            {
                cursor = room.Cursor;
                if (readable.Has(room.RoomId))
                {
                    if (found.Count == request.Limit)
                    {
                        return new(found, HasMore: true);
                    }

                    found.Add(room);
                }
            }
        }
        while (listed.HasMore);
        return new(found, HasMore: false);
    }

    // The newest messages are read first, so that none is beyond the position that is told.
    private async Task<List<(RoomDetails Details, string Cursor)>> DescribeAsync(
        Actor actor, List<(string RoomId, string Cursor)> rooms, long nowMs, CancellationToken cancellationToken)
    {
        if (rooms.Count == 0)
        {
            return [];
        }

        string[] ids = [.. rooms.Select(room => room.RoomId)];
        MemberKey[] keys = [.. ids.Select(id => new MemberKey(id, actor.UserId))];
        var last = await lists.ReadLastMessagesAsync(ids, cancellationToken);
        var loaded = await store.LoadAsync(ids, keys, cancellationToken);
        var states = await marks.ReadAsync([.. keys.Where(key => loaded.Members.GetValueOrDefault(key).Role is { Length: > 0 })], cancellationToken);
        string[] direct = [.. loaded.Rooms.Values.Where(room => room.Kind == RoomKinds.Direct).Select(room => room.RoomId)];
        var others = direct.Length > 0 ? await lists.ReadOthersAsync(direct, actor.UserId, cancellationToken) : [];
        var described = new List<(RoomDetails Details, string Cursor)>();
        foreach (var (roomId, cursor) in rooms)
        {
            if (!loaded.Rooms.TryGetValue(roomId, out var head) || head.IsDeleted)
            {
                continue;
            }

            var place = loaded.Members.GetValueOrDefault(new MemberKey(roomId, actor.UserId), Membership.None).At(nowMs);
            var details = new RoomDetails
            {
                RoomId = roomId, Epoch = store.Epoch, Seq = head.LastSeq, Settings = head.Settings ?? new RoomSettings { Kind = head.Kind }, Members = (uint)head.Members,
                Role = place.Role, Muted = place.Muted, MutedUntilMs = place.MutedUntilMs, InvitedBy = place.InvitedBy,
            };
            if (states.TryGetValue(new MemberKey(roomId, actor.UserId), out var state))
            {
                (details.ReadSeq, details.Unread) = (Math.Min(state.Seq, head.LastSeq), state.UnreadOf(head.Messages));
            }

            if (last.TryGetValue(roomId, out var message) && RoomPermissions.Check(actor, head.Kind, place, RoomAction.Read) == ErrorCode.Unspecified)
            {
                details.LastMessage = message.ShownTo(actor.UserId);
            }

            if (others.TryGetValue(roomId, out var other) && place.IsMember)
            {
                (details.OtherUserId, details.OtherUsername) = (other.UserId, other.Username);
            }

            described.Add((details, cursor));
        }

        return described;
    }

    private static string CursorOf(ActiveRoom room) => string.Create(CultureInfo.InvariantCulture, $"{room.AtMs}.{room.RoomId}");

    private static ActiveRoom? PlaceOf(string cursor)
    {
        if (cursor.Length == 0)
        {
            return null;
        }

        var dot = cursor.IndexOf('.', StringComparison.Ordinal);
        return dot > 0 && long.TryParse(cursor.AsSpan(0, dot), NumberStyles.None, CultureInfo.InvariantCulture, out var atMs)
            ? new ActiveRoom(cursor[(dot + 1)..], atMs)
            : throw RpcErrors.Refuse(ErrorCode.BadRequest, "cursor is that of a page");
    }
}
