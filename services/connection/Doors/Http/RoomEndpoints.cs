using Tertulia.Connections.Auth;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Contracts;

namespace Tertulia.Connections.Doors.Http;

/// <summary>The caller's rooms.</summary>
internal static class RoomEndpoints
{
    private const int MaxRooms = 1000;
    private const int DefaultRooms = 100;

    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/rooms", ListAsync)
        .Describe("list_rooms", "The rooms that the caller is a member of, by room id, page by page.")
        .Answers<RoomsAnswer>(example: """{"rooms":[{"room_id":"lobby","epoch":"k3v9x2ab","seq":42,"read_seq":40,"unread":2,"role":"member"}],"has_more":false}""")
        .Refuses();

    /// <param name="after">Only rooms whose id is larger, compared byte by byte: the last one of the page before.</param>
    /// <param name="limit">Rooms, 1 to 1000; default 100.</param>
    /// <param name="caller">Who asks.</param>
    /// <param name="messages">Knows the rooms.</param>
    /// <param name="reads">Tries again while the service is late.</param>
    /// <param name="cancellationToken">The client went.</param>
    internal static async Task<IResult> ListAsync(
        string? after, int? limit, Caller caller, MessageService.MessageServiceClient messages, PatientReads reads, CancellationToken cancellationToken)
    {
        if (limit is < 1 or > MaxRooms || (after is { Length: > 0 } && !RoomIdFormat.IsValid(after)))
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
}

/// <summary>A room of the caller.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Epoch">Of the seq.</param>
/// <param name="Seq">Its last one.</param>
/// <param name="ReadSeq">Up to which the caller has read it.</param>
/// <param name="Unread">Messages after that, up to <paramref name="Seq"/>.</param>
/// <param name="Role">The caller's: <c>owner</c>, <c>moderator</c> or <c>member</c>.</param>
internal sealed record RoomItem(string RoomId, string Epoch, long Seq, long ReadSeq, long Unread, string? Role);

/// <summary>Answer of <c>GET rooms</c>.</summary>
/// <param name="Rooms">Ascending by room id.</param>
/// <param name="HasMore">There are more after the last one.</param>
internal sealed record RoomsAnswer(IReadOnlyList<RoomItem> Rooms, bool HasMore);
