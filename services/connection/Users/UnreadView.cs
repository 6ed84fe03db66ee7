using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;

namespace Tertulia.Connections.Users;

/// <summary>How far the user has read a room, on all devices whose token lets them read it.</summary>
internal sealed class UnreadView : IUserEventHandler
{
    /// <inheritdoc />
    public UserEvent.BodyOneofCase Kind => UserEvent.BodyOneofCase.Unread;

    /// <inheritdoc />
    public void Handle(UserEvent told, ReadOnlySpan<Session> sessions)
    {
        var shown = new UnreadEvent(told.Unread.RoomId, told.Unread.Mark); // Once for all.
        foreach (var session in sessions)
        {
            if (session.Caller?.MayRead(shown.RoomId) == true)
            {
                session.Marks.Tell(shown);
            }
        }
    }
}
