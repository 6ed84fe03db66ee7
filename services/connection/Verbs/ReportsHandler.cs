using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;

namespace Tertulia.Connections.Verbs;

/// <summary><c>reports</c>. The message service decides who may see them.</summary>
internal sealed class ReportsHandler(HistoryFlow history, MessageService.MessageServiceClient messages) : RoomHandler<ReportsCommand>
{
    /// <inheritdoc />
    protected override void Handle(Session session, Caller caller, string roomId, ReportsCommand command)
    {
        var request = new ListReportsRequest
        {
            RoomId = roomId, Actor = caller.ToActor(roomId), BeforeSeq = command.BeforeSeq ?? 0, Limit = command.Limit ?? HistoryFlow.DefaultLimit,
        };
        history.Start(session, roomId, command.Ref, options => messages.ListReportsAsync(request, options), page => ReportsEvent.Fit(roomId, command.Ref, page));
    }
}
