using System.Text.Json;

namespace Tertulia.Testing;

/// <summary>Entries that the server left out for one connection, both ends included.</summary>
public sealed record ShownGap(long From, long To);

/// <summary>What one connection was shown of a room, exactly as the server sent it: nothing is sorted, dropped or filled in.</summary>
/// <param name="After">The position that the client resumed from; null when it brought none, or one that was void.</param>
/// <param name="AsOf">The room's seq in the greeting: the history goes up to it, live messages begin after it.</param>
/// <param name="History">Messages of the greeting.</param>
/// <param name="Live">Messages after the greeting, in the order in which they came.</param>
/// <param name="Gaps">What the server said that it left out: the client has to read it from the history.</param>
public sealed record RoomView(long? After, long AsOf, IReadOnlyList<ShownMessage> History, IReadOnlyList<ShownMessage> Live, IReadOnlyList<ShownGap> Gaps)
{
    private static readonly string[] ChangeTypes = ["message_updated", "message_deleted", "reaction", "pinned", "member", "room_updated"];

    /// <summary>Seqs of all entries that came live, messages and changes of messages, in the order in which they came.</summary>
    public IReadOnlyList<long> LiveEntries { get; init; } = [];

    /// <summary>Messages from before <see cref="After"/> that were changed since, in the state that a resume showed them in: id and seq of the last change.</summary>
    public IReadOnlyList<(string Id, long UpdatedSeq)> Restored { get; init; } = [];

    /// <summary>Users whose place changed, as a resume showed it or as it came live: id and seq of the change.</summary>
    public IReadOnlyList<(string UserId, long Seq)> Places { get; init; } = [];

    /// <summary>Changes after this seq are told: the position that was resumed from, or that of the greeting when it was no resume.</summary>
    public long ChangesAfter { get; init; } = AsOf;

    /// <summary>Messages that a greeting without a position shows when the room has as many.</summary>
    public const int PageSize = 50;

    /// <summary>Everything, in the order in which it came.</summary>
    public IEnumerable<ShownMessage> Shown => History.Concat(Live);

    /// <summary>The position to resume from: after a greeting with a position, whose rest may not have come yet, the last entry that was shown or left out.</summary>
    public long LastSeq
    {
        get
        {
            long[] told = [.. Shown.Select(message => message.Seq), .. LiveEntries, .. Restored.Select(state => state.UpdatedSeq), .. Gaps.Select(gap => gap.To)];
            return After is null || told.Length == 0 ? told.Append(AsOf).Max() : told.Max();
        }
    }

    /// <summary>Reads the frames of one connection that is in one room.</summary>
    /// <param name="frames">In the order of arrival.</param>
    /// <param name="after">See <see cref="After"/>.</param>
    /// <returns>Null when there was no greeting.</returns>
    public static RoomView? Of(IReadOnlyList<Frame> frames, long? after)
    {
        var greeting = frames.FirstOrDefault(frame => frame.Type is "connected" or "joined");
        if (greeting is null)
        {
            return null;
        }

        bool IsRestored(JsonElement message) => after is { } since && Frame.NumberOf(message, "seq") <= since;
        JsonElement[] history = [.. greeting.Items("history")];
        Frame[] live = [.. frames.Where(frame => frame.Type == "message" && !IsRestored(frame.Data))];
        var isLive = live.ToHashSet(); // By reference.
        Frame[] entries = [.. frames.Where(frame => isLive.Contains(frame) || (frame.Ref.Length == 0 && ChangeTypes.Contains(frame.Type, StringComparer.Ordinal)))];
        var restored = history.Concat(frames.Where(frame => frame.Type == "message").Select(frame => frame.Data)).Where(IsRestored);
        return new RoomView(
            after,
            greeting.Seq,
            [.. history.Where(message => !IsRestored(message)).Select(ShownMessage.From)],
            [.. live.Select(frame => ShownMessage.From(frame.Data))],
            [.. frames.Where(frame => frame.Type == "gap").Select(frame => new ShownGap(frame.Number("from_seq"), frame.Number("to_seq")))])
        {
            LiveEntries = [.. entries.Select(frame => frame.Number("seq")).Where(seq => after is null || seq > greeting.Seq)],
            Places =
            [
                .. greeting.Items("member_changes").Concat(frames.Where(frame => frame.Type == "member" && frame.Ref.Length == 0).Select(frame => frame.Data))
                    .Select(member => (Frame.TextOf(member, "user_id"), Frame.NumberOf(member, "seq"))),
            ],
            ChangesAfter = after is { } position && greeting.Flag("recovered") ? position : greeting.Seq,
            Restored = [.. restored.Select(message => (Frame.TextOf(message, "id"), Frame.NumberOf(message, "updated_seq")))],
        };
    }

    /// <summary>Without some messages.</summary>
    public RoomView Without(IReadOnlySet<string> messageIds) => this with
    {
        History = [.. History.Where(message => !messageIds.Contains(message.Id))], Live = [.. Live.Where(message => !messageIds.Contains(message.Id))],
    };

    /// <summary>Whether the server said that it left this entry out.</summary>
    public bool IsLeftOut(long seq) => Gaps.Any(gap => seq >= gap.From && seq <= gap.To);
}
