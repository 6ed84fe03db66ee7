using Tertulia.Connections.Announcing;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;

namespace Tertulia.Connections.Verbs;

/// <summary><c>focus</c>: which room the device shows. The presence service keeps it, so that no push tells of what its user sees.</summary>
internal sealed class FocusHandler(PresenceReporter reporter) : CallerHandler<FocusCommand>
{
    /// <inheritdoc />
    protected override void Handle(Session session, Caller caller, FocusCommand command)
    {
        reporter.SetFocus(session.ConnectionId, command.RoomId ?? "");
        if (command.Ref is { } reference)
        {
            session.Send(new FocusEvent(command.RoomId, reference));
        }
    }
}
