using Tertulia.Connections.Auth;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Events;

/// <summary>The session is authenticated and, on <c>/ws/{room_id}</c>, in its room.</summary>
internal sealed record ConnectedEvent() : ServerEvent(DeliveryClass.Control)
{
    /// <summary>Of this connection.</summary>
    public required string ConnectionId { get; init; }

    /// <summary>Of the session.</summary>
    public required string SessionId { get; init; }

    /// <summary>Who it is.</summary>
    public required Caller User { get; init; }

    /// <summary>Told to the client.</summary>
    public required LimitOptions Limits { get; init; }

    /// <summary>Silence after which the server asks whether the client is there.</summary>
    public required TimeSpan Heartbeat { get; init; }

    /// <summary>Now.</summary>
    public required DateTimeOffset ServerTime { get; init; }

    /// <summary>The rooms the user is in and their positions: those that fit.</summary>
    public required IReadOnlyList<RoomSummary> Rooms { get; init; }

    /// <summary>The other rooms follow in <see cref="RoomsEvent"/>s.</summary>
    public bool HasMoreRooms { get; init; }

    /// <summary>Unread messages of all rooms the user is in; null when it is not known.</summary>
    public long? TotalUnread { get; init; }

    /// <summary>The newest of the inbox, on <c>/ws/notifications</c>; else null.</summary>
    public Inbox? Notifications { get; init; }

    /// <summary>The room of the URL; null on <c>/ws</c>.</summary>
    public RoomView? Room { get; init; }

    /// <summary>As much of <see cref="Room"/> as fits.</summary>
    public FittingRoom Shown { get; init; } = new([], [], 0);
}

/// <summary>More of the rooms the user is in: those that did not fit into the greeting.</summary>
/// <param name="Rooms">Some of them.</param>
/// <param name="HasMore">Others follow.</param>
internal sealed record RoomsEvent(IReadOnlyList<RoomSummary> Rooms, bool HasMore) : ServerEvent(DeliveryClass.Control);

/// <summary>The answer to a ping of the protocol.</summary>
/// <param name="Ref">The command's <c>ref</c>; null when it had none.</param>
/// <param name="ServerTime">Now.</param>
internal sealed record PongEvent(string? Ref, DateTimeOffset ServerTime) : ServerEvent(DeliveryClass.Control);

/// <summary>The token was taken.</summary>
/// <param name="ExpiresAt">Null when the identity does not expire (Development).</param>
/// <param name="Ref">The command's <c>ref</c>; null when it had none.</param>
internal sealed record AuthOkEvent(DateTimeOffset? ExpiresAt, string? Ref) : ServerEvent(DeliveryClass.Control);

/// <summary>A fresh token is due.</summary>
/// <param name="ExpiresAt">When the session ends without one.</param>
internal sealed record TokenExpiringEvent(DateTimeOffset ExpiresAt) : ServerEvent(DeliveryClass.Control);

/// <summary>Come back elsewhere, after the delay and a random part of the jitter.</summary>
/// <param name="Reason"><c>drain</c>, <c>rebalance</c> or <c>maintenance</c>.</param>
/// <param name="DelayMs">Milliseconds.</param>
/// <param name="JitterMs">Milliseconds.</param>
internal sealed record ReconnectEvent(string Reason, int DelayMs, int JitterMs) : ServerEvent(DeliveryClass.Control);

/// <summary>A command failed, or the session.</summary>
/// <param name="Code">Of the catalog, which gives name, sentence and whether it is temporary.</param>
/// <param name="Message">A better sentence; null or empty for the catalog's.</param>
/// <param name="Ref">The failed command's <c>ref</c>; null when it had none.</param>
/// <param name="RetryAfterMs">Milliseconds; 0 when there is no such advice.</param>
/// <param name="RoomId">The room it is about; null when none.</param>
internal sealed record ErrorEvent(ErrorCode Code, string? Message = null, string? Ref = null, int RetryAfterMs = 0, string? RoomId = null)
    : ServerEvent(DeliveryClass.Control)
{
    /// <summary>A refusal of another service.</summary>
    public static ErrorEvent Of(Refusal refusal, string? reference, string? roomId) =>
        new(refusal.Code, refusal.Detail, reference, (int)refusal.RetryAfterMs, roomId);
}

/// <summary>Asks a silent client whether it is there.</summary>
internal sealed record AreYouThereEvent() : ServerEvent(DeliveryClass.Control)
{
    /// <summary>The one there is.</summary>
    public static AreYouThereEvent Instance { get; } = new();
}

/// <summary>The last thing a session is told.</summary>
/// <param name="Code">Whether and how to come back (PROTOCOL §7).</param>
/// <param name="Reason">For a developer.</param>
internal sealed record CloseEvent(CloseCode Code, string Reason) : ServerEvent(DeliveryClass.Control);
