using System.Text.Json;

namespace Tertulia.Chat;

/// <summary>A message as it is shown.</summary>
/// <param name="Seq">Its place in the room.</param>
/// <param name="Username">Who wrote it, as sent.</param>
/// <param name="Content">What, as sent.</param>
/// <param name="CreatedAt">When.</param>
internal sealed record ChatLine(long Seq, string Username, string Content, DateTimeOffset CreatedAt);

/// <summary>One frame of the server; fields that are absent read as empty.</summary>
internal sealed class ServerFrame
{
    private static readonly JsonElement Empty = JsonDocument.Parse("{}").RootElement;
    private readonly JsonElement _data;

    private ServerFrame(JsonElement root)
    {
        Type = Text(root, "type");
        Ref = Text(root, "ref");
        Epoch = Text(root, "epoch");
        _data = root.TryGetProperty("data", out var data) && data.ValueKind == JsonValueKind.Object ? data : Empty;
        Seq = Number(root, "seq") is var seq and > 0 ? seq : Number("seq");
    }

    public string Type { get; }

    public string Ref { get; }

    public string Epoch { get; }

    /// <summary>0 when the frame has no place in the room's order.</summary>
    public long Seq { get; }

    /// <exception cref="JsonException">The server sent something that is not JSON.</exception>
    public static ServerFrame Parse(ReadOnlyMemory<byte> json)
    {
        using var document = JsonDocument.Parse(json);
        return new ServerFrame(document.RootElement.Clone());
    }

    public string Text(string name) => Text(_data, name);

    public long Number(string name) => Number(_data, name);

    public bool Flag(string name) => _data.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.True;

    /// <summary>The messages of an array: <c>history</c> or <c>items</c>.</summary>
    public IReadOnlyList<ChatLine> Lines(string name) => [.. Items(name).Select(LineOf)];

    /// <summary>The message that a <c>message</c> frame carries.</summary>
    public ChatLine Line() => LineOf(_data) is var line && line.Seq == 0 ? line with { Seq = Seq } : line;

    /// <summary>Names of the users in an array.</summary>
    public IReadOnlyList<string> Usernames(string name) => [.. Items(name).Select(user => Text(user, "username"))];

    /// <summary>Epoch and seq of a room in <c>connected.rooms</c>.</summary>
    public (string Epoch, long Seq) Position(string roomId)
    {
        var room = Items("rooms").FirstOrDefault(room => Text(room, "room_id") == roomId, Empty);
        return (Text(room, "epoch"), Number(room, "seq"));
    }

    private JsonElement.ArrayEnumerator Items(string name) =>
        _data.TryGetProperty(name, out var array) && array.ValueKind == JsonValueKind.Array ? array.EnumerateArray() : default;

    private static ChatLine LineOf(JsonElement message) => new(
        Number(message, "seq"),
        Text(message, "username"),
        Text(message, "content"),
        DateTimeOffset.TryParse(Text(message, "created_at"), System.Globalization.CultureInfo.InvariantCulture, out var at) ? at : DateTimeOffset.UtcNow);

    private static string Text(JsonElement from, string name) => from.TryGetProperty(name, out var value)
        ? value.ValueKind switch { JsonValueKind.String => value.GetString() ?? "", JsonValueKind.Number => value.GetRawText(), _ => "" }
        : "";

    private static long Number(JsonElement from, string name) =>
        from.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : 0;
}
