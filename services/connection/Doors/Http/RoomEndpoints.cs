using Tertulia.Connections.Auth;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;

namespace Tertulia.Connections.Doors.Http;

/// <summary>The caller's rooms and communities, the rooms of a community, and one room.</summary>
internal static class RoomEndpoints
{
    private const int MaxRooms = 1000;
    private const int DefaultRooms = 100;
    private const int MaxDetails = 100;

    private const string Example = """
        "room_id":"lobby","epoch":"k3v9x2ab","seq":42,"kind":"public","name":"Lobby","topic":"All","community":"casa","slow_mode":0,"archived":false,"retention_days":0,"members":3,
        "role":"member","muted":false,"read_seq":40,"unread":2,"mentions":1,"notify_level":"mentions","last_message":{"id":"019ac5f2-7c3e-7d1a-9b52-0d9e6d1f3a10",
        "seq":42,"user_id":"bruno","username":"Bruno","content":"hola @ana","created_at":"2026-11-27T09:00:00.000Z"}
        """;

    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/rooms", ListAsync)
            .Describe("list_rooms", "The rooms of the caller by room id or by last activity, those that the caller is invited to, or those of a community, page by page.")
            .Answers<RoomsAnswer>(example: $$"""{"rooms":[{{{Example}}}],"has_more":true,"cursor":"1795770000000.lobby"}""")
            .Refuses();
        api.MapGet("/rooms/{roomId}", GetAsync)
            .Describe("get_room", "What a room is like, to who may enter it.")
            .Answers<RoomItem>(example: $$"""{{{Example}}}""")
            .Refuses(ErrorCode.Forbidden, ErrorCode.Banned, ErrorCode.RoomNotFound);
        api.MapGet("/communities", ListCommunitiesAsync)
            .Describe("list_communities", "The communities of whose rooms the caller is a member, by id, page by page.")
            .Answers<CommunitiesAnswer>(example: """
                {"items":[{"community":"casa","kind":"public","name":"Casa","archived":false,"role":"member","rooms":4,"unread":7}],"has_more":false}
                """)
            .Refuses();
    }

    /// <param name="order"><c>activity</c>: those first in which a message was written last; absent: by room id, without details.</param>
    /// <param name="community">The rooms of this community that the caller sees, by room id.</param>
    /// <param name="invited">The rooms that the caller is invited to, by room id.</param>
    /// <param name="cursor">Of the page before, in lists with details.</param>
    /// <param name="after">Without details: only rooms whose id is larger, compared byte by byte: the last one of the page before.</param>
    /// <param name="limit">Rooms: 1 to 1000, default 100; with details 1 to 100, default 50.</param>
    /// <param name="caller">Who asks.</param>
    /// <param name="messages">Knows the rooms.</param>
    /// <param name="lists">Reads the details.</param>
    /// <param name="reads">Tries again while the service is late.</param>
    /// <param name="cancellationToken">The client went.</param>
    internal static async Task<IResult> ListAsync(
        string? order, string? community, bool? invited, string? cursor, string? after, int? limit,
        Caller caller, MessageService.MessageServiceClient messages, RoomListFlow lists, PatientReads reads, CancellationToken cancellationToken)
    {
        var isActivity = order == "activity";
        var ways = (isActivity ? 1 : 0) + (community is null ? 0 : 1) + (invited == true ? 1 : 0);
        if (ways > 1 || (order is not null && !isActivity) || !IsText(community, RoomIdFormat.MaxChars) || !IsText(cursor, RoomListFrames.MaxCursorChars))
        {
            return new Refused(ErrorCode.BadRequest, "one of order=activity, community and invited; cursor is that of a page");
        }

        if (ways == 1)
        {
            if (limit is < 1 or > MaxDetails || after is not null)
            {
                return new Refused(ErrorCode.BadRequest, $"limit is 1 to {MaxDetails}, a page ends with a cursor");
            }

            var command = new RoomsCommand { Community = community, Invited = invited == true, Cursor = cursor, Limit = limit };
            var list = await lists.ListAsync(caller, command, cancellationToken, HttpJson.MaxPageBytes);
            return HttpJson.Ok(json => RoomListFrames.WriteList(json, list));
        }

        if (limit is < 1 or > MaxRooms || cursor is not null || (after is { Length: > 0 } && !RoomIdFormat.IsValid(after)))
        {
            return new Refused(ErrorCode.BadRequest, $"limit is 1 to {MaxRooms}, after is a room id");
        }

        var asked = new ListRoomsRequest { Actor = caller.ToActor(""), AfterRoomId = after ?? "", Limit = limit ?? DefaultRooms, Scope = caller.ToScope() };
        var page = await reads.BeginHistory().ReadAsync(options => messages.ListRoomsAsync(asked, options), cancellationToken);
        return HttpJson.Ok(json =>
        {
            FrameJson.WriteRooms(json, page.Rooms);
            json.WriteBoolean("has_more"u8, page.HasMore);
        });
    }

    /// <returns>200, or as entering it would be refused.</returns>
    internal static async Task<IResult> GetAsync(string roomId, Caller caller, RoomListFlow lists, CancellationToken cancellationToken)
    {
        var room = await lists.DescribeAsync(caller, roomId, cancellationToken);
        return HttpJson.Ok(json => RoomListFrames.WriteRoom(json, room));
    }

    /// <param name="cursor">Of the page before.</param>
    /// <param name="limit">Communities, 1 to 100; default 50.</param>
    /// <param name="caller">Who asks.</param>
    /// <param name="lists">Reads them.</param>
    /// <param name="cancellationToken">The client went.</param>
    internal static async Task<IResult> ListCommunitiesAsync(string? cursor, int? limit, Caller caller, RoomListFlow lists, CancellationToken cancellationToken)
    {
        if (limit is < 1 or > MaxDetails || !IsText(cursor, RoomIdFormat.MaxChars))
        {
            return new Refused(ErrorCode.BadRequest, $"limit is 1 to {MaxDetails}, cursor is that of a page");
        }

        var page = await lists.ListAsync(caller, new CommunitiesCommand { Cursor = cursor, Limit = limit }, cancellationToken);
        return HttpJson.Ok(json => RoomListFrames.WriteCommunities(json, CommunitiesEvent.Fit(page, reference: null, HttpJson.MaxPageBytes)));
    }

    private static bool IsText(string? text, int maxChars) => text is null || (text.Length > 0 && text.Length <= maxChars && !text.Contains('\0', StringComparison.Ordinal));
}

