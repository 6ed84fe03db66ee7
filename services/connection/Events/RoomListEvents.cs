using Tertulia.Contracts;

namespace Tertulia.Connections.Events;

/// <summary>A room as a list shows it to a user.</summary>
/// <param name="Room">What the message service knows.</param>
/// <param name="Notices">What the notification service knows; null when that is not known at present.</param>
internal readonly record struct ListedRoom(RoomDetails Room, RoomNotices? Notices);

/// <summary>A page of rooms.</summary>
/// <param name="Rooms">In the list's order.</param>
/// <param name="HasMore">There are more after the last one.</param>
/// <param name="Ref">The command's <c>ref</c>; null when it had none.</param>
internal sealed record RoomListEvent(IReadOnlyList<ListedRoom> Rooms, bool HasMore, string? Ref = null) : ServerEvent(DeliveryClass.Control)
{
    /// <summary>Where the next page begins; empty when there is none.</summary>
    public string Cursor => HasMore && Rooms is [.., var last] ? last.Room.Cursor : "";

    /// <summary>As much of a page as fits.</summary>
    public static RoomListEvent Fit(IReadOnlyList<ListedRoom> rooms, bool hasMore, string? reference, int maxBytes = MaxBytes - EventSize.Overhead)
    {
        var fitting = EventSize.Fit(rooms, room => EventSize.Of(room.Room), maxBytes);
        return new RoomListEvent(fitting, hasMore || fitting.Count < rooms.Count, reference);
    }
}

/// <summary>What a room is like.</summary>
/// <param name="Listed">The room.</param>
/// <param name="Ref">The command's <c>ref</c>; null when it had none.</param>
internal sealed record RoomDescribedEvent(ListedRoom Listed, string? Ref = null) : ServerEvent(DeliveryClass.Control);

/// <summary>A page of the user's communities, by id.</summary>
/// <param name="Items">The page.</param>
/// <param name="HasMore">There are more after the last one.</param>
/// <param name="Ref">The command's <c>ref</c>; null when it had none.</param>
internal sealed record CommunitiesEvent(IReadOnlyList<Community> Items, bool HasMore, string? Ref = null) : ServerEvent(DeliveryClass.Control)
{
    /// <summary>Where the next page begins; empty when there is none.</summary>
    public string Cursor => HasMore && Items is [.., var last] ? last.CommunityId : "";

    /// <summary>As much of a page as fits.</summary>
    public static CommunitiesEvent Fit(CommunitiesPage page, string? reference, int maxBytes = MaxBytes - EventSize.Overhead)
    {
        var items = EventSize.Fit(page.Communities, EventSize.Of, maxBytes);
        return new CommunitiesEvent(items, page.HasMore || items.Count < page.Communities.Count, reference);
    }
}
