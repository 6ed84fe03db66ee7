using Tertulia.Contracts;

namespace Tertulia.Connections.Events;

/// <summary>One live message of the log.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Epoch">Epoch of the seq.</param>
/// <param name="Entry">An entry whose body is a message.</param>
internal sealed record MessageEvent(string RoomId, string Epoch, RoomEvent Entry) : ServerEvent(DeliveryClass.Durable)
{
    /// <inheritdoc />
    public override int HeldBytes => base.HeldBytes + Entry.CalculateSize();
}

/// <summary>A message in its current state, for a client that catches up.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Epoch">Epoch of the seq.</param>
/// <param name="Message">The message.</param>
internal sealed record MessageStateEvent(string RoomId, string Epoch, Message Message) : ServerEvent(DeliveryClass.Control);

/// <summary>The sender's message is durable.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Epoch">Epoch of the seq.</param>
/// <param name="Ref">The command's <c>ref</c>; null when it had none.</param>
/// <param name="MessageId">UUIDv7.</param>
/// <param name="ClientMsgId">Null or empty when the client chose none.</param>
/// <param name="Seq">Place in the log.</param>
/// <param name="TimestampMs">Unix milliseconds of the write.</param>
/// <param name="Duplicate">The log already held it: this is the first result.</param>
internal sealed record MessageSentEvent(
    string RoomId, string Epoch, string? Ref, string MessageId, string? ClientMsgId, long Seq, long TimestampMs, bool Duplicate)
    : ServerEvent(DeliveryClass.Control);

/// <summary>The session is in the room.</summary>
/// <param name="Room">What it is shown.</param>
/// <param name="Shown">As much of it as fits.</param>
/// <param name="Ref">The command's <c>ref</c>; null when it had none.</param>
internal sealed record JoinedEvent(RoomView Room, FittingRoom Shown, string? Ref) : ServerEvent(DeliveryClass.Control)
{
    /// <summary>The answer to a join, with as much as fits.</summary>
    /// <param name="room">What the session is shown.</param>
    /// <param name="reference">The command's <c>ref</c>; null when it had none.</param>
    public static JoinedEvent Fit(RoomView room, string? reference) => new(room, room.Fit(EventSize.Overhead), reference);
}

/// <summary>The caller is out of the room.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Ref">The command's <c>ref</c>; null when it had none.</param>
/// <param name="Reason">Why, when the client did not ask for it: <c>kicked</c>, <c>banned</c>, <c>removed</c>, <c>left</c> or <c>deleted</c>; else null.</param>
internal sealed record LeftEvent(string RoomId, string? Ref, string? Reason = null) : ServerEvent(DeliveryClass.Control);

/// <summary>A page of a room's history, in ascending order of seq.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Ref">The command's <c>ref</c>; null when it had none.</param>
/// <param name="Items">The page.</param>
/// <param name="HasMore">There are more in the direction of the page; of a page around a message, in any.</param>
/// <param name="Around">Of a page around a message; else null.</param>
internal sealed record HistoryEvent(string RoomId, string? Ref, IReadOnlyList<Message> Items, bool HasMore, PageEnds? Around = null)
    : ServerEvent(DeliveryClass.Control)
{
    /// <summary>As much of a page around a message as fits: what is left out is farthest from it.</summary>
    /// <param name="roomId">The room.</param>
    /// <param name="reference">The command's <c>ref</c>; null when it had none.</param>
    /// <param name="page">With the message.</param>
    /// <param name="maxBytes">Bytes of the items at most; the message itself is taken whatever its size.</param>
    public static HistoryEvent FitAround(string roomId, string? reference, HistoryPage page, int maxBytes)
    {
        var center = 0;
        while (center < page.Messages.Count - 1 && page.Messages[center].Seq < page.AroundSeq)
        {
            center++;
        }

        var (first, end, bytes) = (center, Math.Min(center + 1, page.Messages.Count), page.Messages.Count > 0 ? EventSize.Of(page.Messages[center]) : 0);
        for (var isBefore = true; first > 0 || end < page.Messages.Count; isBefore = !isBefore)
        {
            var next = (isBefore && first > 0) || end == page.Messages.Count ? first - 1 : end;
            bytes += EventSize.Of(page.Messages[next]);
            if (bytes > maxBytes)
            {
                break;
            }

            (first, end) = next < first ? (next, end) : (first, next + 1);
        }

        var ends = new PageEnds(page.HasMoreBefore || first > 0, page.HasMoreAfter || end < page.Messages.Count);
        return new HistoryEvent(roomId, reference, [.. page.Messages.Skip(first).Take(end - first)], ends.HasMoreBefore || ends.HasMoreAfter, ends);
    }

    /// <summary>As much of a page as fits.</summary>
    /// <param name="roomId">The room.</param>
    /// <param name="reference">The command's <c>ref</c>; null when it had none.</param>
    /// <param name="items">The page, ascending.</param>
    /// <param name="hasMore">There are more in the direction of the page.</param>
    /// <param name="newest">The page was asked for from its end (<c>before_seq</c>, or no bound): what does not fit is left out at the beginning, else at the
    /// end. Either way <see cref="HasMore"/> is then true.</param>
    public static HistoryEvent Fit(string roomId, string? reference, IReadOnlyList<Message> items, bool hasMore, bool newest = true)
    {
        var page = EventSize.Fit(items, MaxBytes - EventSize.Overhead, fromEnd: newest);
        return new HistoryEvent(roomId, reference, page, hasMore || page.Count < items.Count);
    }
}

