using Tertulia.Contracts;

namespace Tertulia.Connections.Events;

/// <summary>An entry of the log that changed a message: everyone in the room is told it, and who caused it once more as the answer.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Epoch">Epoch of the seq.</param>
/// <param name="Entry">The entry. Without a seq it only says what is so already.</param>
/// <param name="Ref">Of the command that it answers; null when it goes to the room.</param>
internal abstract record EntryEvent(string RoomId, string Epoch, RoomEvent Entry, string? Ref)
    : ServerEvent(Ref is null ? DeliveryClass.Durable : DeliveryClass.Control)
{
    /// <inheritdoc />
    public override int HeldBytes => base.HeldBytes + Entry.CalculateSize();
}

/// <summary>A message says something else.</summary>
/// <inheritdoc cref="EntryEvent" path="/param"/>
internal sealed record MessageUpdatedEvent(string RoomId, string Epoch, RoomEvent Entry, string? Ref = null) : EntryEvent(RoomId, Epoch, Entry, Ref);

/// <summary>A message was deleted.</summary>
/// <inheritdoc cref="EntryEvent" path="/param"/>
internal sealed record MessageDeletedEvent(string RoomId, string Epoch, RoomEvent Entry, string? Ref = null) : EntryEvent(RoomId, Epoch, Entry, Ref);

/// <summary>A reaction was added or taken back.</summary>
/// <inheritdoc cref="EntryEvent" path="/param"/>
internal sealed record ReactionEvent(string RoomId, string Epoch, RoomEvent Entry, string? Ref = null) : EntryEvent(RoomId, Epoch, Entry, Ref);

/// <summary>The room keeps messages from before a seq no longer.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Epoch">Epoch of the seqs.</param>
/// <param name="Entry">The entry.</param>
internal sealed record MessagesExpiredEvent(string RoomId, string Epoch, RoomEvent Entry) : ServerEvent(DeliveryClass.Durable);

/// <summary>A message was pinned, or its pin was taken off.</summary>
/// <inheritdoc cref="EntryEvent" path="/param"/>
internal sealed record PinnedEvent(string RoomId, string Epoch, RoomEvent Entry, string? Ref = null) : EntryEvent(RoomId, Epoch, Entry, Ref);
