using Tertulia.Contracts;

namespace Tertulia.Connections.Events;

/// <summary>What a user who enters a room is shown.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Snapshot">Its position, settings, messages, and what else changed.</param>
/// <param name="ActiveUsers">Who is there; empty in a large room.</param>
/// <param name="Online">How many are there.</param>
internal sealed record RoomView(string RoomId, Snapshot Snapshot, IReadOnlyList<PresentUser> ActiveUsers, uint Online)
{
    private const int MaxUserBytes = ServerEvent.MaxBytes * 3 / 4; // The rest is for what happened.

    /// <summary>With the users, or without them when they are too many for it.</summary>
    /// <param name="roomId">The room.</param>
    /// <param name="snapshot">Its position, settings, messages, and what else changed.</param>
    /// <param name="users">Who is there.</param>
    /// <param name="online">How many are there.</param>
    /// <param name="later">The users, when they are to be told by events of their own.</param>
    public static RoomView Of(string roomId, Snapshot snapshot, IReadOnlyList<PresentUser> users, uint online, out IReadOnlyList<PresentUser> later)
    {
        later = EventSize.Of(users) > MaxUserBytes ? users : [];
        return new RoomView(roomId, snapshot, later.Count > 0 ? [] : users, online);
    }

    /// <summary>What of the snapshot fits into one event beside the users.</summary>
    /// <param name="otherBytes">Of the event, beside users, settings, messages and other changes.</param>
    public FittingRoom Fit(int otherBytes)
    {
        var budget = ServerEvent.MaxBytes - otherBytes - EventSize.Of(ActiveUsers) - EventSize.Of(Snapshot.Settings);
        if (!Snapshot.Recovered)
        {
            return new FittingRoom(EventSize.Fit(Snapshot.Messages, budget, fromEnd: true), [], Snapshot.Seq); // Of a history the newest matter.
        }

        var changes = new MissedChanges(Snapshot);
        var first = true;
        while (changes.Next is { } next && (first || next.Bytes <= budget))
        {
            (budget, first) = (budget - next.Bytes, false);
            changes.Take();
        }

        return new FittingRoom(
            [.. Snapshot.Messages.Take(changes.Messages)], [.. Snapshot.Changes.Take(changes.Others)], changes.Next is null ? Snapshot.Seq : changes.Position);
    }
}

/// <summary>As much of a room as fits into one event.</summary>
/// <param name="History">Of what was missed the first messages; else the newest ones, and the client pages back from them.</param>
/// <param name="Changes">The other changes among what was missed.</param>
/// <param name="Seq">All up to this seq is in it.</param>
internal readonly record struct FittingRoom(IReadOnlyList<Message> History, IReadOnlyList<RoomEvent> Changes, long Seq);

/// <summary>What a client missed, in the order of seq: messages as they are now, and what else changed.</summary>
internal sealed class MissedChanges(Snapshot snapshot)
{
    /// <summary>Messages that were taken.</summary>
    public int Messages { get; private set; }

    /// <summary>Other changes that were taken.</summary>
    public int Others { get; private set; }

    /// <summary>All up to this seq was taken; 0 when nothing was.</summary>
    public long Position { get; private set; }

    /// <summary>What comes next; null when all was taken.</summary>
    public MissedChange? Next
    {
        get
        {
            var (message, other) = (At(snapshot.Messages, Messages), At(snapshot.Changes, Others));
            return message is not null && (other is null || message.UpdatedSeq < other.Seq) ? new MissedChange(message, Other: null)
                : other is not null ? new MissedChange(Message: null, other)
                : null;
        }
    }

    /// <summary>Goes on to the one after <see cref="Next"/>.</summary>
    public void Take()
    {
        if (Next is { } next)
        {
            Position = next.Seq;
            (Messages, Others) = next.Message is null ? (Messages, Others + 1) : (Messages + 1, Others);
        }
    }

    /// <summary>What comes after that which an event holds.</summary>
    public static MissedChanges After(Snapshot snapshot, in FittingRoom shown) =>
        new(snapshot) { Messages = shown.History.Count, Others = shown.Changes.Count };

    private static T? At<T>(IReadOnlyList<T> items, int index)
        where T : class => index < items.Count ? items[index] : null;
}

/// <summary>One thing that a client missed.</summary>
/// <param name="Message">A message as it is now; null when it is something else.</param>
/// <param name="Other">An entry about a member or the settings.</param>
internal readonly record struct MissedChange(Message? Message, RoomEvent? Other)
{
    /// <summary>Of the change.</summary>
    public long Seq => Message?.UpdatedSeq ?? Other!.Seq;

    /// <summary>In an event.</summary>
    public int Bytes => Message is null ? EventSize.Of(Other!) : EventSize.Of(Message);

    /// <summary>An event of its own, which is owed to the client.</summary>
    public ServerEvent Show(string roomId, string epoch) => this switch
    {
        { Message: { } message } => new MessageStateEvent(roomId, epoch, message),
        { Other: { Member: not null } member } => new MemberEvent(roomId, epoch, member, Ref: ""),
        _ => new RoomUpdatedEvent(roomId, epoch, Other!, Ref: ""),
    };
}
