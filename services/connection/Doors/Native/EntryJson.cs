using System.Text.Json;
using Tertulia.Connections.Events;
using Tertulia.Contracts;

namespace Tertulia.Connections.Doors.Native;

/// <summary>Entries that changed a message, in JSON: the same fields in frames and in answers over HTTP.</summary>
internal static class EntryJson
{
    /// <summary>A frame, up to the end of its <c>data</c>.</summary>
    public static Utf8JsonWriter Begin(ReadOnlySpan<byte> type, EntryEvent changed)
    {
        var json = FrameJson.BeginData(type, changed.RoomId, SeqOf(changed), changed.Epoch, changed.Ref);
        WriteFields(json, changed);
        return json;
    }

    /// <summary>The fields of <c>data</c>, without the braces.</summary>
    public static void WriteFields(Utf8JsonWriter json, EntryEvent changed)
    {
        switch (changed)
        {
            case MessageUpdatedEvent { Entry: var entry }:
                json.WriteString("id"u8, entry.Edited.MessageId);
                json.WriteString("user_id"u8, entry.UserId);
                json.WriteString("content"u8, entry.Edited.Content);
                json.WriteNumber("version"u8, entry.Edited.Version);
                FrameJson.WriteOptionalTime(json, "edited_at"u8, entry.CreatedAtMs);
                WriteSeqs(json, changed, entry.Edited.MessageSeq);
                break;
            case MessageDeletedEvent { Entry: var entry }:
                json.WriteString("id"u8, entry.Deleted.MessageId);
                json.WriteString("deleted_by"u8, entry.UserId);
                FrameJson.WriteOptionalTime(json, "deleted_at"u8, entry.CreatedAtMs);
                WriteSeqs(json, changed, entry.Deleted.MessageSeq);
                break;
            case ReactionEvent { Entry: var entry }:
                WriteReaction(json, entry, entry.Reaction);
                WriteSeqs(json, changed, entry.Reaction.MessageSeq);
                break;
            case PinnedEvent { Entry: var entry }:
                json.WriteString("message_id"u8, entry.Pinned.MessageId);
                json.WriteString("user_id"u8, entry.UserId);
                json.WriteBoolean("pinned"u8, entry.Pinned.Pinned);
                FrameJson.WriteOptionalTime(json, "at"u8, entry.CreatedAtMs);
                WriteSeqs(json, changed, entry.Pinned.MessageSeq);
                break;
            default:
                throw new InvalidOperationException($"{changed.GetType().Name} has no fields");
        }
    }

    private static void WriteReaction(Utf8JsonWriter json, RoomEvent entry, ReactionChanged reaction)
    {
        json.WriteString("message_id"u8, reaction.MessageId);
        json.WriteString("emoji"u8, reaction.Emoji);
        json.WriteString("user_id"u8, entry.UserId);
        json.WriteString("username"u8, entry.Username);
        json.WriteString("action"u8, reaction.Removed ? "remove"u8 : "add"u8);
        json.WriteStartObject("counts"u8);
        foreach (var count in reaction.Counts)
        {
            json.WriteNumber(count.Emoji, count.Count);
        }

        json.WriteEndObject();
    }

    // What was so before has no seq of its own.
    private static long? SeqOf(EntryEvent changed) => changed.Entry.Seq > 0 ? changed.Entry.Seq : null;

    private static void WriteSeqs(Utf8JsonWriter json, EntryEvent changed, long messageSeq)
    {
        json.WriteNumber("message_seq"u8, messageSeq);
        if (SeqOf(changed) is { } seq)
        {
            json.WriteNumber("seq"u8, seq);
        }
    }
}
