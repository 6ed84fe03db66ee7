using Tertulia.Connections.Events;
using Tertulia.Contracts;

namespace Tertulia.Connections.Users;

/// <summary>How far the user has read a room, on all devices.</summary>
internal sealed class UnreadView : UserEventView
{
    /// <inheritdoc />
    public override UserEvent.BodyOneofCase Kind => UserEvent.BodyOneofCase.Unread;

    /// <inheritdoc />
    protected override ServerEvent Show(UserEvent told) => new UnreadEvent(told.Unread.RoomId, told.Unread.Mark);
}
