using Tertulia.Contracts;
using Tertulia.Notifications.Preferences;
using Tertulia.Notifications.Storage;

namespace Tertulia.Notifications.Inbox;

/// <summary>A notification that somebody should have, before their preferences are asked.</summary>
/// <param name="UserId">Who.</param>
/// <param name="EventId">What makes it the same when it is decided again.</param>
/// <param name="Item">Without what the inbox gives it: id, useq, sound.</param>
/// <param name="Sound">That its sender chose; null for the kind's.</param>
internal sealed record Wanted(string UserId, string EventId, Notification Item, string? Sound = null)
{
    /// <summary>Its user has read it already, in its thread.</summary>
    public bool IsRead { get; init; }
}

/// <summary>A notification that is in the inbox now.</summary>
/// <param name="UserId">Whose.</param>
/// <param name="EventId">As it was wanted.</param>
/// <param name="Item">All of it.</param>
/// <param name="Unread">The user's unread ones.</param>
/// <param name="Preferences">The user's; null for those of everyone.</param>
internal sealed record Made(string UserId, string EventId, Notification Item, uint Unread, NotificationPreferences? Preferences);

/// <summary>A notification that its user does not want, or has read already.</summary>
/// <param name="Wanted">It.</param>
/// <param name="Reason">One of <see cref="Withheld"/>.</param>
/// <param name="Preferences">The user's; null for those of everyone.</param>
internal sealed record KeptOut(Wanted Wanted, string Reason, NotificationPreferences? Preferences);

/// <summary>A user's notifications that are read or gone.</summary>
/// <param name="UserId">Whose.</param>
/// <param name="What">As devices are told.</param>
/// <param name="Items">Each of them; none when nothing changed.</param>
internal sealed record Ended(string UserId, NotificationsRead What, IReadOnlyList<EndedItem> Items);

/// <summary>A notification that is read or gone.</summary>
/// <param name="UserId">Whose.</param>
/// <param name="Id">Its id.</param>
/// <param name="RoomId">That it is about; empty when none.</param>
/// <param name="IsRead">It had been read before.</param>
internal sealed record EndedItem(string UserId, string Id, string RoomId, bool IsRead);

/// <summary>What else has to be done when inboxes change: pushes, digests.</summary>
internal interface IInboxListener
{
    /// <summary>In the round that makes them.</summary>
    Task OnMadeAsync(IRound round, IReadOnlyList<Made> made, DateTimeOffset now);

    /// <summary>In the round in which it was decided that they do not come.</summary>
    Task OnKeptOutAsync(IRound round, IReadOnlyList<KeptOut> kept, DateTimeOffset now);

    /// <summary>In the round in which a message is deleted: nothing of it is told any more.</summary>
    Task OnDeletedAsync(IRound round, string messageId);

    /// <summary>In the round in which a room is no more, or a user may not read it any more: nothing of it is told.</summary>
    /// <param name="round">In which it was decided.</param>
    /// <param name="roomId">The room.</param>
    /// <param name="userId">Who; empty: everybody.</param>
    /// <param name="beforeSeq">Only what is about entries before this seq.</param>
    Task OnShutOutAsync(IRound round, string roomId, string userId, long beforeSeq);

    /// <summary>In the round in which they are read, or are removed because their message was deleted.</summary>
    Task OnEndedAsync(IRound round, IReadOnlyList<Ended> ended, DateTimeOffset now);

    /// <summary>The round has ended. Returns quickly.</summary>
    void OnCommitted();
}
