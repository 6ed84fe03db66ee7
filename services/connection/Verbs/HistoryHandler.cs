using Tertulia.Connections.Auth;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;

namespace Tertulia.Connections.Verbs;

/// <summary><c>history</c>. The message service decides who may read.</summary>
internal sealed class HistoryHandler(HistoryFlow history) : RoomHandler<HistoryCommand>
{
    /// <inheritdoc />
    protected override void Handle(Session session, Caller caller, string roomId, HistoryCommand command) => history.Start(session, caller, roomId, command);
}
