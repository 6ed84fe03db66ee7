using Microsoft.AspNetCore.Mvc;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Doors.Http;

/// <summary>Messages of a room, and one message.</summary>
internal static class MessageEndpoints
{
    private const int DefaultLimit = 50;

    private const string Example =
        """
        "id":"019ac5f2-8a11-7e02-8a43-5b1c2d3e4f50","seq":42,"user_id":"ana","username":"Ana","content":"Hola","created_at":"2026-11-27T09:00:00.000Z","client_msg_id":"c-17"
        """;

    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapPost("/rooms/{roomId}/messages", SendAsync)
            .Describe("send_message", "Writes a message. 201 means that it is durable. Idempotency-Key stands for client_msg_id.")
            .Takes<MessageBody>("""{"content":"Hola","reply_to":"019ac5f2-7c3e-7d1a-9b52-0d9e6d1f3a10","metadata":{"lang":"es"}}""")
            .Answers<SentAnswer>(StatusCodes.Status201Created, """
                {"room_id":"lobby","message_id":"019ac5f2-8a11-7e02-8a43-5b1c2d3e4f50","client_msg_id":"c-17","seq":42,"epoch":"k3v9x2ab","timestamp":"2026-11-27T09:00:00.000Z","duplicate":false}
                """)
            .TakesKey()
            .Refuses(ErrorCode.InvalidJson, ErrorCode.InvalidMessage, ErrorCode.TooLarge, ErrorCode.Forbidden, ErrorCode.NotMember, ErrorCode.Muted, ErrorCode.Banned,
                ErrorCode.RoomNotFound, ErrorCode.Overloaded);
        api.MapGet("/rooms/{roomId}/messages", ListAsync)
            .Describe("list_messages", "A page of a room's messages in their current state, ascending by seq: the newest ones, or those before or after a seq.")
            .Answers<MessagesAnswer>(example: $$"""{"room_id":"lobby","epoch":"k3v9x2ab","items":[{{{Example}}}],"has_more":true}""")
            .Refuses(ErrorCode.Forbidden, ErrorCode.NotMember, ErrorCode.Banned, ErrorCode.RoomNotFound);
        api.MapGet("/messages/{messageId}", GetAsync)
            .Describe("get_message", "One message in its current state.")
            .Answers<MessageAnswer>(example: $$"""{"room_id":"lobby","epoch":"k3v9x2ab",{{Example}}}""")
            .Refuses(ErrorCode.MessageNotFound);
    }

    /// <returns>201 and the acknowledgement of a socket's <c>message_sent</c>; 422 <c>bad_request</c> when the key was used for another message.</returns>
    internal static async Task<IResult> SendAsync(
        string roomId, HttpRequest request, Caller caller, HttpCommands commands, MessageService.MessageServiceClient messages, CancellationToken cancellationToken)
    {
        var (body, refused) = await HttpCommands.ReadBodyAsync(request, cancellationToken);
        return refused ?? await SendBodyAsync(roomId, request, body, caller, commands, messages, cancellationToken);
    }

    /// <summary>As the endpoint, of a body that was read already.</summary>
    internal static async Task<IResult> SendBodyAsync(
        string roomId, HttpRequest request, byte[] body, Caller caller, HttpCommands commands, MessageService.MessageServiceClient messages, CancellationToken cancellationToken)
    {
        var (command, refused) = commands.Read<MessageCommand>(body, "message", roomId);
        if (command is null)
        {
            return refused!;
        }

        if (!IdempotencyKey.TryRead(request, out var key) || (key is not null && command.ClientMsgId is not null && command.ClientMsgId != key))
        {
            return new Refused(ErrorCode.BadRequest, IdempotencyKey.Rule + "; a client_msg_id beside it must be the same");
        }

        command = command with { ClientMsgId = command.ClientMsgId ?? key };
        if (await commands.RunAsync(caller, command, cancellationToken) is var outcome && outcome is not MessageSentEvent sent)
        {
            return Refused.Of(outcome);
        }

        if (sent.Duplicate && key is not null && !await IsSameAsync(roomId, sent.Seq, command, messages, cancellationToken))
        {
            return IdempotencyKey.Reused;
        }

        return HttpJson.Created(LocationOf(sent.MessageId), json =>
        {
            json.WriteString("room_id"u8, roomId);
            json.WriteString("message_id"u8, sent.MessageId);
            FrameJson.WriteOptional(json, "client_msg_id"u8, sent.ClientMsgId);
            json.WriteNumber("seq"u8, sent.Seq);
            FrameJson.WriteOptional(json, "epoch"u8, sent.Epoch);
            FrameJson.WriteTime(json, "timestamp"u8, sent.TimestampMs);
            json.WriteBoolean("duplicate"u8, sent.Duplicate);
        });
    }

    /// <param name="roomId">The room.</param>
    /// <param name="beforeSeq">Exclusive upper bound, from 1.</param>
    /// <param name="afterSeq">Exclusive lower bound, from 0; not with the other one.</param>
    /// <param name="around">Id of the message that the page is around; without bounds.</param>
    /// <param name="limit">Messages, 1 to 100; default 50.</param>
    /// <param name="caller">Who asks.</param>
    /// <param name="messages">Decides who may read.</param>
    /// <param name="reads">Tries again while the service is late.</param>
    /// <param name="cancellationToken">The client went.</param>
    internal static async Task<IResult> ListAsync(
        string roomId, [FromQuery(Name = "before_seq")] long? beforeSeq, [FromQuery(Name = "after_seq")] long? afterSeq,
        [FromQuery(Name = "around_message_id")] string? around, int? limit,
        Caller caller, MessageService.MessageServiceClient messages, PatientReads reads, CancellationToken cancellationToken)
    {
        if (limit is < 1 or > LimitOptions.MaxHistoryPage || beforeSeq is < 1 || afterSeq is < 0 || (beforeSeq is not null && afterSeq is not null))
        {
            return new Refused(ErrorCode.BadRequest, $"limit is 1 to {LimitOptions.MaxHistoryPage}, before_seq from 1, after_seq from 0, and at most one of the two is set");
        }

        var asked = new GetHistoryRequest { RoomId = roomId, Actor = caller.ToActor(roomId), Limit = limit ?? DefaultLimit };
        if (beforeSeq is { } before)
        {
            asked.BeforeSeq = before;
        }

        if (afterSeq is { } after)
        {
            asked.AfterSeq = after;
        }

        asked.AroundMessageId = around ?? "";
        var page = await reads.BeginHistory().ReadAsync(options => messages.GetHistoryAsync(asked, options), cancellationToken);
        var shown = around is { Length: > 0 } ? HistoryEvent.FitAround(roomId, null, page, HttpJson.MaxPageBytes) : null;
        var items = shown?.Items ?? EventSize.Fit(page.Messages, HttpJson.MaxPageBytes, fromEnd: afterSeq is null);
        return HttpJson.Ok(json =>
        {
            json.WriteString("room_id"u8, roomId);
            FrameJson.WriteOptional(json, "epoch"u8, page.Epoch);
            FrameJson.WriteMessages(json, "items"u8, items);
            json.WriteBoolean("has_more"u8, page.HasMore || items.Count < page.Messages.Count);
            if (shown is { Around: { } ends })
            {
                json.WriteBoolean("has_more_before"u8, ends.HasMoreBefore);
                json.WriteBoolean("has_more_after"u8, ends.HasMoreAfter);
            }
        });
    }

    /// <returns>200, or 404 <c>message_not_found</c>, also where the caller may not read it.</returns>
    internal static async Task<IResult> GetAsync(
        string messageId, Caller caller, MessageService.MessageServiceClient messages, PatientReads reads, CancellationToken cancellationToken)
    {
        var found = await FindAsync(messageId, caller, messages, reads, cancellationToken);
        return HttpJson.Ok(json =>
        {
            json.WriteString("room_id"u8, found.RoomId);
            FrameJson.WriteOptional(json, "epoch"u8, found.Epoch);
            FrameJson.WriteMessageFields(json, found.Message);
        });
    }

    /// <summary>The room of a message that is named without it, for the commands of <c>messages/{id}</c>. Says nothing of who may do what.</summary>
    /// <exception cref="Grpc.Core.RpcException"><c>message_not_found</c>, <c>unavailable</c>: <see cref="HttpAccess"/> answers.</exception>
    internal static async Task<string> RoomOfAsync(
        string messageId, MessageService.MessageServiceClient messages, PatientReads reads, CancellationToken cancellationToken)
    {
        var asked = new GetMessageRequest { MessageId = messageId };
        return (await reads.BeginHistory().ReadAsync(options => messages.GetMessageAsync(asked, options), cancellationToken)).RoomId;
    }

    /// <summary>Where a message is.</summary>
    internal static string LocationOf(string messageId) => $"{HttpDoor.Root}/messages/{messageId}";

    // What a token grants depends on the room, which has to be known first.
    private static async Task<GetMessageReply> FindAsync(
        string messageId, Caller caller, MessageService.MessageServiceClient messages, PatientReads reads, CancellationToken cancellationToken)
    {
        var roomId = caller.ToScope() is null ? "" : await RoomOfAsync(messageId, messages, reads, cancellationToken);
        var asked = new GetMessageRequest { MessageId = messageId, Actor = caller.ToActor(roomId) };
        return await reads.BeginHistory().ReadAsync(options => messages.GetMessageAsync(asked, options), cancellationToken);
    }

    // Read only when a key comes again: what the key wrote first is in the log for ever.
    private static async Task<bool> IsSameAsync(
        string roomId, long seq, MessageCommand command, MessageService.MessageServiceClient messages, CancellationToken cancellationToken)
    {
        var asked = new GetEventsRequest { RoomId = roomId, FromSeq = seq, ToSeq = seq, Limit = 1 };
        var reply = await messages.GetEventsAsync(asked, deadline: DateTime.UtcNow + HttpDoor.ReadDeadline, cancellationToken: cancellationToken);
        return reply.Events.Events is not [{ Message: { } first }]
            || (first.Content == command.Content && first.ReplyTo == (command.ReplyTo ?? "") && first.Metadata.Span.SequenceEqual(command.Metadata.Span));
    }
}

