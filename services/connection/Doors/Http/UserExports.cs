using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using Google.Protobuf;
using Microsoft.Net.Http.Headers;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Notifying;
using Tertulia.Connections.Rooms;
using Tertulia.Contracts;

namespace Tertulia.Connections.Doors.Http;

/// <summary>All that the services know of a user, read page by page and written line by line: never more than a page is in memory.</summary>
internal sealed partial class UserExports(
    PrivacyService.PrivacyServiceClient privacy, NotificationService.NotificationServiceClient notifications, PushService.PushServiceClient push,
    PresenceService.PresenceServiceClient presence, PatientReads reads, ILogger<UserExports> logger)
{
    private const uint NotificationsAtOnce = 100;
    private static readonly JsonFormatter Names = new(JsonFormatter.Settings.Default.WithPreserveProtoFieldNames(true));

    /// <summary>Reads the first page, so that a service that does not answer is a problem and not a broken stream.</summary>
    public async Task<IResult> BeginAsync(Caller caller, string userId, CancellationToken cancellationToken) =>
        new Lines(this, caller, userId, await RoomsAsync(userId, "", cancellationToken));

    private Task<ExportUserReply> RoomsAsync(string userId, string after, CancellationToken cancellationToken) => reads.BeginHistory().ReadAsync(
        options => privacy.ExportUserAsync(new ExportUserRequest { UserId = userId, After = after }, options), cancellationToken);

    private async Task WriteAsync(LineWriter lines, Caller caller, string userId, ExportUserReply first, CancellationToken cancellationToken)
    {
        lines.Write("user"u8, json => json.WriteString("user_id"u8, userId));
        for (var page = first; ; page = await RoomsAsync(userId, page.Next, cancellationToken))
        {
            foreach (var item in page.Items)
            {
                WriteItem(lines, item);
            }

            await lines.FlushAsync(cancellationToken);
            if (page.Next.Length == 0)
            {
                break;
            }
        }

        await WritePresenceAsync(lines, userId, cancellationToken);
        await WriteNotificationsAsync(lines, caller, userId, cancellationToken);
        var count = lines.Count;
        lines.Write("end"u8, json => json.WriteNumber("lines"u8, count));
        await lines.FlushAsync(cancellationToken);
    }

    private static void WriteItem(LineWriter lines, ExportedItem item)
    {
        switch (item.ItemCase)
        {
            case ExportedItem.ItemOneofCase.Place:
                var member = item.Place.Member;
                lines.Write("membership"u8, json =>
                {
                    json.WriteString("room_id"u8, item.RoomId);
                    json.WriteString("role"u8, member.Role);
                    json.WriteNumber("read_seq"u8, item.Place.ReadSeq);
                    json.WriteBoolean("banned"u8, member.Banned);
                    FrameJson.WriteOptionalTime(json, "banned_until"u8, member.BannedUntilMs);
                    json.WriteBoolean("muted"u8, member.Muted);
                    FrameJson.WriteOptionalTime(json, "muted_until"u8, member.MutedUntilMs);
                    FrameJson.WriteOptional(json, "invited_by"u8, member.InvitedBy);
                });
                break;
            case ExportedItem.ItemOneofCase.Message:
                lines.Write("message"u8, json =>
                {
                    json.WriteString("room_id"u8, item.RoomId);
                    FrameJson.WriteMessageFields(json, item.Message);
                });
                break;
            case ExportedItem.ItemOneofCase.Entry when item.Entry.Reaction is { } reaction:
                lines.Write("reaction"u8, json =>
                {
                    WriteEntry(json, item);
                    json.WriteString("message_id"u8, reaction.MessageId);
                    json.WriteString("emoji"u8, reaction.Emoji);
                    json.WriteString("action"u8, reaction.Removed ? "remove"u8 : "add"u8);
                });
                break;
            case ExportedItem.ItemOneofCase.Entry when item.Entry.Reported is { } report:
                lines.Write("report"u8, json =>
                {
                    WriteEntry(json, item);
                    json.WriteString("message_id"u8, report.MessageId);
                    json.WriteString("reason"u8, report.Reason);
                });
                break;
            case ExportedItem.ItemOneofCase.Audit:
                lines.Write("audit"u8, json =>
                {
                    FrameJson.WriteTime(json, "at"u8, item.Audit.AtMs);
                    json.WriteString("actor_id"u8, item.Audit.ActorId);
                    json.WriteString("action"u8, item.Audit.Action);
                    FrameJson.WriteOptional(json, "room_id"u8, item.RoomId);
                    FrameJson.WriteOptional(json, "detail"u8, item.Audit.Detail);
                });
                break;
        }
    }

    private static void WriteEntry(Utf8JsonWriter json, ExportedItem item)
    {
        json.WriteString("room_id"u8, item.RoomId);
        json.WriteNumber("seq"u8, item.Entry.Seq);
        FrameJson.WriteTime(json, "created_at"u8, item.Entry.CreatedAtMs);
    }

    private async Task WritePresenceAsync(LineWriter lines, string userId, CancellationToken cancellationToken)
    {
        var shown = await reads.BeginHistory().ReadAsync(
            options => presence.GetUsersAsync(new GetUsersRequest { UserIds = { userId } }, options), cancellationToken);
        foreach (var user in shown.Users)
        {
            lines.Write("presence"u8, json => FrameJson.WriteUserFields(json, user));
        }
    }

    private async Task WriteNotificationsAsync(LineWriter lines, Caller caller, string userId, CancellationToken cancellationToken)
    {
        var preferences = await reads.BeginHistory().ReadAsync(
            options => notifications.GetPreferencesAsync(new GetPreferencesRequest { UserId = userId }, options), cancellationToken);
        lines.WriteRaw("preferences"u8, Names.Format(preferences));
        var devices = await reads.BeginHistory().ReadAsync(
            options => push.ListSubscriptionsAsync(new ListSubscriptionsRequest { UserId = userId }, options), cancellationToken);
        foreach (var device in devices.Subscriptions)
        {
            lines.Write("push_subscription"u8, json =>
            {
                json.WriteString("device_id"u8, device.DeviceId);
                json.WriteString("endpoint"u8, device.Endpoint);
            });
        }

        for (var before = 0L; ;)
        {
            var asked = new GetInboxRequest { UserId = userId, BeforeUseq = before, Limit = NotificationsAtOnce };
            var page = await reads.BeginHistory().ReadAsync(options => notifications.GetInboxAsync(asked, options), cancellationToken);
            foreach (var notification in ShownNotifications.To(caller, page).Notifications)
            {
                lines.Write("notification"u8, json => NotificationFrames.WriteFields(json, notification));
            }

            await lines.FlushAsync(cancellationToken);
            if (!page.HasMore)
            {
                return;
            }

            before = page.Notifications[^1].Useq;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "An export of a user was broken off: {Reason}")]
    private partial void LogBroken(string reason);

    /// <summary>The answer. What fails after it began breaks the connection off: an export without its last line is none.</summary>
    private sealed class Lines(UserExports exports, Caller caller, string userId, ExportUserReply first) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            var response = httpContext.Response;
            response.ContentType = "application/x-ndjson; charset=utf-8";
            response.Headers[HeaderNames.CacheControl] = "no-store";
            response.Headers[HeaderNames.ContentDisposition] = "attachment; filename=\"export.ndjson\"";
            try
            {
                await exports.WriteAsync(new LineWriter(response.BodyWriter), caller, userId, first, httpContext.RequestAborted);
            }
            catch (Exception exception) when (response.HasStarted)
            {
                exports.LogBroken(exception.Message);
                httpContext.Abort();
            }
        }
    }

    /// <summary>JSON objects, one to a line.</summary>
    private sealed class LineWriter(PipeWriter output)
    {
        public int Count { get; private set; }

        public void Write(ReadOnlySpan<byte> type, Action<Utf8JsonWriter> write)
        {
            using (var json = new Utf8JsonWriter(output, FrameJson.Options))
            {
                json.WriteStartObject();
                json.WriteString("type"u8, type);
                json.WriteStartObject("data"u8);
                write(json);
                json.WriteEndObject();
                json.WriteEndObject();
            }

            End();
        }

        /// <summary>With an object that is JSON already.</summary>
        public void WriteRaw(ReadOnlySpan<byte> type, string data)
        {
            using (var json = new Utf8JsonWriter(output, FrameJson.Options))
            {
                json.WriteStartObject();
                json.WriteString("type"u8, type);
                json.WritePropertyName("data"u8);
                json.WriteRawValue(data);
                json.WriteEndObject();
            }

            End();
        }

        public async Task FlushAsync(CancellationToken cancellationToken) => await output.FlushAsync(cancellationToken);

        private void End()
        {
            output.Write("\n"u8);
            Count++;
        }
    }
}
