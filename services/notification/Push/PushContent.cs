using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Tertulia.Notifications.Push;

/// <summary>What a device shows: one push is one visible notification. One with the same tag replaces it.</summary>
/// <param name="Tag">What replaces each other, such as all of a room.</param>
/// <param name="Kind">As in the inbox: <c>mention</c>, <c>direct</c>, …</param>
/// <param name="Title">Never empty on the wire.</param>
/// <param name="Body">Never empty on the wire.</param>
/// <param name="Link">What is opened.</param>
/// <param name="Sound">Name of a sound; empty: none.</param>
/// <param name="RoomId">Empty when it is of no room.</param>
/// <param name="NotificationId">The newest of the notifications that it tells of.</param>
/// <param name="Useq">The user's position of that one.</param>
/// <param name="Count">Notifications that it tells of.</param>
/// <param name="CreatedAtMs">Of the newest one, Unix milliseconds.</param>
/// <param name="Rooms">Of a digest; else null.</param>
internal sealed record PushContent(
    string Tag, string Kind, string Title, string Body, string Link, string Sound, string RoomId, string NotificationId, long Useq, int Count, long CreatedAtMs,
    IReadOnlyList<PushRoom>? Rooms = null)
{
    private const string AnyTitle = "New notification";
    private const string AnyBody = "Open to see it";

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // It is not put into HTML, and escapes would take the room of text.
    };

    /// <summary>The JSON that the service worker gets. Always with a title and a body: browsers take the permission from sites whose pushes show nothing.</summary>
    /// <returns>At most <see cref="PushEncryption.MaxPlaintextBytes"/>; the text is cut where it would be more.</returns>
    public byte[] ToPayload()
    {
        var shown = this with { Title = OrElse(Title, AnyTitle), Body = OrElse(Body, AnyBody) };
        var payload = shown.Write();
        while (payload.Length > PushEncryption.MaxPlaintextBytes)
        {
            var excess = payload.Length - PushEncryption.MaxPlaintextBytes;
            shown = shown.Rooms is { } rooms ? shown with { Rooms = rooms.Count > 1 ? [.. rooms.Take(rooms.Count / 2)] : null }
                : shown.Body.Length > AnyBody.Length ? shown with { Body = Cut(shown.Body, excess) }
                : shown.Link.Length > 0 ? shown with { Link = "" }
                : shown with { Title = Cut(shown.Title, excess) };
            payload = shown.Write();
        }

        return payload;
    }

    private byte[] Write() => JsonSerializer.SerializeToUtf8Bytes(
        new Wire(
            NotificationId, Useq, Kind, Title, Body, NullIfEmpty(Link), Tag, NullIfEmpty(Sound), NullIfEmpty(RoomId), Count,
            Rooms?.Select(room => new PushRoom(NullIfEmpty(room.RoomId ?? ""), room.Name, room.Count)).ToArray(),
            DateTimeOffset.FromUnixTimeMilliseconds(CreatedAtMs).ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture)),
        Json);

    // A character is one to six bytes as JSON: cut by the least that can do, several times if need be. Never half of a pair.
    private static string Cut(string text, int excessBytes)
    {
        var keep = Math.Max(text.Length - Math.Max(excessBytes / 6, 1) - 1, 0);
        return string.Concat(text.AsSpan(0, keep > 0 && char.IsHighSurrogate(text[keep - 1]) ? keep - 1 : keep), "…");
    }

    private static string OrElse(string text, string other) => string.IsNullOrWhiteSpace(text) ? other : text;

    private static string? NullIfEmpty(string text) => text.Length > 0 ? text : null;

    private sealed record Wire(
        string Id, long Useq, string Kind, string Title, string Body, string? Link, string Tag, string? Sound, string? RoomId, int Count,
        IReadOnlyList<PushRoom>? Rooms, string CreatedAt);
}

/// <summary>How many notifications of a room a digest sums up.</summary>
internal sealed record PushRoom(string? RoomId, string Name, uint Count);
