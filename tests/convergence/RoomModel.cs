using System.Globalization;
using System.Text;
using System.Text.Json;
using Tertulia.Testing;

namespace Tertulia.Convergence.Tests;

/// <summary>A message as a client holds it.</summary>
internal sealed class ModelMessage
{
    public required string Id { get; init; }

    public required long Seq { get; init; }

    public required string UserId { get; init; }

    public string Content { get; set; } = "";

    public long Version { get; set; } = 1;

    public bool IsDeleted { get; set; }

    public bool IsPinned { get; set; }

    public string ReplyTo { get; set; } = "";

    public string ThreadRoot { get; set; } = "";

    public long ReplyCount { get; set; }

    /// <summary>Emoji to how many use it.</summary>
    public SortedDictionary<string, long> Reactions { get; } = new(StringComparer.Ordinal);

    /// <summary>An item of a greeting, a page or a resume, or the <c>data</c> of a <c>message</c> frame.</summary>
    public static ModelMessage Of(JsonElement item)
    {
        var message = new ModelMessage
        {
            Id = Text(item, "id"),
            Seq = Number(item, "seq"),
            UserId = Text(item, "user_id"),
            Content = Text(item, "content"),
            Version = Math.Max(1, Number(item, "version")),
            IsDeleted = Text(item, "deleted_at").Length > 0,
            IsPinned = item.TryGetProperty("pinned", out var pinned) && pinned.ValueKind == JsonValueKind.True,
            ReplyTo = Text(item, "reply_to"),
            ThreadRoot = Text(item, "thread_root"),
            ReplyCount = Number(item, "reply_count"),
        };
        if (item.TryGetProperty("reactions", out var reactions) && reactions.ValueKind == JsonValueKind.Array)
        {
            foreach (var reaction in reactions.EnumerateArray())
            {
                message.Reactions[Text(reaction, "emoji")] = Number(reaction, "count");
            }
        }

        return message;
    }

    /// <summary>Two clients hold the same when these are equal.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Seq} {Id} {UserId} v{Version} {(IsDeleted ? "deleted" : Content)}{(IsPinned ? " pinned" : "")} reply {ReplyTo} thread {ThreadRoot} replies {ReplyCount} {string.Join(' ', Reactions.Select(entry => $"{entry.Key}×{entry.Value}"))}");

    internal static string Text(JsonElement from, string name) => from.TryGetProperty(name, out var value)
        ? value.ValueKind switch { JsonValueKind.String => value.GetString() ?? "", JsonValueKind.Number => value.GetRawText(), _ => "" }
        : "";

    internal static long Number(JsonElement from, string name) =>
        from.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : 0;
}

/// <summary>What a client holds of one room, made of nothing but the frames it was sent. Not thread-safe.</summary>
internal sealed class RoomModel
{
    private readonly SortedDictionary<long, ModelMessage> _bySeq = [];
    private readonly Dictionary<string, ModelMessage> _byId = new(StringComparer.Ordinal);

    /// <summary>Empty before the first greeting.</summary>
    public string Epoch { get; private set; } = "";

    /// <summary>Every change up to this seq is in the model.</summary>
    public long Seq { get; private set; }

    /// <summary>It holds the room from its first message on: nothing was left out.</summary>
    public bool IsWhole { get; private set; }

    public IReadOnlyList<ModelMessage> Messages => [.. _bySeq.Values];

    /// <summary>The oldest message that it holds; 0 when none.</summary>
    public long FirstSeq => _bySeq.Count == 0 ? 0 : _bySeq.Keys.First();

    /// <summary>A <c>joined</c> frame. A resume is taken over what is held; anything else is a new beginning.</summary>
    public void Greet(Frame joined)
    {
        if (!joined.Flag("recovered"))
        {
            Clear();
        }

        Epoch = joined.Epoch;
        foreach (var item in joined.Items("history"))
        {
            Put(ModelMessage.Of(item));
        }

        Seq = Math.Max(Seq, joined.Seq);
        IsWhole |= !joined.Flag("recovered") && joined.Items("history").Count == 0;
    }

    /// <summary>A page of older messages.</summary>
    public void Older(Frame history)
    {
        foreach (var item in history.Items("items"))
        {
            var message = ModelMessage.Of(item);
            if (!_byId.ContainsKey(message.Id))
            {
                Put(message); // What is held may be newer than the page.
            }
        }

        IsWhole |= !history.Flag("has_more");
    }

    /// <summary>What was left out cannot be told from what is held: it is loaded anew.</summary>
    public void Clear()
    {
        _bySeq.Clear();
        _byId.Clear();
        (Epoch, Seq, IsWhole) = ("", 0, false);
    }

    /// <summary>A live entry.</summary>
    /// <returns>False when the frame is of another kind.</returns>
    public bool Apply(Frame frame)
    {
        switch (frame.Type)
        {
            case "message":
                Put(ModelMessage.Of(frame.Data));
                if (Find(frame.Text("thread_root")) is { } root && frame.Number("thread_replies") > 0)
                {
                    root.ReplyCount = frame.Number("thread_replies");
                }

                break;
            case "message_updated" when Find(frame.Text("id")) is { } edited:
                (edited.Content, edited.Version) = (frame.Text("content"), frame.Number("version"));
                break;
            case "message_deleted" when Find(frame.Text("id")) is { } deleted:
                (deleted.IsDeleted, deleted.Content, deleted.IsPinned) = (true, "", false);
                deleted.Reactions.Clear();
                break;
            case "reaction" when Find(frame.Text("message_id")) is { } reacted:
                reacted.Reactions.Clear();
                foreach (var (emoji, count) in Counts(frame))
                {
                    reacted.Reactions[emoji] = count;
                }

                break;
            case "pinned" when Find(frame.Text("message_id")) is { } pinned:
                pinned.IsPinned = frame.Flag("pinned");
                break;
            default:
                return false;
        }

        Seq = Math.Max(Seq, Math.Max(frame.Seq, frame.Number("seq")));
        return true;
    }

    /// <summary>Two models of the same room are equal when these are.</summary>
    public string Describe()
    {
        var text = new StringBuilder();
        foreach (var message in _bySeq.Values)
        {
            text.AppendLine(message.ToString());
        }

        return text.ToString();
    }

    private ModelMessage? Find(string id) => _byId.GetValueOrDefault(id);

    private void Put(ModelMessage message) => _bySeq[message.Seq] = _byId[message.Id] = message;

    private static IEnumerable<(string Emoji, long Count)> Counts(Frame frame) =>
        frame.Data.TryGetProperty("counts", out var counts) && counts.ValueKind == JsonValueKind.Object
            ? counts.EnumerateObject().Where(entry => entry.Value.GetInt64() > 0).Select(entry => (entry.Name, entry.Value.GetInt64()))
            : [];
}
