using System.Globalization;
using Tertulia.Contracts;

namespace Tertulia.Messages.Storage;

/// <summary>What the audit log says of a room's entries: stores write it with the entry, in the same step.</summary>
internal static class ModerationRecords
{
    /// <returns>Null when the entry is nothing that somebody did to others, or to the room.</returns>
    public static AuditRecord? Of(string roomId, RoomEvent entry)
    {
        switch (entry.BodyCase)
        {
            case RoomEvent.BodyOneofCase.Member when entry.Member.UserId != entry.UserId && NameOf(entry.Member.Action) is { } action:
                return Make(roomId, entry, action, entry.Member.UserId, DetailOf(entry.Member));
            case RoomEvent.BodyOneofCase.RoomUpdated:
                return Make(roomId, entry, "room_updated", "", string.Join(", ", entry.RoomUpdated.Changed));
            case RoomEvent.BodyOneofCase.RoomDeleted:
                return Make(roomId, entry, "room_deleted", "", "");
            case RoomEvent.BodyOneofCase.Deleted when entry.Deleted.AuthorId != entry.UserId:
                return Make(roomId, entry, "message_deleted", entry.Deleted.AuthorId, entry.Deleted.MessageId);
            case RoomEvent.BodyOneofCase.Edited when entry.Edited.AuthorId != entry.UserId:
                return Make(roomId, entry, "message_edited", entry.Edited.AuthorId, entry.Edited.MessageId);
            default:
                return null;
        }
    }

    private static AuditRecord Make(string roomId, RoomEvent entry, string action, string targetId, string detail) => new(
        IdOf(entry), entry.CreatedAtMs, entry.UserId, action, roomId, targetId, detail);

    // Of what happened in a room within the same millisecond the later one is larger: what a UUIDv7 has beside the time is up to who makes it (RFC 9562, 6.2).
    private static string IdOf(RoomEvent entry)
    {
        Span<byte> bytes = stackalloc byte[16];
        Guid.CreateVersion7(DateTimeOffset.FromUnixTimeMilliseconds(entry.CreatedAtMs)).TryWriteBytes(bytes, bigEndian: true, out _);
        (bytes[6], bytes[7]) = ((byte)(0x70 | ((entry.Seq >> 8) & 0xF)), (byte)entry.Seq);
        return new Guid(bytes, bigEndian: true).ToString();
    }

    private static string? NameOf(MemberAction action) => action switch
    {
        MemberAction.Add => "member_added",
        MemberAction.Remove => "member_removed",
        MemberAction.SetRole => "role_changed",
        MemberAction.Kick => "member_kicked",
        MemberAction.Ban => "member_banned",
        MemberAction.Unban => "member_unbanned",
        MemberAction.Mute => "member_muted",
        MemberAction.Unmute => "member_unmuted",
        _ => null,
    };

    private static string DetailOf(MemberChanged member)
    {
        var what = member.Action switch
        {
            MemberAction.Add or MemberAction.SetRole => member.Role,
            MemberAction.Ban when member.BannedUntilMs > 0 => Until(member.BannedUntilMs),
            MemberAction.Mute when member.MutedUntilMs > 0 => Until(member.MutedUntilMs),
            _ => "",
        };
        return what.Length == 0 || member.Reason.Length == 0 ? what + member.Reason : $"{what}: {member.Reason}";
    }

    private static string Until(long ms) => string.Create(CultureInfo.InvariantCulture, $"until {DateTimeOffset.FromUnixTimeMilliseconds(ms):yyyy-MM-ddTHH:mm:ssZ}");
}
