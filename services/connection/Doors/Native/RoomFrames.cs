using System.Text.Json;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Doors.Native;

/// <summary>The frames that create and change rooms, and users' places in them.</summary>
internal static class RoomFrames
{
    private const int MaxUserIdChars = 128;
    private const int MaxNameChars = 128;
    private const int MaxTopicChars = 1_024;
    private const int MaxReasonChars = 512;
    private const int MaxKeyChars = 64;

    /// <summary>Members of a page.</summary>
    public const int MaxMembers = 200;

    /// <summary>What clients send.</summary>
    public static IReadOnlyList<FrameType> Types { get; } =
    [
        new("room_create", static (ref FrameFields fields) => new CreateRoomCommand
        {
            RoomId = fields.RoomId(),
            Kind = Stored(fields.Word("kind", "public", "private", "auditorium")) ?? "open",
            Name = fields.TextOrEmpty("name", MaxNameChars),
            Topic = fields.TextOrEmpty("topic", MaxTopicChars),
            Community = fields.Id("community", RoomIdFormat.MaxChars),
            SlowModeSeconds = fields.Integer("slow_mode", 0, int.MaxValue),
            RetentionDays = fields.Integer("retention_days", 0, int.MaxValue),
            ClientMsgId = fields.Id(Field.ClientMsgId, MaxKeyChars),
        }),
        new("room_update", static (ref FrameFields fields) => new UpdateRoomCommand
        {
            RoomId = fields.RoomId(),
            Kind = Stored(fields.Word("kind", "public", "private", "auditorium")),
            Name = fields.TextOrEmpty("name", MaxNameChars),
            Topic = fields.TextOrEmpty("topic", MaxTopicChars),
            Community = fields.TextOrEmpty("community", RoomIdFormat.MaxChars),
            SlowModeSeconds = fields.Integer("slow_mode", 0, int.MaxValue),
            Archived = fields.Boolean("archived"),
            RetentionDays = fields.Integer("retention_days", 0, int.MaxValue),
        }),
        new("direct", static (ref FrameFields fields) => new DirectCommand
        {
            UserId = fields.Required("user_id", fields.Id("user_id", MaxUserIdChars))!,
            Username = fields.Text("username", MaxUserIdChars),
            Content = fields.Required(Field.Content, fields.Text(Field.Content, int.MaxValue, mayBeEmpty: true)),
            ClientMsgId = fields.Id(Field.ClientMsgId, MaxKeyChars),
        }),
        new("report", static (ref FrameFields fields) => new ReportCommand
        {
            RoomId = fields.RoomId(),
            MessageId = fields.Required("message_id", fields.Id("message_id", MaxKeyChars))!,
            Reason = fields.TextOrEmpty("reason", MaxReasonChars),
        }),
        new("members", static (ref FrameFields fields) => new MembersCommand
        {
            RoomId = fields.RoomId(), After = fields.Id("after", MaxUserIdChars), Limit = (int?)fields.Integer(Field.Limit, 1, MaxMembers),
        }),
        new("reports", static (ref FrameFields fields) => new ReportsCommand
        {
            RoomId = fields.RoomId(),
            BeforeSeq = fields.Integer(Field.BeforeSeq, 1, FrameFields.MaxSeq),
            Limit = (int?)fields.Integer(Field.Limit, 1, LimitOptions.MaxHistoryPage),
        }),
        new("room_delete", static (ref FrameFields fields) => new DeleteRoomCommand { RoomId = fields.RoomId() }),
        Other("member_add", MemberAction.Add),
        Other("member_remove", MemberAction.Remove),
        Other("member_role", MemberAction.SetRole),
        Other("invite", MemberAction.Invite),
        Other("invitation_revoke", MemberAction.Revoke),
        Own("invitation_accept", MemberAction.Accept),
        Own("invitation_decline", MemberAction.Decline),
        Other("kick", MemberAction.Kick),
        Other("ban", MemberAction.Ban),
        Other("unban", MemberAction.Unban),
        Other("mute", MemberAction.Mute),
        Other("unmute", MemberAction.Unmute),
    ];

    /// <summary>What clients are told.</summary>
    public static IReadOnlyList<NativeEncoder> Encoders { get; } =
    [
        NativeEncoder.Json<MemberEvent>(Member),
        NativeEncoder.Json<RoomUpdatedEvent>(Updated),
        NativeEncoder.Json<RoomCreatedEvent>(Created),
        NativeEncoder.Json<RoomDeletedEvent>(Deleted),
        NativeEncoder.Json<ReportedEvent>(Reported),
        NativeEncoder.Json<MembersEvent>(Members),
        NativeEncoder.Json<ReportsEvent>(Reports),
    ];

    /// <summary>The kind of a room as clients know it.</summary>
    public static string Shown(string kind) => kind == "open" ? "public" : kind;

