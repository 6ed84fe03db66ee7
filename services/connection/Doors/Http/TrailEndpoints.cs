using System.Text.Json;
using Grpc.Core;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using Tertulia.Bus;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Explaining;
using Tertulia.Connections.Rooms;
using Tertulia.Contracts;

namespace Tertulia.Connections.Doors.Http;

/// <summary>Why did somebody not see a message: what is known of its way.</summary>
internal static class TrailEndpoints
{
    private const int RetryAfterMs = 1_000;
    private static readonly TimeSpan NotificationPatience = TimeSpan.FromSeconds(3);

    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/messages/{messageId}/trail", GetAsync)
        .Describe("explain_message", "The way of a message: its commit, the nodes that have its room, what became of it for each connection there, who was notified and pushed to and why not. For admins, services and who moderates the room by token.")
        .Answers<TrailAnswerBody>(example: """
            {"message_id":"019ac5f2-8a11-7e02-8a43-5b1c2d3e4f50","room_id":"lobby","epoch":"k3v9x2ab","seq":42,"created_at":"2026-11-27T09:00:00.000Z","partition":7,
             "nodes":[{"node_id":"connection-8c1f02ab","room_seq":45,"delivered_at":"2026-11-27T09:00:00.004Z","owner_epoch":1795770000000,"connections_then":2,"left_out":1,
             "connections":[{"connection_id":"019ac5f1","user_id":"ana","outcome":"sent"},{"connection_id":"019ac5f3","user_id":"bruno","outcome":"left_out"}],"has_more":false}],
             "notifications":[{"user_id":"bruno","kind":"mention","outcome":"notified","notification_id":"019ac5f2-7c3e-7d1a-9b52-0d9e6d1f3a10","read":false,"at":"2026-11-27T09:00:00.200Z",
             "push":{"outcome":"pushed","at":"2026-11-27T09:00:00.300Z","devices":[{"endpoint_host":"push.example.net","outcome":"sent","attempts":1,"at":"2026-11-27T09:00:00.400Z"}]}},
             {"user_id":"carla","kind":"mention","outcome":"kept_out","reason":"room_muted","at":"2026-11-27T09:00:00.200Z"}],"more_notifications":false}
            """)
        .Refuses(ErrorCode.Forbidden, ErrorCode.MessageNotFound);

    /// <param name="messageId">The message.</param>
    /// <param name="userId">Only connections and notifications of this user.</param>
    /// <param name="caller">Who asks.</param>
    /// <param name="messages">Knows the message.</param>
    /// <param name="notifications">Knows who was notified.</param>
    /// <param name="reads">Tries again while the service is late.</param>
    /// <param name="trails">Asks the nodes.</param>
    /// <param name="bus">How many partitions there are.</param>
    /// <param name="cancellationToken">The client went.</param>
    internal static async Task<IResult> GetAsync(
        string messageId, [FromQuery(Name = "user_id")] string? userId, Caller caller, MessageService.MessageServiceClient messages,
        NotificationService.NotificationServiceClient notifications, PatientReads reads, Trails trails, IOptions<LiveBusOptions> bus, CancellationToken cancellationToken)
    {
        if (userId is not null && !IdentityText.IsClean(userId, IdentityText.MaxUserIdChars))
        {
            return new Refused(ErrorCode.BadRequest, "user_id is not the id of a user");
        }

        // Who may not ask is not told whether there is such a message.
        if (!caller.IsPrivileged && caller.Grants is null)
        {
            return new Refused(ErrorCode.Forbidden);
        }

        var roomId = await MessageEndpoints.RoomOfAsync(messageId, messages, reads, cancellationToken);
        var actor = caller.ToActor(roomId);
        if (!caller.IsPrivileged)
        {
            if (actor.Grant is not { Moderate: true })
            {
                return new Refused(ErrorCode.Forbidden);
            }

            actor.Grant.Read = true; // Who may know the way of a message need not read its room, and is not banned there.
        }

        var asked = new GetMessageRequest { MessageId = messageId, Actor = actor };
        var found = await reads.BeginHistory().ReadAsync(options => messages.GetMessageAsync(asked, options), cancellationToken);
        try
        {
            var told = ToldAsync(notifications, found, userId, cancellationToken);
            var nodes = await trails.AskAsync(found.RoomId, found.Epoch, found.Message.Seq, userId, cancellationToken);
            var notified = await told;
            return HttpJson.Ok(json =>
            {
                Write(json, found, Partitioner.PartitionOf(found.RoomId, bus.Value.Partitions), nodes);
                if (notified is not null)
                {
                    Write(json, notified);
                }
            });
        }
        catch (BusUnavailableException)
        {
            return new Refused(ErrorCode.Unavailable, "the nodes cannot be asked now", RetryAfterMs);
        }
    }