/// <summary>A room of the caller. In the list by room id only the id, the position, what is read, and the role.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Epoch">Of the seq.</param>
/// <param name="Seq">Its last one.</param>
/// <param name="ReadSeq">Up to which the caller has read it; absent for who is no member.</param>
/// <param name="Unread">Messages after that, up to <paramref name="Seq"/>.</param>
/// <param name="Role">The caller's: <c>owner</c>, <c>moderator</c>, <c>member</c> or <c>guest</c>; absent for who is no member.</param>
/// <param name="Kind"><c>public</c>, <c>private</c>, <c>direct</c> or <c>auditorium</c>.</param>
/// <param name="Name">How it is shown.</param>
/// <param name="Topic">What it is about.</param>
/// <param name="Community">The community it belongs to.</param>
/// <param name="SlowMode">Seconds between two messages of a member; 0: none.</param>
/// <param name="Archived">Read only.</param>
/// <param name="RetentionDays">Days for which messages are kept; 0: for ever.</param>
/// <param name="Members">How many it has.</param>
/// <param name="Muted">The caller may not speak there.</param>
/// <param name="MutedUntil">Absent when that does not end by itself.</param>
/// <param name="InvitedBy">Who invited the caller, who has not answered.</param>
/// <param name="Mentions">How often the caller is mentioned in what is not read; absent while that is not known.</param>
/// <param name="NotifyLevel">What the caller wants to be told of it: <c>all</c>, <c>mentions</c> or <c>none</c>; absent: as of all rooms.</param>
/// <param name="NotifyMuteUntil">Until when the caller wants to be told nothing.</param>
/// <param name="With">Of a direct room: the other one.</param>
/// <param name="LastMessage">The newest one, as it is now; absent when there is none, or the caller may not read it.</param>
internal sealed record RoomItem(
    string RoomId, string Epoch, long Seq, long? ReadSeq, long? Unread, string? Role, string? Kind, string? Name, string? Topic, string? Community, int? SlowMode, bool? Archived,
    int? RetentionDays, int? Members, bool? Muted, DateTimeOffset? MutedUntil, string? InvitedBy, int? Mentions, string? NotifyLevel, DateTimeOffset? NotifyMuteUntil, RoomOther? With,
    MessageItem? LastMessage);

/// <summary>The other one of a direct room.</summary>
/// <param name="UserId">Who.</param>
/// <param name="Username">How that is shown.</param>
internal sealed record RoomOther(string UserId, string Username);

/// <summary>Answer of <c>GET rooms</c>.</summary>
/// <param name="Rooms">In the order that was asked for.</param>
/// <param name="HasMore">There are more after the last one.</param>
/// <param name="Cursor">Where these begin, in lists with details; absent when there are none.</param>
internal sealed record RoomsAnswer(IReadOnlyList<RoomItem> Rooms, bool HasMore, string? Cursor);

/// <summary>Answer of <c>GET communities</c>.</summary>
/// <param name="Items">By id.</param>
/// <param name="HasMore">There are more after the last one.</param>
/// <param name="Cursor">Where these begin; absent when there are none.</param>
internal sealed record CommunitiesAnswer(IReadOnlyList<CommunityItem> Items, bool HasMore, string? Cursor);

/// <summary>A community of the caller.</summary>
/// <param name="Community">Its id, which is that of its main room.</param>
/// <param name="Kind">Of the main room; absent, as what follows, where there is none or the caller does not see it.</param>
/// <param name="Name">How it is shown.</param>
/// <param name="Topic">What it is about.</param>
/// <param name="Archived">The main room is read only.</param>
/// <param name="Role">The caller's in the main room.</param>
/// <param name="Rooms">Rooms of it that the caller is a member of.</param>
/// <param name="Unread">Unread messages in these.</param>
internal sealed record CommunityItem(string Community, string? Kind, string? Name, string? Topic, bool? Archived, string? Role, int Rooms, long Unread);
