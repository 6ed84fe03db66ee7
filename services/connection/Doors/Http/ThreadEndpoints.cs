using Grpc.Core;
using Microsoft.AspNetCore.Mvc;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Notifying;
using Tertulia.Connections.Rooms;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Doors.Http;

/// <summary>The threads that the caller follows.</summary>
internal static class ThreadEndpoints
{
    private const string Item =
        """{"room_id":"lobby","thread_root":"019ac5f2-7c3e-7d1a-9b52-0d9e6d1f3a10","following":true,"read_seq":40,"unread":2,"last_seq":42""";

    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/threads", ListAsync)
            .Describe("list_threads", "The threads that the caller follows, those first that were answered last, page by page.")
            .Answers<ThreadsAnswer>(
                example: $$"""
                {"items":[{{Item}},"last_reply_at":"2026-11-27T09:00:00.000Z"}],"has_more":true,"cursor":"1795770000000.019ac5f2-7c3e-7d1a-9b52-0d9e6d1f3a10"}
                """)
            .Refuses();
        api.MapPut("/messages/{messageId}/following", FollowAsync)
            .Describe("follow_thread", "The caller follows the thread of a message, and has read what is there.")
            .Answers<ThreadAnswerItem>(example: Item + "}")
            .Refuses(ErrorCode.MessageNotFound);
        api.MapDelete("/messages/{messageId}/following", UnfollowAsync)
            .Describe("unfollow_thread", "The caller does not follow the thread of a message any more.")
            .Answers<ThreadAnswerItem>(example: Item + "}")
            .Refuses(ErrorCode.MessageNotFound);
    }

    /// <param name="unreadOnly">Only those in which something is not read.</param>
    /// <param name="cursor">Of the page before.</param>
    /// <param name="limit">Threads, 1 to 100; default 50.</param>
    /// <param name="caller">Whose.</param>
    /// <param name="threads">Reads them.</param>
    /// <param name="cancellationToken">The client went.</param>
    internal static async Task<IResult> ListAsync(
        [FromQuery(Name = "unread_only")] bool? unreadOnly, string? cursor, int? limit, Caller caller, ThreadFlow threads, CancellationToken cancellationToken)
    {
        if (limit is < 1 or > LimitOptions.MaxHistoryPage || cursor is { Length: > RoomListFrames.MaxCursorChars } || cursor?.Contains('\0') == true)
        {
            return new Refused(ErrorCode.BadRequest, $"limit is 1 to {LimitOptions.MaxHistoryPage}, cursor is that of a page");
        }

        var page = await threads.ListAsync(caller, new ThreadsCommand { UnreadOnly = unreadOnly ?? false, Cursor = cursor, Limit = limit }, cancellationToken);
        return HttpJson.Ok(json => ThreadFrames.WriteList(json, page));
    }

    internal static Task<IResult> FollowAsync(
        string messageId, Caller caller, HttpCommands commands, ThreadFlow threads, MessageService.MessageServiceClient messages, PatientReads reads,
        CancellationToken cancellationToken) => ChooseAsync(messageId, unfollows: false, caller, commands, threads, messages, reads, cancellationToken);

    internal static Task<IResult> UnfollowAsync(
        string messageId, Caller caller, HttpCommands commands, ThreadFlow threads, MessageService.MessageServiceClient messages, PatientReads reads,
        CancellationToken cancellationToken) => ChooseAsync(messageId, unfollows: true, caller, commands, threads, messages, reads, cancellationToken);

    private static async Task<IResult> ChooseAsync(
        string messageId, bool unfollows, Caller caller, HttpCommands commands, ThreadFlow threads, MessageService.MessageServiceClient messages,
        PatientReads reads, CancellationToken cancellationToken)
    {
        var roomId = await MessageEndpoints.RoomOfAsync(messageId, messages, reads, cancellationToken);
        try
        {
            return commands.Answer(
                await threads.FollowAsync(caller, roomId, new FollowThreadCommand { ThreadRoot = messageId, Unfollows = unfollows }, cancellationToken));
        }
        catch (RpcException exception) when (MessageChangeEndpoints.Hides(RpcErrors.ToRefusal(exception).Code, caller, roomId))
        {
            return new Refused(ErrorCode.MessageNotFound);
        }
    }
}

/// <summary>Answer of <c>GET threads</c>.</summary>
/// <param name="Items">Those first that were answered last.</param>
/// <param name="HasMore">There are more.</param>
/// <param name="Cursor">Of the next page; absent when there is none.</param>
internal sealed record ThreadsAnswer(IReadOnlyList<ThreadAnswerItem> Items, bool HasMore, string? Cursor);

/// <summary>A thread and how far the caller has read it.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="ThreadRoot">The message that it began with.</param>
/// <param name="Following">Whether the caller follows it.</param>
/// <param name="ReadSeq">All up to it is read.</param>
/// <param name="Unread">Replies of others after that, up to <paramref name="LastSeq"/>; 1,000 means that or more.</param>
/// <param name="LastSeq">Of the newest reply that was counted.</param>
/// <param name="LastReplyAt">Of the newest reply, in lists.</param>
internal sealed record ThreadAnswerItem(
    string RoomId, string ThreadRoot, bool Following, long ReadSeq, uint Unread, long LastSeq, DateTimeOffset? LastReplyAt);