    /// <summary>The fields of a room's settings, without the braces.</summary>
    public static void WriteSettings(Utf8JsonWriter json, RoomSettings settings)
    {
        json.WriteString("kind"u8, Shown(settings.Kind));
        FrameJson.WriteOptional(json, "name"u8, settings.Name);
        FrameJson.WriteOptional(json, "topic"u8, settings.Topic);
        FrameJson.WriteOptional(json, "community"u8, settings.Community);
        json.WriteNumber("slow_mode"u8, settings.SlowModeSeconds);
        json.WriteBoolean("archived"u8, settings.Archived);
        json.WriteNumber("retention_days"u8, settings.RetentionDays);
    }

    /// <summary><c>settings:{…}, me:{role, muted, muted_until}</c>, and of what was missed <c>member_changes:[…]</c>.</summary>
    /// <param name="json">Where to.</param>
    /// <param name="snapshot">The room, and the caller's place in it.</param>
    /// <param name="changes">What else than messages was missed. Settings are there as they are now.</param>
    public static void WriteState(Utf8JsonWriter json, Snapshot snapshot, IEnumerable<RoomEvent> changes)
    {
        if (snapshot.Settings is { } settings)
        {
            json.WriteStartObject("settings"u8);
            WriteSettings(json, settings);
            json.WriteEndObject();
        }

        if (snapshot.Reader is { } me)
        {
            json.WriteStartObject("me"u8);
            json.WriteString("role"u8, me.Role);
            json.WriteBoolean("muted"u8, me.Muted);
            FrameJson.WriteOptionalTime(json, "muted_until"u8, me.MutedUntilMs);
            json.WriteEndObject();
        }

        if (snapshot.Recovered)
        {
            json.WriteStartArray("member_changes"u8);
            foreach (var entry in changes)
            {
                if (entry.Member is not null)
                {
                    json.WriteStartObject();
                    WriteMember(json, entry);
                    json.WriteEndObject();
                }
            }

            json.WriteEndArray();
        }
    }

