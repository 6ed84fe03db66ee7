using Microsoft.AspNetCore.Mvc;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Doors.Http;

/// <summary>Who belongs to a room, and what was reported there.</summary>
internal static class MemberEndpoints
{
    private const int MaxUserIdChars = 128;

    private static readonly ErrorCode[] Refusals = [ErrorCode.RoomNotFound, ErrorCode.Forbidden, ErrorCode.NotMember, ErrorCode.Banned];

    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/rooms/{roomId}/members", ListMembersAsync)
            .Describe("list_members", "A room's members by user id, page by page; to who may ban also who is banned, muted or invited without being a member.")
            .Answers<MembersAnswer>(example: """
                {"room_id":"lobby","items":[{"user_id":"ana","username":"Ana","role":"owner","banned":false,"muted":false}],"has_more":false,"epoch":"k3v9x2ab","seq":42}
                """)
            .Refuses(Refusals);
        api.MapGet("/rooms/{roomId}/reports", ListReportsAsync)
            .Describe("list_reports", "What was reported in a room, the newest first, page by page.")
            .Answers<ReportsAnswer>(example: """
                {"room_id":"lobby","epoch":"k3v9x2ab","items":[{"message_id":"019ac5f2-7c3e-7d1a-9b52-0d9e6d1f3a10","message_seq":7,"author_id":"bruno","reason":"spam","user_id":"ana","username":"Ana","created_at":"2026-11-27T09:00:00.000Z","seq":9}],"has_more":false}
                """)
            .Refuses(Refusals);
    }

    /// <param name="roomId">The room.</param>
    /// <param name="after">Only users whose id is larger, compared byte by byte: the last one of the page before.</param>
    /// <param name="limit">Users, 1 to 200; default 50.</param>
    /// <param name="caller">Who asks.</param>
    /// <param name="messages">Decides who may see them.</param>
    /// <param name="reads">Tries again while the service is late.</param>
    /// <param name="cancellationToken">The client went.</param>
    internal static async Task<IResult> ListMembersAsync(
        string roomId, string? after, int? limit, Caller caller, MessageService.MessageServiceClient messages, PatientReads reads, CancellationToken cancellationToken)
    {
        if (limit is < 1 or > RoomFrames.MaxMembers || after is { Length: > MaxUserIdChars } || after?.Contains('\0') == true)
        {
            return new Refused(ErrorCode.BadRequest, $"limit is 1 to {RoomFrames.MaxMembers}, after is a user id");
        }

        var asked = new ListMembersRequest
        {
            RoomId = roomId, Actor = caller.ToActor(roomId), AfterUserId = after ?? "", Limit = limit ?? HistoryFlow.DefaultLimit,
        };
        var page = await reads.BeginHistory().ReadAsync(options => messages.ListMembersAsync(asked, options), cancellationToken);
        return HttpJson.Ok(json =>
        {
            json.WriteString("room_id"u8, roomId);
            RoomFrames.WriteMembers(json, MembersEvent.Fit(roomId, null, page, HttpJson.MaxPageBytes));
        });
    }

    /// <param name="roomId">The room.</param>
    /// <param name="beforeSeq">Only reports with a smaller seq.</param>
    /// <param name="limit">Reports, 1 to 100; default 50.</param>
    /// <param name="caller">Who asks.</param>
    /// <param name="messages">Decides who may see them.</param>
    /// <param name="reads">Tries again while the service is late.</param>
    /// <param name="cancellationToken">The client went.</param>
    internal static async Task<IResult> ListReportsAsync(
        string roomId, [FromQuery(Name = "before_seq")] long? beforeSeq, int? limit,
        Caller caller, MessageService.MessageServiceClient messages, PatientReads reads, CancellationToken cancellationToken)
    {
        if (limit is < 1 or > LimitOptions.MaxHistoryPage || beforeSeq is < 1)
        {
            return new Refused(ErrorCode.BadRequest, $"limit is 1 to {LimitOptions.MaxHistoryPage}, before_seq from 1");
        }

        var asked = new ListReportsRequest
        {
            RoomId = roomId, Actor = caller.ToActor(roomId), BeforeSeq = beforeSeq ?? 0, Limit = limit ?? HistoryFlow.DefaultLimit,
        };
        var page = await reads.BeginHistory().ReadAsync(options => messages.ListReportsAsync(asked, options), cancellationToken);
        return HttpJson.Ok(json =>
        {
            json.WriteString("room_id"u8, roomId);
            FrameJson.WriteOptional(json, "epoch"u8, page.Epoch);
            RoomFrames.WriteReports(json, ReportsEvent.Fit(roomId, null, page, HttpJson.MaxPageBytes));
        });
    }
}

/// <summary>Answer of <c>GET rooms/{id}/members</c>.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Items">Ascending by user id.</param>
/// <param name="HasMore">There are more after the last one.</param>
/// <param name="Epoch">Of the seq.</param>
/// <param name="Seq">The room's before the page was read.</param>
internal sealed record MembersAnswer(string RoomId, IReadOnlyList<MemberItem> Items, bool HasMore, string Epoch, long Seq);

/// <summary>A user who has a place in a room.</summary>
/// <param name="UserId">The user.</param>
/// <param name="Username">How that is shown.</param>
/// <param name="Role"><c>owner</c>, <c>moderator</c>, <c>member</c> or <c>guest</c>; empty for who is no member.</param>
/// <param name="Banned">May not enter.</param>
/// <param name="BannedUntil">Absent when it does not end by itself.</param>
/// <param name="Muted">May not speak.</param>
/// <param name="MutedUntil">Absent when it does not end by itself.</param>
/// <param name="InvitedBy">Who invited the user, who has not answered.</param>
internal sealed record MemberItem(
    string UserId, string Username, string Role, bool Banned, DateTimeOffset? BannedUntil, bool Muted, DateTimeOffset? MutedUntil, string? InvitedBy);

/// <summary>Answer of <c>GET rooms/{id}/reports</c>.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Epoch">Of the seqs.</param>
/// <param name="Items">The newest first.</param>
/// <param name="HasMore">There are older ones.</param>
internal sealed record ReportsAnswer(string RoomId, string? Epoch, IReadOnlyList<ReportItem> Items, bool HasMore);

/// <summary>A report of a message.</summary>
/// <param name="MessageId">The message.</param>
/// <param name="MessageSeq">Of the message.</param>
/// <param name="AuthorId">Who wrote the message.</param>
/// <param name="Reason">Absent when none was given.</param>
/// <param name="UserId">Who reports it.</param>
/// <param name="Username">How that is shown.</param>
/// <param name="CreatedAt">Of the report.</param>
/// <param name="Seq">Of the report.</param>
internal sealed record ReportItem(
    string MessageId, long MessageSeq, string AuthorId, string? Reason, string UserId, string? Username, DateTimeOffset? CreatedAt, long Seq);
