using Tertulia.Contracts;

namespace Tertulia.Connections.Events;

/// <summary>How far the user has read a room, for all of the user's devices.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Mark">Position and number of unread messages.</param>
/// <param name="Ref">The command's <c>ref</c>; null when it had none, or for other devices.</param>
internal sealed record UnreadEvent(string RoomId, Marked Mark, string? Ref = null) : ServerEvent(DeliveryClass.Control);

/// <summary>Another user has read the room up to a seq.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="UserId">Who.</param>
/// <param name="Seq">The last seq that is read.</param>
internal sealed record ReadReceiptEvent(string RoomId, string UserId, long Seq) : ServerEvent(DeliveryClass.Ephemeral);