    /// <summary><c>items:[{user_id, username, role, …}], has_more</c>.</summary>
    public static void WriteMembers(Utf8JsonWriter json, MembersEvent members)
    {
        json.WriteStartArray("items"u8);
        foreach (var member in members.Items)
        {
            json.WriteStartObject();
            json.WriteString("user_id"u8, member.UserId);
            json.WriteString("username"u8, member.Username.Length > 0 ? member.Username : member.UserId);
            json.WriteString("role"u8, member.Role);
            json.WriteBoolean("banned"u8, member.Banned);
            WriteOptionalTime(json, "banned_until"u8, member.BannedUntilMs);
            json.WriteBoolean("muted"u8, member.Muted);
            WriteOptionalTime(json, "muted_until"u8, member.MutedUntilMs);
            FrameJson.WriteOptional(json, "invited_by"u8, member.InvitedBy);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteBoolean("has_more"u8, members.HasMore);
        json.WriteString("epoch"u8, members.Epoch);
        json.WriteNumber("seq"u8, members.Seq);
    }

    /// <summary><c>items:[{message_id, message_seq, author_id, reason, user_id, username, created_at, seq}], has_more</c>.</summary>
    public static void WriteReports(Utf8JsonWriter json, ReportsEvent reports)
    {
        json.WriteStartArray("items"u8);
        foreach (var entry in reports.Items)
        {
            json.WriteStartObject();
            json.WriteString("message_id"u8, entry.Reported.MessageId);
            json.WriteNumber("message_seq"u8, entry.Reported.MessageSeq);
            json.WriteString("author_id"u8, entry.Reported.AuthorId);
            FrameJson.WriteOptional(json, "reason"u8, entry.Reported.Reason);
            json.WriteString("user_id"u8, entry.UserId);
            FrameJson.WriteOptional(json, "username"u8, entry.Username);
            WriteChange(json, entry);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteBoolean("has_more"u8, reports.HasMore);
    }

    /// <summary>As the protocol calls it.</summary>
    public static string Word(MemberAction action) => action switch
    {
        MemberAction.Add => "added",
        MemberAction.Remove => "removed",
        MemberAction.Leave => "left",
        MemberAction.SetRole => "role",
        MemberAction.Kick => "kicked",
        MemberAction.Ban => "banned",
        MemberAction.Unban => "unbanned",
        MemberAction.Mute => "muted",
        MemberAction.Unmute => "unmuted",
        MemberAction.Invite => "invited",
        MemberAction.Accept => "accepted",
        MemberAction.Decline => "declined",
        MemberAction.Revoke => "revoked",
        _ => "entered",
    };

    private static FrameType Other(string type, MemberAction action) => new(type, (ref FrameFields fields) => new ChangeMemberCommand
    {
        RoomId = fields.RoomId(),
        Action = action,
        UserId = fields.Required("user_id", fields.Id("user_id", MaxUserIdChars)),
        Username = action is MemberAction.Add or MemberAction.Invite ? fields.Text("username", MaxUserIdChars) : null,
        Role = action switch
        {
            MemberAction.Add => fields.Word("role", "owner", "moderator", "member", "guest"),
            MemberAction.SetRole => fields.Required("role", fields.Word("role", "owner", "moderator", "member", "guest")),
            _ => null,
        },
        Reason = fields.Text("reason", MaxReasonChars),
        Until = action is MemberAction.Ban or MemberAction.Mute ? fields.Time("until") : null,
    });

    private static FrameType Own(string type, MemberAction action) =>
        new(type, (ref FrameFields fields) => new ChangeMemberCommand { RoomId = fields.RoomId(), Action = action });

    private static string? Stored(string? kind) => kind == "public" ? "open" : kind;

    private static Utf8JsonWriter Member(MemberEvent changed)
    {
        var json = FrameJson.BeginData("member"u8, changed.RoomId, SeqOf(changed.Entry), changed.Epoch, changed.Ref);
        WriteMember(json, changed.Entry);
        return json;
    }

    private static void WriteMember(Utf8JsonWriter json, RoomEvent entry)
    {
        var member = entry.Member;
        json.WriteString("user_id"u8, member.UserId);
        json.WriteString("username"u8, member.Username.Length > 0 ? member.Username : member.UserId);
        json.WriteString("role"u8, member.Role);
        json.WriteString("action"u8, Word(member.Action));
        FrameJson.WriteOptional(json, "by"u8, entry.UserId);
        FrameJson.WriteOptional(json, "reason"u8, member.Reason);
        json.WriteBoolean("banned"u8, member.Banned);
        WriteOptionalTime(json, "banned_until"u8, member.BannedUntilMs);
        json.WriteBoolean("muted"u8, member.Muted);
        WriteOptionalTime(json, "muted_until"u8, member.MutedUntilMs);
        FrameJson.WriteOptional(json, "invited_by"u8, member.InvitedBy);
        json.WriteNumber("members"u8, member.Members);
        WriteChange(json, entry);
    }

    private static Utf8JsonWriter Updated(RoomUpdatedEvent updated)
    {
        var json = FrameJson.BeginData("room_updated"u8, updated.RoomId, SeqOf(updated.Entry), updated.Epoch, updated.Ref);
        WriteSettings(json, updated.Entry.RoomUpdated.Settings);
        json.WriteStartArray("changed"u8);
        foreach (var name in updated.Entry.RoomUpdated.Changed)
        {
            json.WriteStringValue(name);
        }

        json.WriteEndArray();
        FrameJson.WriteOptional(json, "by"u8, updated.Entry.UserId);
        WriteChange(json, updated.Entry);
        return json;
    }

    private static Utf8JsonWriter Created(RoomCreatedEvent created)
    {
        var json = FrameJson.BeginData("room_created"u8, created.RoomId, SeqOf(created.Entry), reference: created.Ref);
        json.WriteString("room_id"u8, created.RoomId);
        WriteSettings(json, created.Entry.Room.Settings);
        json.WriteString("role"u8, "owner");
        json.WriteBoolean("duplicate"u8, created.Entry.Seq == 0);
        return json;
    }

    private static Utf8JsonWriter Deleted(RoomDeletedEvent deleted)
    {
        var json = FrameJson.BeginData("room_deleted"u8, deleted.RoomId, reference: deleted.Ref);
        json.WriteString("room_id"u8, deleted.RoomId);
        return json;
    }

    private static void WriteChange(Utf8JsonWriter json, RoomEvent entry)
    {
        WriteOptionalTime(json, "created_at"u8, entry.CreatedAtMs);
        if (SeqOf(entry) is { } seq)
        {
            json.WriteNumber("seq"u8, seq);
        }
    }

    private static Utf8JsonWriter Reported(ReportedEvent reported)
    {
        var json = FrameJson.BeginData("reported"u8, reported.RoomId, reference: reported.Ref);
        json.WriteString("message_id"u8, reported.MessageId);
        return json;
    }

    private static Utf8JsonWriter Members(MembersEvent members)
    {
        var json = FrameJson.BeginData("members"u8, members.RoomId, reference: members.Ref);
        WriteMembers(json, members);
        return json;
    }

    private static Utf8JsonWriter Reports(ReportsEvent reports)
    {
        var json = FrameJson.BeginData("reports"u8, reports.RoomId, reference: reports.Ref);
        WriteReports(json, reports);
        return json;
    }

    private static long? SeqOf(RoomEvent entry) => entry.Seq > 0 ? entry.Seq : null;

    private static void WriteOptionalTime(Utf8JsonWriter json, ReadOnlySpan<byte> name, long unixMilliseconds)
    {
        if (unixMilliseconds > 0)
        {
            FrameJson.WriteTime(json, name, unixMilliseconds);
        }
    }
}
