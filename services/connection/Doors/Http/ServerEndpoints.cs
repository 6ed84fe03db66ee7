using System.Text.Json;
using Google.Protobuf;
using Microsoft.AspNetCore.Mvc;
using Tertulia.Bus;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Doors.Http;

/// <summary>What the backend of an application asks, with a service key (<c>X-Api-Key</c>) or a token of role <c>service</c> or <c>admin</c>.</summary>
internal static class ServerEndpoints
{
    private const int MaxPayloadBytes = 16 * 1024;
    private const int MaxReasonBytes = 123; // Of a close frame (RFC 6455, 5.5), less its code.

    public static void Map(IEndpointRouteBuilder routes)
    {
        var api = routes.MapGroup("/server").WithMetadata(new HttpGuard(ServicesOnly: true));
        api.MapPost("/messages", SendAsync)
            .Describe("server_send_message", "Writes a message on behalf of a user, who need not be a member of the room. 201 means that it is durable.")
            .Takes<ServerMessageBody>("""{"room_id":"lobby","user_id":"shop","username":"Shop","content":"Your order is on its way"}""")
            .Answers<SentAnswer>(StatusCodes.Status201Created, """
                {"room_id":"lobby","message_id":"019ac5f2-8a11-7e02-8a43-5b1c2d3e4f50","seq":42,"epoch":"k3v9x2ab","timestamp":"2026-11-27T09:00:00.000Z","duplicate":false}
                """)
            .TakesKey()
            .Refuses(ErrorCode.InvalidJson, ErrorCode.InvalidMessage, ErrorCode.TooLarge, ErrorCode.Forbidden, ErrorCode.RoomNotFound, ErrorCode.Overloaded);
        ServerNotificationEndpoint.Map(api);
        api.MapPost("/broadcast", BroadcastAsync)
            .Describe("server_broadcast", "Tells those who are connected now an event of the application: a user, who is in a room, or all. Not stored.")
            .Takes<ServerBroadcastBody>("""{"user_id":"ana","event":"order_changed","payload":{"id":7}}""")
            .Answers<OrderedAnswer>(StatusCodes.Status202Accepted, """{"accepted":true}""")
            .KeepsAnswers()
            .Refuses(ErrorCode.InvalidJson, ErrorCode.TooLarge, ErrorCode.Forbidden);
        api.MapPost("/disconnect", DisconnectAsync)
            .Describe("server_disconnect", "Closes the connections of a user, or one of them, with 4506. To keep the user out, revoke the token, too.")
            .Takes<ServerDisconnectBody>("""{"user_id":"ana","reason":"signed out"}""")
            .Answers<OrderedAnswer>(StatusCodes.Status202Accepted, """{"accepted":true}""")
            .KeepsAnswers()
            .Refuses(ErrorCode.InvalidJson, ErrorCode.Forbidden);
        api.MapGet("/connections", GetConnectionsAsync)
            .Describe("server_connections", "How many connections a user has, and on which nodes.")
            .Answers<ConnectionsAnswer>(example: """{"user_id":"ana","connections":2,"node_ids":["connection-8c1f02ab"]}""")
            .Refuses(ErrorCode.Forbidden);
    }

    internal static async Task<IResult> SendAsync(
        HttpRequest request, Caller caller, HttpCommands commands, MessageService.MessageServiceClient messages, CancellationToken cancellationToken)
    {
        var (body, refused) = await HttpCommands.ReadBodyAsync(request, cancellationToken);
        if (refused is not null || !TryRead(body, out var fields, out refused))
        {
            return refused!;
        }

        var (userId, username) = (fields.UserId ?? caller.UserId, fields.Username ?? fields.UserId ?? caller.Username);
        if (fields.RoomId is null)
        {
            return new Refused(ErrorCode.BadRequest, "room_id is required: " + RoomIdFormat.Rule);
        }

        // The user's name is on it; the right to write is the service's.
        var onBehalf = caller with { UserId = userId, Username = username };
        return await MessageEndpoints.SendBodyAsync(fields.RoomId, request, body, onBehalf, commands, messages, cancellationToken);
    }

