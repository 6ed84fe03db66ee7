using Grpc.Core;
using Microsoft.AspNetCore.Mvc;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Doors.Http;

/// <summary>Changes of a message, and what belongs to it: reactions, its pin, its thread. The answer means that the change is durable, or was made before.</summary>
internal static class MessageChangeEndpoints
{
    private const int DefaultLimit = 50;

    private static readonly ErrorCode[] Refusals =
        [ErrorCode.MessageNotFound, ErrorCode.Forbidden, ErrorCode.Muted, ErrorCode.Overloaded];

    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapPatch("/messages/{messageId}", EditAsync)
            .Describe("edit_message", "Changes what a message says. With a version that is not the present one nothing is done.")
            .Takes<EditBody>("""{"content":"Hola a todos","version":1}""")
            .Answers<EditedAnswer>(
                example: """
                {"room_id":"lobby","epoch":"k3v9x2ab","id":"019ac5f2-7c3e-7d1a-9b52-0d9e6d1f3a10","user_id":"ana","content":"Hola a todos","version":2,"edited_at":"2026-11-27T09:00:00.000Z","message_seq":7,"seq":9}
                """)
            .Refuses([.. Refusals, ErrorCode.InvalidJson, ErrorCode.InvalidMessage, ErrorCode.VersionConflict]);
        api.MapDelete("/messages/{messageId}", DeleteAsync)
            .Describe("delete_message", "Takes what a message says away; its place stays.")
            .Answers<DeletedAnswer>(
                example: """
                {"room_id":"lobby","epoch":"k3v9x2ab","id":"019ac5f2-7c3e-7d1a-9b52-0d9e6d1f3a10","deleted_by":"ana","deleted_at":"2026-11-27T09:00:00.000Z","message_seq":7,"seq":9}
                """)
            .Refuses(Refusals);
        const string Reacted = """
            {"room_id":"lobby","epoch":"k3v9x2ab","message_id":"019ac5f2-7c3e-7d1a-9b52-0d9e6d1f3a10","emoji":"👍","user_id":"ana","username":"Ana","action":"add","counts":{"👍":2},"message_seq":7,"seq":9}
            """;
        api.MapPut("/messages/{messageId}/reactions/{emoji}", AddReactionAsync)
            .Describe("add_reaction", "Reacts to a message with an emoji, or a name in colons.").Answers<ReactionAnswer>(example: Reacted)
            .Refuses([.. Refusals, ErrorCode.LimitExceeded]);
        api.MapDelete("/messages/{messageId}/reactions/{emoji}", RemoveReactionAsync)
            .Describe("remove_reaction", "Takes a reaction back.").Answers<ReactionAnswer>(example: Reacted).Refuses(Refusals);
        const string Pinned = """
            {"room_id":"lobby","epoch":"k3v9x2ab","message_id":"019ac5f2-7c3e-7d1a-9b52-0d9e6d1f3a10","user_id":"ana","pinned":true,"at":"2026-11-27T09:00:00.000Z","message_seq":7,"seq":9}
            """;
        api.MapPut("/messages/{messageId}/pin", PinAsync)
            .Describe("pin_message", "Pins a message to its room.").Answers<PinnedAnswer>(example: Pinned).Refuses([.. Refusals, ErrorCode.LimitExceeded]);
        api.MapDelete("/messages/{messageId}/pin", UnpinAsync)
            .Describe("unpin_message", "Takes a message's pin off.").Answers<PinnedAnswer>(example: Pinned).Refuses(Refusals);
        api.MapGet("/messages/{messageId}/thread", GetThreadAsync)
            .Describe("get_thread", "The message that a thread began with, named by its id or that of a reply, and a page of the replies, ascending by seq.")
            .Answers<ThreadAnswer>(example: $$"""{"room_id":"lobby","epoch":"k3v9x2ab","root":{{Item}},"items":[],"has_more":false}""")
            .Refuses(ErrorCode.MessageNotFound);
        api.MapGet("/rooms/{roomId}/pins", GetPinsAsync)
            .Describe("list_pins", "A page of a room's pinned messages, those first that were pinned last.")
            .Answers<MessagesAnswer>(example: $$"""{"room_id":"lobby","epoch":"k3v9x2ab","items":[{{Item}}],"has_more":false}""")
            .Refuses(ErrorCode.RoomNotFound, ErrorCode.Forbidden, ErrorCode.NotMember, ErrorCode.Banned);
    }

    private const string Item =
        """{"id":"019ac5f2-7c3e-7d1a-9b52-0d9e6d1f3a10","seq":7,"user_id":"ana","username":"Ana","content":"Hola","created_at":"2026-11-27T09:00:00.000Z"}""";

    internal static async Task<IResult> EditAsync(
        string messageId, HttpRequest request, Caller caller, HttpCommands commands, MessageService.MessageServiceClient messages, PatientReads reads,
        CancellationToken cancellationToken)
    {
        // The body first: a bad one is told so whether or not there is such a message.
        var (command, refused) = await commands.ReadAsync<EditCommand>(request, "message_edit", roomId: null, cancellationToken, ("message_id", messageId));
        return command is null ? refused! : await RunAsync(caller, command, commands, messages, reads, cancellationToken);
    }

    internal static async Task<IResult> DeleteAsync(
        string messageId, Caller caller, HttpCommands commands, MessageService.MessageServiceClient messages, PatientReads reads, CancellationToken cancellationToken) =>
        await RunAsync(caller, new DeleteCommand { MessageId = messageId }, commands, messages, reads, cancellationToken);

    internal static async Task<IResult> AddReactionAsync(
        string messageId, string emoji, Caller caller, HttpCommands commands, MessageService.MessageServiceClient messages, PatientReads reads,
        CancellationToken cancellationToken) =>
        await RunAsync(caller, new ReactCommand { MessageId = messageId, Emoji = emoji }, commands, messages, reads, cancellationToken);

    internal static async Task<IResult> RemoveReactionAsync(
        string messageId, string emoji, Caller caller, HttpCommands commands, MessageService.MessageServiceClient messages, PatientReads reads,
        CancellationToken cancellationToken) =>
        await RunAsync(caller, new ReactCommand { MessageId = messageId, Emoji = emoji, Removes = true }, commands, messages, reads, cancellationToken);

    internal static async Task<IResult> PinAsync(
        string messageId, Caller caller, HttpCommands commands, MessageService.MessageServiceClient messages, PatientReads reads, CancellationToken cancellationToken) =>
        await RunAsync(caller, new PinCommand { MessageId = messageId }, commands, messages, reads, cancellationToken);

    internal static async Task<IResult> UnpinAsync(
        string messageId, Caller caller, HttpCommands commands, MessageService.MessageServiceClient messages, PatientReads reads, CancellationToken cancellationToken) =>
        await RunAsync(caller, new PinCommand { MessageId = messageId, Unpins = true }, commands, messages, reads, cancellationToken);

    /// <param name="messageId">The root, or a reply.</param>
    /// <param name="beforeSeq">Exclusive upper bound, from 1.</param>
    /// <param name="afterSeq">Exclusive lower bound, from 0; not with the other one.</param>
    /// <param name="limit">Replies, 1 to 100; default 50.</param>
    /// <param name="caller">Who asks.</param>
    /// <param name="messages">Decides who may read.</param>
    /// <param name="reads">Tries again while the service is late.</param>
    /// <param name="cancellationToken">The client went.</param>
    internal static async Task<IResult> GetThreadAsync(
        string messageId, [FromQuery(Name = "before_seq")] long? beforeSeq, [FromQuery(Name = "after_seq")] long? afterSeq, int? limit,
        Caller caller, MessageService.MessageServiceClient messages, PatientReads reads, CancellationToken cancellationToken)
    {
        if (limit is < 1 or > LimitOptions.MaxHistoryPage || beforeSeq is < 1 || afterSeq is < 0 || (beforeSeq is not null && afterSeq is not null))
        {
            return new Refused(ErrorCode.BadRequest, $"limit is 1 to {LimitOptions.MaxHistoryPage}, before_seq from 1, after_seq from 0, and at most one of the two is set");
        }

        var roomId = await MessageEndpoints.RoomOfAsync(messageId, messages, reads, cancellationToken);
        var asked = new GetThreadRequest { RoomId = roomId, Actor = caller.ToActor(roomId), RootId = messageId, Limit = limit ?? DefaultLimit };
        if (beforeSeq is { } before)
        {
            asked.BeforeSeq = before;
        }

        if (afterSeq is { } after)
        {
            asked.AfterSeq = after;
        }

        ThreadPage page;
        try
        {
            page = await reads.BeginHistory().ReadAsync(options => messages.GetThreadAsync(asked, options), cancellationToken);
        }
        catch (RpcException exception) when (Hides(RpcErrors.ToRefusal(exception).Code, caller, roomId))
        {
            return new Refused(ErrorCode.MessageNotFound);
        }

        var items = EventSize.Fit(page.Messages, HttpJson.MaxPageBytes, fromEnd: afterSeq is null);
        return HttpJson.Ok(json =>
        {
            json.WriteString("room_id"u8, roomId);
            FrameJson.WriteOptional(json, "epoch"u8, page.Epoch);
            json.WriteStartObject("root"u8);
            FrameJson.WriteMessageFields(json, page.Root);
            json.WriteEndObject();
            FrameJson.WriteMessages(json, "items"u8, items);
            json.WriteBoolean("has_more"u8, page.HasMore || items.Count < page.Messages.Count);
        });
    }

    /// <param name="roomId">The room.</param>
    /// <param name="beforeSeq">Only pins with a smaller <c>pinned_seq</c>.</param>
    /// <param name="limit">Messages, 1 to 100; default 50.</param>
    /// <param name="caller">Who asks.</param>
    /// <param name="messages">Decides who may read.</param>
    /// <param name="reads">Tries again while the service is late.</param>
    /// <param name="cancellationToken">The client went.</param>
    internal static async Task<IResult> GetPinsAsync(
        string roomId, [FromQuery(Name = "before_seq")] long? beforeSeq, int? limit,
        Caller caller, MessageService.MessageServiceClient messages, PatientReads reads, CancellationToken cancellationToken)
    {
        if (limit is < 1 or > LimitOptions.MaxHistoryPage || beforeSeq is < 1)
        {
            return new Refused(ErrorCode.BadRequest, $"limit is 1 to {LimitOptions.MaxHistoryPage}, before_seq from 1");
        }

        var asked = new GetPinsRequest { RoomId = roomId, Actor = caller.ToActor(roomId), BeforePinnedSeq = beforeSeq ?? 0, Limit = limit ?? DefaultLimit };
        var page = await reads.BeginHistory().ReadAsync(options => messages.GetPinsAsync(asked, options), cancellationToken);
        var items = EventSize.Fit(page.Messages, HttpJson.MaxPageBytes, fromEnd: false);
        return HttpJson.Ok(json =>
        {
            json.WriteString("room_id"u8, roomId);
            FrameJson.WriteOptional(json, "epoch"u8, page.Epoch);
            FrameJson.WriteMessages(json, "items"u8, items);
            json.WriteBoolean("has_more"u8, page.HasMore || items.Count < page.Messages.Count);
        });
    }

    private static async Task<IResult> RunAsync(
        Caller caller, MessageChangeCommand command, HttpCommands commands, MessageService.MessageServiceClient messages, PatientReads reads,
        CancellationToken cancellationToken)
    {
        var roomId = await MessageEndpoints.RoomOfAsync(command.MessageId!, messages, reads, cancellationToken);
        var outcome = await commands.RunAsync(caller, command with { RoomId = roomId }, cancellationToken);
        if (outcome is ErrorEvent { Code: var code } && Hides(code, caller, roomId))
        {
            return new Refused(ErrorCode.MessageNotFound);
        }

        return outcome is not EntryEvent changed ? Refused.Of(outcome) : HttpJson.Ok(json =>
        {
            json.WriteString("room_id"u8, changed.RoomId);
            FrameJson.WriteOptional(json, "epoch"u8, changed.Epoch);
            EntryJson.WriteFields(json, changed);
        });
    }

    // The path names no room: who may not read the message is not told that it exists, as by GET messages/{id}.
    internal static bool Hides(ErrorCode refusal, Caller caller, string roomId) =>
        refusal is ErrorCode.NotMember or ErrorCode.Banned or ErrorCode.RoomNotFound || (refusal == ErrorCode.Forbidden && !caller.MayRead(roomId));
}

