using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Users;
using Tertulia.Contracts;

namespace Tertulia.Connections.Notifying;

/// <summary>How far the user has read a thread, for all of the user's devices.</summary>
/// <param name="Thread">Position, number of unread replies, and whether the user follows it.</param>
/// <param name="Ref">The command's <c>ref</c>; null when it had none, or for other devices.</param>
internal sealed record ThreadUnreadEvent(ThreadUnread Thread, string? Ref = null) : ServerEvent(DeliveryClass.Control);

/// <summary>A page of the threads that the user follows.</summary>
/// <param name="Threads">Those first that were answered last.</param>
/// <param name="HasMore">There are more after the last one.</param>
/// <param name="Cursor">Where the next page begins; empty when there is none.</param>
/// <param name="Ref">The command's <c>ref</c>; null when it had none.</param>
internal sealed record ThreadListEvent(IReadOnlyList<ThreadUnread> Threads, bool HasMore, string Cursor, string? Ref = null)
    : ServerEvent(DeliveryClass.Control)
{
    private const int ThreadBytes = 400; // Ids have bounds: a page fits into an event.

    /// <inheritdoc />
    public override int HeldBytes => 128 + (ThreadBytes * Threads.Count);
}

/// <summary>Shows a thread's mark to all devices whose token lets them read the room.</summary>
internal sealed class ThreadUnreadView : IUserEventHandler
{
    /// <inheritdoc />
    public UserEvent.BodyOneofCase Kind => UserEvent.BodyOneofCase.ThreadUnread;

    /// <inheritdoc />
    public void Handle(UserEvent told, ReadOnlySpan<Session> sessions)
    {
        var shown = new ThreadUnreadEvent(told.ThreadUnread); // Once for all.
        foreach (var session in sessions)
        {
            if (session.Caller?.MayRead(told.ThreadUnread.RoomId) == true)
            {
                session.Send(shown);
            }
        }
    }
}
