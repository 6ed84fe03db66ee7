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

    /// <summary>Its kind if the message said nothing of its user; empty: there would be none.</summary>
    public string Otherwise { get; init; } = "";
}

/// <summary>What a notification's kind is when its message says something else: given its user, its kind and its <see cref="Wanted.Otherwise"/>. Empty: its
/// user is not concerned any more.</summary>
internal delegate string KindNow(string userId, string kind, string otherwise);

/// <summary>A message that was edited, as users are told of it.</summary>
/// <param name="EventId">Of what they were told.</param>
/// <param name="MessageId">The message.</param>
/// <param name="RoomId">Where.</param>
/// <param name="Body">What is shown of what it says now.</param>
/// <param name="KindNow">Why they are told of it now.</param>
internal sealed record Revision(string EventId, string MessageId, string RoomId, string Body, KindNow KindNow);

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
/// <param name="IsRetracted">They are gone because their message, which is still there, does not concern the user any more.</param>
internal sealed record Ended(string UserId, NotificationsRead What, IReadOnlyList<EndedItem> Items, bool IsRetracted = false);

/// <summary>A notification that is read or gone.</summary>
/// <param name="UserId">Whose.</param>
/// <param name="Id">Its id.</param>
/// <param name="RoomId">That it is about; empty when none.</param>
/// <param name="IsRead">It had been read before.</param>
internal sealed record EndedItem(string UserId, string Id, string RoomId, bool IsRead);

/// <summary>A notification and why its user is told.</summary>
/// <param name="UserId">Whose.</param>
/// <param name="Kind">Its kind.</param>
/// <param name="Otherwise">As in <see cref="Wanted.Otherwise"/>.</param>
internal sealed record ToldItem(string UserId, string Kind, string Otherwise);

/// <summary>What is about entries of a room and is not to be told any more.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="UserIds">Whose; null: everybody's.</param>
/// <param name="BeforeSeq">Only what is about entries before this seq.</param>
internal sealed record RoomItems(string RoomId, IReadOnlyCollection<string>? UserIds = null, long BeforeSeq = long.MaxValue)
{
    /// <summary>Invitations stay: they say nothing of what was written in the room.</summary>
    public bool WithoutInvitations { get; init; }
}

/// <summary>What else has to be done when inboxes change: pushes, digests.</summary>
internal interface IInboxListener
{
    /// <summary>In the round that makes them.</summary>
    Task OnMadeAsync(IRound round, IReadOnlyList<Made> made, DateTimeOffset now);

    /// <summary>In the round in which it was decided that they do not come.</summary>
    Task OnKeptOutAsync(IRound round, IReadOnlyList<KeptOut> kept, DateTimeOffset now);

    /// <summary>In the round in which a message is deleted: nothing of it is told any more.</summary>
    Task OnDeletedAsync(IRound round, string messageId);

    /// <summary>In the round in which a message says something else than what was told, before what does not concern its user any more ends.</summary>
    /// <param name="round">In which it was decided.</param>
    /// <param name="revision">What it is now.</param>
    /// <param name="revised">What still is in the inboxes.</param>
    /// <param name="gone">Users whom it does not concern any more.</param>
    Task OnRevisedAsync(IRound round, Revision revision, IReadOnlyList<EndedItem> revised, IReadOnlyCollection<string> gone);

    /// <summary>In the round in which a room is no more, or a user may not read it any more: nothing of it is told.</summary>
    Task OnShutOutAsync(IRound round, RoomItems items);

    /// <summary>In the round in which they are read, or are removed because their message is gone or does not concern its user any more.</summary>
    Task OnEndedAsync(IRound round, IReadOnlyList<Ended> ended, DateTimeOffset now);

    /// <summary>The round has ended. Returns quickly.</summary>
    void OnCommitted();
}