/// <summary>A message and a page of the replies to it, in ascending order of seq.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Ref">The command's <c>ref</c>; null when it had none.</param>
/// <param name="Root">The message that the thread began with.</param>
/// <param name="Items">The page.</param>
/// <param name="HasMore">There are more in the direction of the page.</param>
internal sealed record ThreadEvent(string RoomId, string? Ref, Message Root, IReadOnlyList<Message> Items, bool HasMore) : ServerEvent(DeliveryClass.Control)
{
    /// <summary>As much of a page as fits beside the root.</summary>
    /// <param name="roomId">The room.</param>
    /// <param name="reference">The command's <c>ref</c>; null when it had none.</param>
    /// <param name="page">The page, ascending.</param>
    /// <param name="newest">As of <see cref="HistoryEvent.Fit"/>.</param>
    public static ThreadEvent Fit(string roomId, string? reference, ThreadPage page, bool newest)
    {
        var items = EventSize.Fit(page.Messages, MaxBytes - EventSize.Overhead - EventSize.Of(page.Root), fromEnd: newest);
        return new ThreadEvent(roomId, reference, page.Root, items, page.HasMore || items.Count < page.Messages.Count);
    }
}

/// <summary>A page of a room's pinned messages, those first that were pinned last.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Ref">The command's <c>ref</c>; null when it had none.</param>
/// <param name="Items">The page.</param>
/// <param name="HasMore">There are more, pinned before the last one.</param>
internal sealed record PinsEvent(string RoomId, string? Ref, IReadOnlyList<Message> Items, bool HasMore) : ServerEvent(DeliveryClass.Control)
{
    /// <summary>As much of a page as fits.</summary>
    public static PinsEvent Fit(string roomId, string? reference, IReadOnlyList<Message> items, bool hasMore)
    {
        var page = EventSize.Fit(items, MaxBytes - EventSize.Overhead, fromEnd: false);
        return new PinsEvent(roomId, reference, page, hasMore || page.Count < items.Count);
    }
}

/// <summary>What a page around a message left out.</summary>
/// <param name="HasMoreBefore">There are older messages.</param>
/// <param name="HasMoreAfter">There are newer messages.</param>
internal sealed record PageEnds(bool HasMoreBefore, bool HasMoreAfter);

/// <summary>A user's first device came.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="User">Who.</param>
internal sealed record UserJoinedEvent(string RoomId, PresentUser User) : ServerEvent(DeliveryClass.Ephemeral);

/// <summary>A user's last device left.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="User">Who.</param>
internal sealed record UserLeftEvent(string RoomId, PresentUser User) : ServerEvent(DeliveryClass.Ephemeral);

/// <summary>A user types, or stopped.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="UserId">Who.</param>
/// <param name="Username">How it is shown.</param>
/// <param name="IsTyping">False: stopped.</param>
internal sealed record TypingEvent(string RoomId, string UserId, string Username, bool IsTyping) : ServerEvent(DeliveryClass.Ephemeral);

/// <summary>An application tells something to those who are in the room.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="UserId">Who.</param>
/// <param name="Username">How the user is shown.</param>
/// <param name="Event">Its name.</param>
/// <param name="Payload">JSON; empty when none.</param>
internal sealed record BroadcastEvent(string RoomId, string UserId, string Username, string Event, ReadOnlyMemory<byte> Payload) : ServerEvent(DeliveryClass.Ephemeral)
{
    /// <inheritdoc />
    public override int HeldBytes => base.HeldBytes + Payload.Length;
}

/// <summary>The answer to a <c>broadcast</c> that had a <c>ref</c>: the others are told.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Event">Its name.</param>
/// <param name="Ref">The command's <c>ref</c>.</param>
internal sealed record BroadcastTakenEvent(string RoomId, string Event, string Ref) : ServerEvent(DeliveryClass.Control);

/// <summary>The answer to a <c>typing</c> that had a <c>ref</c>. It names no user: the others are told by <see cref="TypingEvent"/>, the sender never is.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="IsTyping">As in the command.</param>
/// <param name="Ref">The command's <c>ref</c>.</param>
internal sealed record TypingTakenEvent(string RoomId, bool IsTyping, string Ref) : ServerEvent(DeliveryClass.Control);

/// <summary>All users of a room: a list that the client has of it is void.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Users">Those that fit.</param>
/// <param name="HasMore">The next event of the room has more; the list counts when the last part has come.</param>
internal sealed record PresenceStateEvent(string RoomId, IReadOnlyList<PresentUser> Users, bool HasMore) : ServerEvent(DeliveryClass.Control)
{
    /// <inheritdoc />
    public override int HeldBytes => base.HeldBytes + EventSize.Of(Users);

    /// <summary>As many events as it takes.</summary>
    public static IEnumerable<PresenceStateEvent> Cut(string roomId, IReadOnlyList<PresentUser> users) =>
        EventSize.Cut(users).Select(part => new PresenceStateEvent(roomId, part.Users, part.HasMore));
}

/// <summary>How many users are in a large room.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Online">Users who are there.</param>
/// <param name="Members">Members as the log says.</param>
internal sealed record OnlineCountEvent(string RoomId, uint Online, uint Members) : ServerEvent(DeliveryClass.Ephemeral);

/// <summary>These entries were left out; the client pages the history.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Epoch">Epoch of the seqs.</param>
/// <param name="FromSeq">The first.</param>
/// <param name="ToSeq">The last.</param>
internal sealed record GapEvent(string RoomId, string? Epoch, long FromSeq, long ToSeq) : ServerEvent(DeliveryClass.Control);