    internal static async Task<IResult> BroadcastAsync(
        HttpRequest request, Caller caller, ILiveBus bus, ProcessIdentity node, ActionRecords records, CancellationToken cancellationToken)
    {
        var (body, refused) = await HttpCommands.ReadBodyAsync(request, cancellationToken);
        if (refused is not null || !TryRead(body, out var fields, out refused))
        {
            return refused!;
        }

        if (fields.Event is null || new[] { fields.UserId is not null, fields.RoomId is not null, fields.All }.Count(isSet => isSet) != 1)
        {
            return new Refused(ErrorCode.BadRequest, "event is required, of 1 to 64 characters, and exactly one of user_id, room_id and all");
        }

        if (fields.Payload.Length > MaxPayloadBytes)
        {
            return new Refused(ErrorCode.TooLarge, $"payload has more than {MaxPayloadBytes} bytes");
        }

        await records.AddAsync(caller, "broadcast", fields.RoomId ?? "", fields.UserId ?? "", fields.Event, cancellationToken);
        return await OrderAsync(bus, node, new ServerOrder
        {
            By = caller.UserId,
            UserId = fields.UserId ?? "",
            RoomId = fields.RoomId ?? "",
            Broadcast = new Broadcast { Event = fields.Event, Payload = ByteString.CopyFrom(fields.Payload) },
        }, cancellationToken);
    }

    internal static async Task<IResult> DisconnectAsync(
        HttpRequest request, Caller caller, ILiveBus bus, ProcessIdentity node, ActionRecords records, CancellationToken cancellationToken)
    {
        var (body, refused) = await HttpCommands.ReadBodyAsync(request, cancellationToken);
        if (refused is not null || !TryRead(body, out var fields, out refused))
        {
            return refused!;
        }

        if (fields.UserId is null && fields.ConnectionId is null)
        {
            return new Refused(ErrorCode.BadRequest, "user_id or connection_id is required");
        }

        var detail = fields.ConnectionId is { } connectionId ? $"connection {connectionId}" : "";
        await records.AddAsync(
            caller, "disconnected", "", fields.UserId ?? "", fields.Reason is { } reason ? $"{detail} {reason}".Trim() : detail, cancellationToken);
        return await OrderAsync(bus, node, new ServerOrder
        {
            By = caller.UserId,
            UserId = fields.UserId ?? "",
            ConnectionId = fields.ConnectionId ?? "",
            Disconnect = new Disconnect { Reason = fields.Reason ?? "disconnected by the server" },
        }, cancellationToken);
    }

    internal static async Task<IResult> GetConnectionsAsync(
        [FromQuery(Name = "user_id")] string userId, Caller caller, PresenceService.PresenceServiceClient presence, CancellationToken cancellationToken)
    {
        if (!IdentityText.IsClean(userId, IdentityText.MaxUserIdChars))
        {
            return new Refused(ErrorCode.BadRequest, $"user_id has 1 to {IdentityText.MaxUserIdChars} characters");
        }

        var user = await presence.GetUserAsync(
            new GetUserRequest { UserId = userId }, deadline: DateTime.UtcNow + HttpDoor.ReadDeadline, cancellationToken: cancellationToken);
        return HttpJson.Ok(json =>
        {
            json.WriteString("user_id"u8, userId);
            json.WriteNumber("connections"u8, user.Connections);
            json.WriteStartArray("node_ids"u8);
            foreach (var nodeId in user.NodeIds)
            {
                json.WriteStringValue(nodeId);
            }

            json.WriteEndArray();
        });
    }

    // Accepted: the broker has it. Who is connected is told within moments; who is not, is not.
    private static async Task<IResult> OrderAsync(ILiveBus bus, ProcessIdentity node, ServerOrder order, CancellationToken cancellationToken)
    {
        try
        {
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            deadline.CancelAfter(HttpDoor.ReadDeadline);
            await bus.SendToAllNodesAsync(new NodeBatch { From = node.Id, ServerOrders = { order } }, deadline.Token);
            return HttpJson.Accepted(json => json.WriteBoolean("accepted"u8, true));
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested && exception is BusUnavailableException or OperationCanceledException)
        {
            return new Refused(ErrorCode.Unavailable);
        }
    }