/// <summary>Body of <c>PATCH messages/{id}</c>: the fields of a <c>message_edit</c> frame.</summary>
/// <param name="Content">1 to <c>Limits:ContentLength</c> characters.</param>
/// <param name="Version">The version that was changed; absent: whatever it is.</param>
internal sealed record EditBody(string Content, long? Version);

/// <summary>Answer of <c>PATCH messages/{id}</c>.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Epoch">Of the seqs.</param>
/// <param name="Id">The message.</param>
/// <param name="UserId">Who changed it.</param>
/// <param name="Content">What it says.</param>
/// <param name="Version">Counts the edits, from 1.</param>
/// <param name="EditedAt">Of the write.</param>
/// <param name="MessageSeq">Of the message.</param>
/// <param name="Seq">Of the change; absent when it was so already.</param>
internal sealed record EditedAnswer(
    string RoomId, string? Epoch, string Id, string UserId, string Content, long Version, DateTimeOffset? EditedAt, long MessageSeq, long? Seq);

/// <summary>Answer of <c>DELETE messages/{id}</c>.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Epoch">Of the seqs.</param>
/// <param name="Id">The message.</param>
/// <param name="DeletedBy">Who deleted it.</param>
/// <param name="DeletedAt">Of the write.</param>
/// <param name="MessageSeq">Of the message.</param>
/// <param name="Seq">Of the change; absent when it was so already.</param>
internal sealed record DeletedAnswer(string RoomId, string? Epoch, string Id, string DeletedBy, DateTimeOffset? DeletedAt, long MessageSeq, long? Seq);

