using System.Globalization;
using System.Text.Json;

namespace Tertulia.Testing;

/// <summary>A message in its present state, as a client holds it.</summary>
/// <param name="Seq">Of its creation.</param>
/// <param name="UpdatedSeq">Of the last change that the client knows.</param>
/// <param name="Id">Its id.</param>
/// <param name="Content">Empty when it was deleted.</param>
/// <param name="Version">From 1.</param>
/// <param name="IsDeleted">It was deleted.</param>
/// <param name="IsPinned">It is pinned.</param>
/// <param name="ReplyCount">Of its thread.</param>
/// <param name="Reactions"><c>emoji×count</c>, in the order of the emoji.</param>
public sealed record PicturedMessage(
    long Seq, long UpdatedSeq, string Id, string Content, long Version, bool IsDeleted, bool IsPinned, long ReplyCount, string Reactions)
{
    /// <summary>An item of a page or a greeting, or the <c>data</c> of a <c>message</c> frame.</summary>
    public static PicturedMessage Of(JsonElement item)
    {
        var seq = Frame.NumberOf(item, "seq");
        return new(
            seq, Math.Max(seq, Frame.NumberOf(item, "updated_seq")), Frame.TextOf(item, "id"), Frame.TextOf(item, "content"),
            Math.Max(1, Frame.NumberOf(item, "version")), Frame.TextOf(item, "deleted_at").Length > 0,
            item.TryGetProperty("pinned", out var pinned) && pinned.ValueKind == JsonValueKind.True, Frame.NumberOf(item, "reply_count"),
            item.TryGetProperty("reactions", out var reactions)
                ? Joined(reactions.EnumerateArray().Select(reaction => (Frame.TextOf(reaction, "emoji"), Frame.NumberOf(reaction, "count")))) : "");
    }

    /// <summary>As in <see cref="Reactions"/>.</summary>
    public static string Joined(IEnumerable<(string Emoji, long Count)> reactions) => string.Join(' ', reactions
        .OrderBy(reaction => reaction.Emoji, StringComparer.Ordinal)
        .Select(reaction => string.Create(CultureInfo.InvariantCulture, $"{reaction.Emoji}×{reaction.Count}")));
}

/// <summary>The messages of a room as a client holds them, made of nothing but the frames that it was sent: states, and what changed since.</summary>
public sealed class RoomPicture
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<long, PicturedMessage> _bySeq = [];
    private readonly Dictionary<string, long> _seqs = new(StringComparer.Ordinal);

    /// <summary>False once something was left out that cannot be told from the frames.</summary>
    public bool IsWhole { get; private set; } = true;

    /// <summary>In the order of seq.</summary>
    public IReadOnlyList<PicturedMessage> Messages
    {
        get
        {
            lock (_lock)
            {
                return [.. _bySeq.Values];
            }
        }
    }

    /// <summary>Takes over what a frame says.</summary>
    public void Take(Frame frame)
    {
        lock (_lock)
        {
            switch (frame.Type)
            {
                case "connected" or "joined":
                    Greet(frame);
                    break;
                case "gap":
                    IsWhole = false;
                    break;
                case "message":
                    Put(PicturedMessage.Of(frame.Data));
                    Change(frame, frame.Text("thread_root"), root => root with { ReplyCount = frame.Number("thread_replies") });
                    break;
                case "message_updated":
                    Change(frame, frame.Text("id"), message => message with { Content = frame.Text("content"), Version = frame.Number("version") });
                    break;
                case "message_deleted":
                    Change(frame, frame.Text("id"), message => message with { IsDeleted = true, Content = "", IsPinned = false, Reactions = "" });
                    break;
                case "reaction":
                    var counts = frame.Data.GetProperty("counts").EnumerateObject().Select(count => (count.Name, count.Value.GetInt64()));
                    Change(frame, frame.Text("message_id"), message => message with { Reactions = PicturedMessage.Joined(counts) });
                    break;
                case "pinned":
                    Change(frame, frame.Text("message_id"), message => message with { IsPinned = frame.Flag("pinned") });
                    break;
            }
        }
    }

    private void Greet(Frame greeting)
    {
        var messages = greeting.Items("history").Select(PicturedMessage.Of).ToArray();
        if (!greeting.Flag("recovered") && _bySeq.Count > 0)
        {
            IsWhole = false;
            _bySeq.Clear();
            _seqs.Clear();
        }

        foreach (var message in messages)
        {
            Put(message);
        }
    }

    private void Put(PicturedMessage message)
    {
        if (!_bySeq.TryGetValue(message.Seq, out var held) || held.UpdatedSeq <= message.UpdatedSeq)
        {
            _bySeq[message.Seq] = message;
            _seqs[message.Id] = message.Seq;
        }
    }

    // An answer without a seq says what is so already; what is older than the state that is held is in it.
    private void Change(Frame frame, string id, Func<PicturedMessage, PicturedMessage> change)
    {
        if (frame.Number("seq") is > 0 and var seq && _seqs.TryGetValue(id, out var place) && _bySeq[place].UpdatedSeq < seq)
        {
            _bySeq[place] = change(_bySeq[place]) with { UpdatedSeq = seq };
        }
    }
}
