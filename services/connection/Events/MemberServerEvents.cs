using Tertulia.Contracts;

namespace Tertulia.Connections.Events;

/// <summary>A user's place in a room is another one.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Epoch">Epoch of the seq; empty when it is not known.</param>
/// <param name="Entry">An entry whose body is a changed member; its seq is 0 when it was so already.</param>
/// <param name="Ref">Of the command that it answers; null for everyone else.</param>
internal sealed record MemberEvent(string RoomId, string Epoch, RoomEvent Entry, string? Ref = null)
    : ServerEvent(Ref is null ? DeliveryClass.Durable : DeliveryClass.Control)
{
    /// <inheritdoc />
    public override int HeldBytes => base.HeldBytes + Entry.CalculateSize();
}

/// <summary>A room is another one: its settings.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Epoch">Epoch of the seq; empty when it is not known.</param>
/// <param name="Entry">An entry whose body is an updated room; its seq is 0 when it was so already.</param>
/// <param name="Ref">Of the command that it answers; null for everyone else.</param>
internal sealed record RoomUpdatedEvent(string RoomId, string Epoch, RoomEvent Entry, string? Ref = null)
    : ServerEvent(Ref is null ? DeliveryClass.Durable : DeliveryClass.Control)
{
    /// <inheritdoc />
    public override int HeldBytes => base.HeldBytes + Entry.CalculateSize();
}

/// <summary>The caller's room is there.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Entry">An entry whose body is a created room; its seq is 0 when it was there already.</param>
/// <param name="Ref">The command's <c>ref</c>; null when it had none.</param>
internal sealed record RoomCreatedEvent(string RoomId, RoomEvent Entry, string? Ref) : ServerEvent(DeliveryClass.Control);

/// <summary>The room is deleted, as the caller wanted.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Ref">The command's <c>ref</c>; null when it had none.</param>
internal sealed record RoomDeletedEvent(string RoomId, string? Ref) : ServerEvent(DeliveryClass.Control);

/// <summary>The moderators are told of a message, as the caller wanted.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="MessageId">The message.</param>
/// <param name="Ref">The command's <c>ref</c>; null when it had none.</param>
internal sealed record ReportedEvent(string RoomId, string MessageId, string? Ref) : ServerEvent(DeliveryClass.Control);

/// <summary>A page of a room's members, by user id.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Ref">The command's <c>ref</c>; null when it had none.</param>
/// <param name="Items">The page.</param>
/// <param name="HasMore">There are more after the last one.</param>
/// <param name="Epoch">Of the seq.</param>
/// <param name="Seq">The room's before the page was read: entries after it are newer than the page, or in it already.</param>
internal sealed record MembersEvent(string RoomId, string? Ref, IReadOnlyList<ListedMember> Items, bool HasMore, string Epoch, long Seq) : ServerEvent(DeliveryClass.Control)
{
    /// <summary>As much of a page as fits.</summary>
    public static MembersEvent Fit(string roomId, string? reference, MembersPage page, int maxBytes = MaxBytes - EventSize.Overhead)
    {
        var items = EventSize.Fit(page.Members, EventSize.Of, maxBytes);
        return new MembersEvent(roomId, reference, items, page.HasMore || items.Count < page.Members.Count, page.Epoch, page.Seq);
    }
}

/// <summary>A page of what was reported in a room, the newest first.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Ref">The command's <c>ref</c>; null when it had none.</param>
/// <param name="Items">Entries whose body is a reported message.</param>
/// <param name="HasMore">There are older ones.</param>
internal sealed record ReportsEvent(string RoomId, string? Ref, IReadOnlyList<RoomEvent> Items, bool HasMore) : ServerEvent(DeliveryClass.Control)
{
    /// <summary>As much of a page as fits.</summary>
    public static ReportsEvent Fit(string roomId, string? reference, ReportsPage page, int maxBytes = MaxBytes - EventSize.Overhead)
    {
        var items = EventSize.Fit(page.Reports, EventSize.OfReport, maxBytes);
        return new ReportsEvent(roomId, reference, items, page.HasMore || items.Count < page.Reports.Count);
    }
}
