using Tertulia.Contracts;

namespace Tertulia.Connections.Events;

/// <summary>A user is shown otherwise than before.</summary>
/// <param name="RoomId">The room whose members are told; null for those who watch the user.</param>
/// <param name="User">How it is shown.</param>
internal sealed record PresenceEvent(string? RoomId, PresentUser User) : ServerEvent(DeliveryClass.Ephemeral)
{
    /// <inheritdoc />
    public override int HeldBytes => base.HeldBytes + (2 * (User.Text.Length + User.Username.Length));
}

/// <summary>What a user has chosen, told to its own devices.</summary>
/// <param name="Status">Also <c>invisible</c>.</param>
/// <param name="Ref">The command's <c>ref</c>; null for a device that did not ask.</param>
internal sealed record ChosenStatusEvent(ChosenStatus Status, string? Ref) : ServerEvent(DeliveryClass.Control);

/// <summary>The answer to a device that said whether it is in use.</summary>
/// <param name="UserId">Whose.</param>
/// <param name="IsAway">It is not.</param>
/// <param name="Ref">The command's <c>ref</c>.</param>
internal sealed record DeviceStatusEvent(string UserId, bool IsAway, string Ref) : ServerEvent(DeliveryClass.Control);

/// <summary>A device said which room it shows. To the device that said it, when it asked for an answer.</summary>
internal sealed record FocusEvent(string? RoomId, string Ref) : ServerEvent(DeliveryClass.Control);

/// <summary>How the users are shown whom a client watches from now on.</summary>
/// <param name="Ref">The command's <c>ref</c>; null when it had none.</param>
/// <param name="Users">Those that fit.</param>
/// <param name="HasMore">The next event has more of the same answer.</param>
internal sealed record WatchStateEvent(string? Ref, IReadOnlyList<PresentUser> Users, bool HasMore) : ServerEvent(DeliveryClass.Control)
{
    /// <inheritdoc />
    public override int HeldBytes => base.HeldBytes + EventSize.Of(Users);

    /// <summary>As many events as it takes.</summary>
    public static IEnumerable<WatchStateEvent> Cut(string? reference, IReadOnlyList<PresentUser> users) =>
        EventSize.Cut(users).Select(part => new WatchStateEvent(reference, part.Users, part.HasMore));
}

/// <summary>The answer to <c>presence_unwatch</c>.</summary>
/// <param name="Watched">Users whom the client still watches.</param>
/// <param name="Ref">The command's <c>ref</c>.</param>
internal sealed record UnwatchedEvent(int Watched, string Ref) : ServerEvent(DeliveryClass.Control);
