using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;

namespace Tertulia.Connections.Verbs;

/// <summary><c>pins</c>. The message service decides who may read.</summary>
internal sealed class PinsHandler(HistoryFlow history, MessageService.MessageServiceClient messages) : RoomHandler<PinsCommand>
{
    /// <inheritdoc />
    protected override void Handle(Session session, Caller caller, string roomId, PinsCommand command)
    {
        var request = new GetPinsRequest
        {
            RoomId = roomId, Actor = caller.ToActor(roomId), BeforePinnedSeq = command.BeforeSeq ?? 0, Limit = command.Limit ?? HistoryFlow.DefaultLimit,
        };
        history.Start(
            session, roomId, command.Ref, options => messages.GetPinsAsync(request, options), page => PinsEvent.Fit(roomId, command.Ref, page.Messages, page.HasMore));
    }
}
