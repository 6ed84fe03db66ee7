using System.Text.Json;

namespace Tertulia.Testing;

/// <summary>One frame of the server, as it came; fields that are absent read as empty.</summary>
public sealed class Frame
{
    private static readonly JsonElement Empty = JsonDocument.Parse("{}").RootElement;

    private Frame(string raw, JsonElement root)
    {
        Raw = raw;
        Root = root;
        Type = TextOf(root, "type");
        Ref = TextOf(root, "ref");
        Seq = NumberOf(root, "seq");
        Epoch = TextOf(root, "epoch");
        Data = root.TryGetProperty("data", out var data) && data.ValueKind == JsonValueKind.Object ? data : Empty;
    }

    /// <summary>The JSON.</summary>
    public string Raw { get; }

    /// <summary>The JSON, parsed.</summary>
    public JsonElement Root { get; }

    public string Type { get; }

    public string Ref { get; }

    /// <summary>0 when absent.</summary>
    public long Seq { get; }

    public string Epoch { get; }

    /// <summary>An empty object when absent.</summary>
    public JsonElement Data { get; }

    /// <exception cref="JsonException">Not a JSON object.</exception>
    public static Frame Parse(string raw)
    {
        using var document = JsonDocument.Parse(raw);
        return document.RootElement.ValueKind == JsonValueKind.Object
            ? new Frame(raw, document.RootElement.Clone())
            : throw new JsonException("A frame is a JSON object");
    }

    /// <summary>A string or number of <c>data</c>.</summary>
    public string Text(string name) => TextOf(Data, name);

    /// <summary>A number of <c>data</c>; 0 when absent.</summary>
    public long Number(string name) => NumberOf(Data, name);

    /// <summary>A boolean of <c>data</c>; false when absent.</summary>
    public bool Flag(string name) => Data.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.True;

    /// <summary>The elements of an array of <c>data</c>; none when absent.</summary>
    public IReadOnlyList<JsonElement> Items(string name) =>
        Data.TryGetProperty(name, out var array) && array.ValueKind == JsonValueKind.Array ? [.. array.EnumerateArray()] : [];

    /// <summary>The messages of an array of <c>data</c>.</summary>
    public IReadOnlyList<ShownMessage> Messages(string name) => [.. Items(name).Select(ShownMessage.From)];

    /// <summary>The code of an <c>error</c>.</summary>
    public int Code => (int)Number("code");

    /// <inheritdoc />
    public override string ToString() => Raw;

    internal static string TextOf(JsonElement from, string name) => from.TryGetProperty(name, out var value)
        ? value.ValueKind switch { JsonValueKind.String => value.GetString() ?? "", JsonValueKind.Number => value.GetRawText(), _ => "" }
        : "";

    internal static long NumberOf(JsonElement from, string name) =>
        from.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : 0;
}

/// <summary>A message as a user saw it.</summary>
public sealed record ShownMessage(long Seq, string Id, string ClientMsgId, string UserId, string Content)
{
    /// <summary>Reads the <c>data</c> of a frame, or an entry of a page.</summary>
    public static ShownMessage From(JsonElement message) => new(
        Frame.NumberOf(message, "seq"),
        Frame.TextOf(message, "id"),
        Frame.TextOf(message, "client_msg_id"),
        Frame.TextOf(message, "user_id"),
        Frame.TextOf(message, "content"));
}