    /// <returns>Null when the notification service does not answer: the rest is told without it.</returns>
    private static async Task<NotificationTrail?> ToldAsync(
        NotificationService.NotificationServiceClient notifications, GetMessageReply found, string? userId, CancellationToken cancellationToken)
    {
        var asked = new ExplainMessageRequest { MessageId = found.Message.MessageId, RoomId = found.RoomId, AuthorId = found.Message.UserId, UserId = userId ?? "" };
        try
        {
            return await notifications.ExplainMessageAsync(asked, deadline: DateTime.UtcNow + NotificationPatience, cancellationToken: cancellationToken);
        }
        catch (RpcException)
        {
            return null;
        }
    }

    private static void Write(Utf8JsonWriter json, NotificationTrail trail)
    {
        json.WriteStartArray("notifications"u8);
        foreach (var one in trail.Decisions)
        {
            json.WriteStartObject();
            json.WriteString("user_id"u8, one.UserId);
            FrameJson.WriteOptional(json, "kind"u8, one.Kind);
            json.WriteString("outcome"u8, one.Outcome);
            FrameJson.WriteOptional(json, "reason"u8, one.Reason);
            if (one.NotificationId.Length > 0)
            {
                json.WriteString("notification_id"u8, one.NotificationId);
                json.WriteBoolean("read"u8, one.Read);
            }

            WriteTime(json, one.AtMs);
            if (one.Push is { } push)
            {
                Write(json, push);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteBoolean("more_notifications"u8, trail.HasMore);
    }

    private static void Write(Utf8JsonWriter json, PushDecision push)
    {
        json.WriteStartObject("push"u8);
        json.WriteString("outcome"u8, push.Outcome);
        FrameJson.WriteOptional(json, "reason"u8, push.Reason);
        WriteTime(json, push.AtMs);
        FrameJson.WriteOptional(json, "into"u8, push.Into);
        if (push.Devices.Count > 0)
        {
            json.WriteStartArray("devices"u8);
            foreach (var device in push.Devices)
            {
                json.WriteStartObject();
                json.WriteString("endpoint_host"u8, device.EndpointHost);
                json.WriteString("outcome"u8, device.Outcome);
                json.WriteNumber("attempts"u8, device.Attempts);
                WriteTime(json, device.AtMs);
                FrameJson.WriteOptional(json, "error"u8, device.Error);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    private static void WriteTime(Utf8JsonWriter json, long ms)
    {
        if (ms > 0)
        {
            FrameJson.WriteTime(json, "at"u8, ms);
        }
    }

    private static void Write(Utf8JsonWriter json, GetMessageReply found, int partition, IReadOnlyList<NodeTrail> nodes)
    {
        json.WriteString("message_id"u8, found.Message.MessageId);
        json.WriteString("room_id"u8, found.RoomId);
        json.WriteString("epoch"u8, found.Epoch);
        json.WriteNumber("seq"u8, found.Message.Seq);
        FrameJson.WriteTime(json, "created_at"u8, found.Message.CreatedAtMs);
        json.WriteNumber("partition"u8, partition);
        json.WriteStartArray("nodes"u8);
        foreach (var node in nodes.Where(node => node.HoldsRoom || node.DeliveredAtMs > 0))
        {
            json.WriteStartObject();
            json.WriteString("node_id"u8, node.NodeId);
            json.WriteNumber("room_seq"u8, node.RoomSeq);
            if (node.DeliveredAtMs > 0)
            {
                FrameJson.WriteTime(json, "delivered_at"u8, node.DeliveredAtMs);
                json.WriteNumber("owner_epoch"u8, node.OwnerEpoch);
                json.WriteNumber("connections_then"u8, node.ConnectionsThen);
                json.WriteNumber("left_out"u8, node.LeftOut);
            }

            json.WriteStartArray("connections"u8);
            foreach (var connection in node.Connections)
            {
                json.WriteStartObject();
                json.WriteString("connection_id"u8, connection.ConnectionId);
                json.WriteString("user_id"u8, connection.UserId);
                json.WriteString("outcome"u8, NameOf(connection.Outcome));
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteBoolean("has_more"u8, node.HasMore);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static ReadOnlySpan<byte> NameOf(ConnectionTrail.Types.Outcome outcome) => outcome switch
    {
        ConnectionTrail.Types.Outcome.Sent => "sent"u8,
        ConnectionTrail.Types.Outcome.ShownOnEntering => "shown_on_entering"u8,
        ConnectionTrail.Types.Outcome.Entering => "entering"u8,
        ConnectionTrail.Types.Outcome.LeftOut => "left_out"u8,
        ConnectionTrail.Types.Outcome.NotYet => "not_yet"u8,
        ConnectionTrail.Types.Outcome.SentThenGone => "sent_then_gone"u8,
        ConnectionTrail.Types.Outcome.LeftOutThenGone => "left_out_then_gone"u8,
        _ => "unknown"u8,
    };
}

/// <summary>Answer of <c>GET messages/{id}/trail</c>.</summary>
/// <param name="MessageId">The message.</param>
/// <param name="RoomId">Its room.</param>
/// <param name="Epoch">Of the seq.</param>
/// <param name="Seq">Its place in the room's log: it is durable.</param>
/// <param name="CreatedAt">Of the write.</param>
/// <param name="Partition">Of the room.</param>
/// <param name="Nodes">Those that have the room, or had it when the message came. Who is missing here did not answer, or has nobody in the room.</param>
/// <param name="Notifications">Whom it concerns; at most 100. Absent when the notification service does not answer.</param>
/// <param name="MoreNotifications">There are more.</param>
internal sealed record TrailAnswerBody(
    string MessageId, string RoomId, string Epoch, long Seq, DateTimeOffset CreatedAt, int Partition, IReadOnlyList<TrailNode> Nodes,
    IReadOnlyList<TrailNotification>? Notifications, bool? MoreNotifications);

/// <summary>What was decided for a user.</summary>
/// <param name="UserId">Who.</param>
/// <param name="Kind">As in the inbox; absent with the outcome <c>none</c>.</param>
/// <param name="Outcome"><c>notified</c>, <c>kept_out</c> or <c>none</c>.</param>
/// <param name="Reason">Of <c>kept_out</c>: <c>muted</c>, <c>room_muted</c>, <c>level</c>, <c>kind_off</c>, <c>read</c>. Of <c>none</c>: <c>author</c>, <c>not_member</c>, <c>not_concerned</c>.</param>
/// <param name="NotificationId">In the inbox.</param>
/// <param name="Read">Whether it is read.</param>
/// <param name="At">When it was decided.</param>
/// <param name="Push">What became of the push.</param>
internal sealed record TrailNotification(
    string UserId, string? Kind, string Outcome, string? Reason, string? NotificationId, bool? Read, DateTimeOffset? At, TrailPush? Push);

/// <summary>What was decided about pushing a notification.</summary>
/// <param name="Outcome"><c>pushed</c>, <c>collapsed</c>, <c>waiting</c>, <c>not_pushed</c> or <c>unknown</c> (too long ago).</param>
/// <param name="Reason">Of <c>not_pushed</c>: <c>focused</c>, <c>quiet_hours</c>, <c>reaction</c>, <c>no_device</c> or <c>read</c>.</param>
/// <param name="At">When.</param>
/// <param name="Into">Of <c>collapsed</c>: the notification that was shown in its place.</param>
/// <param name="Devices">What became of it for each device.</param>
internal sealed record TrailPush(string Outcome, string? Reason, DateTimeOffset? At, string? Into, IReadOnlyList<TrailDevice>? Devices);

/// <summary>What became of a push for one device.</summary>
/// <param name="EndpointHost">Of its push service.</param>
/// <param name="Outcome"><c>waiting</c>, <c>sent</c>, <c>gone</c>, <c>retrying</c>, <c>failed</c>, <c>expired</c> or <c>superseded</c>.</param>
/// <param name="Attempts">To hand it over.</param>
/// <param name="At">Of the last one.</param>
/// <param name="Error">A status, or what went wrong.</param>
internal sealed record TrailDevice(string EndpointHost, string Outcome, int Attempts, DateTimeOffset At, string? Error);

/// <summary>What one node did with the message.</summary>
/// <param name="NodeId">The node.</param>
/// <param name="RoomSeq">The last seq of the room that it delivered; 0 when it does not have the room any more.</param>
/// <param name="DeliveredAt">When it gave the message to its connections; absent when it did not, or too long ago to be remembered.</param>
/// <param name="OwnerEpoch">When the room's writer, as the node knew it, took the partition; Unix milliseconds.</param>
/// <param name="ConnectionsThen">Connections that were in the room at that moment.</param>
/// <param name="LeftOut">How many of them had too much waiting: they are told by <c>gap</c>.</param>
/// <param name="Connections">Those that are in the room, and those that left since; at most 100.</param>
/// <param name="HasMore">There are more connections.</param>
internal sealed record TrailNode(
    string NodeId, long RoomSeq, DateTimeOffset? DeliveredAt, long? OwnerEpoch, int? ConnectionsThen, int? LeftOut, IReadOnlyList<TrailConnection> Connections, bool HasMore);

/// <summary>What became of the message for one connection.</summary>
/// <param name="ConnectionId">As in the connection's <c>connected</c>.</param>
/// <param name="UserId">Whose.</param>
/// <param name="Outcome"><c>sent</c>, <c>shown_on_entering</c>, <c>entering</c>, <c>left_out</c>, <c>not_yet</c>, <c>sent_then_gone</c> or <c>left_out_then_gone</c>.</param>
internal sealed record TrailConnection(string ConnectionId, string UserId, string Outcome);