/// <summary>Body of <c>POST rooms/{id}/messages</c>: the fields of a <c>message</c> frame.</summary>
/// <param name="Content">1 to <c>Limits:ContentLength</c> characters.</param>
/// <param name="ClientMsgId">1 to 64 characters, unique per room and user for ever.</param>
/// <param name="ReplyTo">Id of the message it answers.</param>
/// <param name="Metadata">An object of at most 4 KiB.</param>
internal sealed record MessageBody(string Content, string? ClientMsgId, string? ReplyTo, Dictionary<string, object>? Metadata);

/// <summary>Answer of <c>POST rooms/{id}/messages</c>.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="MessageId">UUIDv7.</param>
/// <param name="ClientMsgId">As chosen, or the key.</param>
/// <param name="Seq">Its place in the room's log.</param>
/// <param name="Epoch">Of the seq.</param>
/// <param name="Timestamp">Of the write.</param>
/// <param name="Duplicate">It was there already: this is the first result.</param>
internal sealed record SentAnswer(string RoomId, string MessageId, string? ClientMsgId, long Seq, string? Epoch, DateTimeOffset Timestamp, bool Duplicate);

/// <summary>A message in its current state.</summary>
/// <param name="Id">UUIDv7.</param>
/// <param name="Seq">Of its creation.</param>
/// <param name="UserId">Who wrote it.</param>
/// <param name="Username">How that is shown.</param>
/// <param name="Content">As typed.</param>
/// <param name="CreatedAt">Of the write.</param>
/// <param name="ClientMsgId">As the sender chose it.</param>
/// <param name="ReplyTo">The message it answers.</param>
/// <param name="Metadata">As sent.</param>
/// <param name="ThreadRoot">Of a reply: id of the message that its thread began with.</param>
/// <param name="UpdatedSeq">Of the last change; as what follows only when it was changed.</param>
/// <param name="Version">Counts the edits, from 1.</param>
/// <param name="EditedAt">When it was edited last.</param>
/// <param name="DeletedAt">When it was deleted: then <c>content</c> is empty.</param>
/// <param name="DeletedBy">Who deleted it.</param>
/// <param name="Pinned">It is pinned to the room.</param>
/// <param name="PinnedSeq">Of the pin.</param>
/// <param name="PinnedAt">When it was pinned.</param>
/// <param name="PinnedBy">Who pinned it.</param>
/// <param name="ReplyCount">Replies in its thread, deleted ones included.</param>
/// <param name="LastReplyAt">When the last reply came.</param>
/// <param name="Reactions">In the order in which the emoji came first.</param>
internal record MessageItem(
    string Id, long Seq, string UserId, string Username, string Content, DateTimeOffset CreatedAt, string? ClientMsgId, string? ReplyTo, Dictionary<string, object>? Metadata,
    string? ThreadRoot = null, long? UpdatedSeq = null, long? Version = null, DateTimeOffset? EditedAt = null, DateTimeOffset? DeletedAt = null,
    string? DeletedBy = null, bool? Pinned = null, long? PinnedSeq = null, DateTimeOffset? PinnedAt = null, string? PinnedBy = null, long? ReplyCount = null,
    DateTimeOffset? LastReplyAt = null, IReadOnlyList<ReactionItem>? Reactions = null);