/// <summary>Answer of <c>messages/{id}/reactions/{emoji}</c>.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Epoch">Of the seqs.</param>
/// <param name="MessageId">The message.</param>
/// <param name="Emoji">One emoji, or a name in colons.</param>
/// <param name="UserId">Who reacted.</param>
/// <param name="Username">How that is shown.</param>
/// <param name="Action"><c>add</c> or <c>remove</c>.</param>
/// <param name="Counts">All reactions to the message, by emoji.</param>
/// <param name="MessageSeq">Of the message.</param>
/// <param name="Seq">Of the change; absent when it was so already.</param>
internal sealed record ReactionAnswer(
    string RoomId, string? Epoch, string MessageId, string Emoji, string UserId, string? Username, string Action, Dictionary<string, long> Counts, long MessageSeq,
    long? Seq);

/// <summary>Answer of <c>messages/{id}/pin</c>.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Epoch">Of the seqs.</param>
/// <param name="MessageId">The message.</param>
/// <param name="UserId">Who pinned it, or took the pin off.</param>
/// <param name="Pinned">It is pinned.</param>
/// <param name="At">Of the write.</param>
/// <param name="MessageSeq">Of the message.</param>
/// <param name="Seq">Of the change; absent when it was so already.</param>
internal sealed record PinnedAnswer(
    string RoomId, string? Epoch, string MessageId, string UserId, bool Pinned, DateTimeOffset? At, long MessageSeq, long? Seq);

/// <summary>Answer of <c>GET messages/{id}/thread</c>.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Epoch">Of the seqs.</param>
/// <param name="Root">The message that the thread began with.</param>
/// <param name="Items">Replies, ascending by seq.</param>
/// <param name="HasMore">There are more in the direction of the page.</param>
internal sealed record ThreadAnswer(string RoomId, string? Epoch, MessageItem Root, IReadOnlyList<MessageItem> Items, bool HasMore);