    private static bool TryRead(byte[] body, out Fields fields, out Refused? refused)
    {
        fields = default;
        try
        {
            using var document = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = 16 });
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
            {
                refused = new Refused(ErrorCode.BadRequest, "the body must be an object");
                return false;
            }

            fields = new Fields(
                Text(root, "user_id", IdentityText.MaxUserIdChars), Text(root, "username", IdentityText.MaxNameChars), Text(root, "room_id", RoomIdFormat.MaxChars),
                Text(root, "connection_id", 64), Text(root, "event", 64), Text(root, "reason", MaxReasonBytes),
                root.TryGetProperty("all"u8, out var all) && all.ValueKind == JsonValueKind.True,
                root.TryGetProperty("payload"u8, out var payload) ? JsonSerializer.SerializeToUtf8Bytes(payload) : []);
            refused = fields.RoomId is { } roomId && !RoomIdFormat.IsValid(roomId) ? new Refused(ErrorCode.BadRequest, RoomIdFormat.Rule)
                : fields.Reason is { } reason && System.Text.Encoding.UTF8.GetByteCount(reason) > MaxReasonBytes ? new Refused(ErrorCode.BadRequest, $"reason has at most {MaxReasonBytes} bytes")
                : null;
            return refused is null;
        }
        catch (JsonException)
        {
            refused = new Refused(ErrorCode.InvalidJson);
        }
        catch (InvalidOperationException exception)
        {
            refused = new Refused(ErrorCode.BadRequest, exception.Message);
        }

        return false;
    }

    /// <exception cref="InvalidOperationException">It is there, and is no text of that kind.</exception>
    private static string? Text(JsonElement root, string name, int maxChars)
    {
        if (!root.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        var text = value.ValueKind switch
        {
            JsonValueKind.String => value.GetString()!,
            JsonValueKind.Number => value.GetRawText(),
            _ => "",
        };
        return IdentityText.IsClean(text, maxChars) ? text : throw new InvalidOperationException($"{name} must have 1 to {maxChars} characters, without control characters");
    }

    private readonly record struct Fields(
        string? UserId, string? Username, string? RoomId, string? ConnectionId, string? Event, string? Reason, bool All, byte[] Payload);
}

/// <summary>Body of <c>POST server/messages</c>.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="UserId">Whose message it is; default the service itself.</param>
/// <param name="Username">How that is shown.</param>
/// <param name="Content">As of a message.</param>
/// <param name="ClientMsgId">As of a message.</param>
/// <param name="ReplyTo">As of a message.</param>
/// <param name="Metadata">As of a message.</param>
internal sealed record ServerMessageBody(
    string RoomId, string? UserId, string? Username, string Content, string? ClientMsgId, string? ReplyTo, Dictionary<string, object>? Metadata);

/// <summary>Body of <c>POST server/broadcast</c>: exactly one of user, room and all.</summary>
/// <param name="UserId">All devices of a user.</param>
/// <param name="RoomId">Who is in a room now.</param>
/// <param name="All">Everybody who is connected.</param>
/// <param name="Event">Name of the event, of the application's choice.</param>
/// <param name="Payload">At most 16 KiB.</param>
internal sealed record ServerBroadcastBody(string? UserId, string? RoomId, bool? All, string Event, Dictionary<string, object>? Payload);

/// <summary>Body of <c>POST server/disconnect</c>.</summary>
/// <param name="UserId">Whose connections; with a connection id, that one if it is the user's.</param>
/// <param name="ConnectionId">One connection.</param>
/// <param name="Reason">At most 123 bytes; told in the close frame.</param>
internal sealed record ServerDisconnectBody(string? UserId, string? ConnectionId, string? Reason);

/// <summary>It is on its way to all nodes.</summary>
internal sealed record OrderedAnswer(bool Accepted);

/// <summary>Answer of <c>GET server/connections</c>.</summary>
internal sealed record ConnectionsAnswer(string UserId, int Connections, IReadOnlyList<string> NodeIds);