/// <summary>The reactions to a message with one emoji.</summary>
/// <param name="Emoji">One emoji, or a name in colons.</param>
/// <param name="Count">How many.</param>
/// <param name="UserIds">The first 10 who did.</param>
/// <param name="Me">The caller is among them.</param>
internal sealed record ReactionItem(string Emoji, long Count, IReadOnlyList<string> UserIds, bool Me);

/// <summary>Answer of <c>GET rooms/{id}/messages</c>.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Epoch">Of the seqs.</param>
/// <param name="Items">Ascending by seq.</param>
/// <param name="HasMore">There are more in the direction of the page.</param>
/// <param name="HasMoreBefore">Of a page around a message: there are older ones.</param>
/// <param name="HasMoreAfter">Of a page around a message: there are newer ones.</param>
internal sealed record MessagesAnswer(
    string RoomId, string? Epoch, IReadOnlyList<MessageItem> Items, bool HasMore, bool? HasMoreBefore, bool? HasMoreAfter);

/// <summary>Answer of <c>GET messages/{id}</c>.</summary>
/// <param name="Message">Its fields stand beside the room's.</param>
/// <param name="RoomId">The room.</param>
/// <param name="Epoch">Of the seq.</param>
internal sealed record MessageAnswer(MessageItem Message, string RoomId, string? Epoch) : MessageItem(Message);
