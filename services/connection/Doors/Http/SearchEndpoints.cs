using System.Globalization;
using Microsoft.AspNetCore.Mvc;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Doors.Http;

/// <summary>Messages are found.</summary>
internal static class SearchEndpoints
{
    private const int MaxQueryChars = 256;

    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/search", SearchAsync)
            .Describe("search", "Messages of the caller's rooms by what they say, the newest first.")
            .Answers<SearchAnswer>(example: """
                {"items":[{"room_id":"lobby","id":"019ac5f2-7c3e-7d1a-9b52-0d9e6d1f3a11","seq":42,"user_id":"ana","username":"Ana","content":"una canción",
                "created_at":"2026-11-27T09:00:00.000Z"}],"has_more":false}
                """)
            .Refuses(ErrorCode.Forbidden, ErrorCode.NotMember, ErrorCode.Banned, ErrorCode.RoomNotFound);
    }

    /// <param name="query">As of a <c>search</c> frame.</param>
    /// <param name="roomId">Only in this room.</param>
    /// <param name="from">Only of this user, by id or name.</param>
    /// <param name="beforeSeq">Exclusive upper bound, from 1.</param>
    /// <param name="cursor">Of the page before.</param>
    /// <param name="limit">Messages, 1 to 100; default 20.</param>
    /// <param name="caller">Who asks.</param>
    /// <param name="search">Searches.</param>
    /// <param name="cancellationToken">The client went.</param>
    internal static async Task<IResult> SearchAsync(
        string? query, [FromQuery(Name = "room_id")] string? roomId, string? from, [FromQuery(Name = "before_seq")] long? beforeSeq, string? cursor, int? limit,
        Caller caller, SearchFlow search, CancellationToken cancellationToken)
    {
        var place = 0L;
        if (query is not { Length: <= MaxQueryChars } || limit is < 1 or > LimitOptions.MaxHistoryPage || beforeSeq is < 1 || from is { Length: 0 or > MaxQueryChars }
            || (roomId is not null && !RoomIdFormat.IsValid(roomId))
            || (cursor is not null && !(long.TryParse(cursor, NumberStyles.None, CultureInfo.InvariantCulture, out place) && place > 0)))
        {
            return new Refused(
                ErrorCode.BadRequest, $"query has at most {MaxQueryChars} characters, limit is 1 to {LimitOptions.MaxHistoryPage}, before_seq from 1, cursor is that of a page");
        }

        var found = await search.SearchAsync(caller, new SearchCommand
        {
            Query = query, RoomId = roomId, From = from, BeforeSeq = beforeSeq, Cursor = place > 0 ? place : null, Limit = limit,
        }, cancellationToken);
        return HttpJson.Ok(json => FrameJson.WriteSearch(json, found));
    }
}

/// <summary>Answer of <c>GET search</c>.</summary>
/// <param name="Items">The newest first.</param>
/// <param name="HasMore">There are older ones.</param>
/// <param name="Cursor">Where these begin; absent when there are none.</param>
internal sealed record SearchAnswer(IReadOnlyList<FoundItem> Items, bool HasMore, string? Cursor);

/// <summary>A message that was found.</summary>
/// <param name="Message">Its fields stand beside the room's.</param>
/// <param name="RoomId">Its room.</param>
internal sealed record FoundItem(MessageItem Message, string RoomId) : MessageItem(Message);
