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

/// <summary>A user's place in a room as a client holds it.</summary>
/// <param name="Role">Empty for who is no member.</param>
/// <param name="IsMuted">May not speak.</param>
/// <param name="Seq">All up to this seq is in it.</param>
internal readonly record struct ModelPlace(string Role, bool IsMuted, long Seq)
{
    /// <summary>The <c>data</c> of a <c>member</c> frame, or an item of a list.</summary>
    public static ModelPlace Of(JsonElement item, long seq) => new(
        ModelMessage.Text(item, "role"), item.TryGetProperty("muted", out var muted) && muted.ValueKind == JsonValueKind.True, seq);

    public override string ToString() => $"{Role}{(IsMuted ? " muted" : "")}";
}

/// <summary>What a client holds of one room, made of nothing but the frames it was sent. Not thread-safe.</summary>
/// <param name="userId">Whose client.</param>
internal sealed class RoomModel(string userId)
{
    private readonly Dictionary<string, ModelPlace> _places = new(StringComparer.Ordinal);
    private string _settings = "";
    private long _members;
    private long _membersSeq;

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

    /// <summary>The client is in the room.</summary>
    public bool IsIn { get; set; }

    /// <summary>It holds the list of members.</summary>
    public bool HasMembers { get; private set; }

    /// <summary>The user's own place.</summary>
    public ModelPlace Own { get; private set; }

    /// <summary>Up to where the user has read, and how much is unread.</summary>
    public (long ReadSeq, long Unread) Mark { get; private set; }

    /// <summary>A <c>joined</c> frame. A resume is taken over what is held; anything else is a new beginning.</summary>
    public void Greet(Frame joined)
    {
        if (!joined.Flag("recovered"))
        {
            Clear();
        }

        Epoch = joined.Epoch;
        IsIn = true;
        foreach (var item in joined.Items("history"))
        {
            Put(ModelMessage.Of(item));
        }

        foreach (var item in joined.Items("member_changes"))
        {
            Change(item, ModelMessage.Number(item, "seq"));
        }

        _settings = Settings(joined.Data.GetProperty("settings"));
        Own = ModelPlace.Of(joined.Data.GetProperty("me"), joined.Seq);
        (_members, _membersSeq) = (joined.Number("members"), joined.Seq);
        Mark = (joined.Number("read_seq"), joined.Number("unread"));
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

    /// <summary>All members, as one page.</summary>
    public void List(Frame members)
    {
        var seq = members.Number("seq");
        foreach (var userId in _places.Where(place => place.Value.Seq <= seq).Select(place => place.Key).ToArray())
        {
            _places.Remove(userId); // What is newer than the page stays.
        }

        foreach (var item in members.Items("items"))
        {
            _places.TryAdd(ModelMessage.Text(item, "user_id"), ModelPlace.Of(item, seq));
        }

        HasMembers = true;
    }

    /// <summary>What was left out cannot be told from what is held: it is loaded anew.</summary>
    public void Clear()
    {
        _bySeq.Clear();
        _byId.Clear();
        _places.Clear();
        (Epoch, Seq, IsWhole, HasMembers) = ("", 0, false, false);
    }

    /// <summary>A live entry, or one of a resume.</summary>
    /// <returns>False when the frame is of another kind. An answer is one: everybody in the room is told its entry, too.</returns>
    public bool Apply(Frame frame)
    {
        if (frame.Ref.Length > 0)
        {
            return false;
        }

        switch (frame.Type)
        {
            case "left":
                IsIn = false;
                return false;
            case "unread":
                Mark = (frame.Number("read_seq"), frame.Number("unread"));
                return false;
            case "member":
                Change(frame.Data, frame.Seq);
                break;
            case "room_updated":
                _settings = Settings(frame.Data);
                break;
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

        text.AppendLine(_settings).AppendLine(CultureInfo.InvariantCulture, $"{_members} members");
        foreach (var (member, place) in _places.Where(place => place.Value.Role.Length > 0).OrderBy(place => place.Key, StringComparer.Ordinal))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"{member} is {place}");
        }

        return text.ToString();
    }

    /// <summary>How the list of members has a user.</summary>
    public string PlaceOf(string member) => _places.TryGetValue(member, out var place) ? place.ToString() : "";

    private void Change(JsonElement member, long seq)
    {
        var (changed, place) = (ModelMessage.Text(member, "user_id"), ModelPlace.Of(member, seq));
        if (!_places.TryGetValue(changed, out var known) || known.Seq <= seq)
        {
            _places[changed] = place;
        }

        if (changed == userId && Own.Seq <= seq)
        {
            Own = place;
        }

        if (_membersSeq <= seq)
        {
            (_members, _membersSeq) = (ModelMessage.Number(member, "members"), seq);
        }
    }

    private static string Settings(JsonElement from) => string.Join(' ', ((string[])["kind", "name", "topic", "community", "archived", "retention_days"]).Select(
        name => from.TryGetProperty(name, out var value) ? $"{name}={value.GetRawText()}" : ""));

    private ModelMessage? Find(string id) => _byId.GetValueOrDefault(id);

    private void Put(ModelMessage message) => _bySeq[message.Seq] = _byId[message.Id] = message;

    private static IEnumerable<(string Emoji, long Count)> Counts(Frame frame) =>
        frame.Data.TryGetProperty("counts", out var counts) && counts.ValueKind == JsonValueKind.Object
            ? counts.EnumerateObject().Where(entry => entry.Value.GetInt64() > 0).Select(entry => (entry.Name, entry.Value.GetInt64()))
            : [];
}
