using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;

namespace Tertulia.Connections.Verbs;

/// <summary><c>members</c>. The message service decides who may see them.</summary>
internal sealed class MembersHandler(HistoryFlow history, MessageService.MessageServiceClient messages) : RoomHandler<MembersCommand>
{
    /// <inheritdoc />
    protected override void Handle(Session session, Caller caller, string roomId, MembersCommand command)
    {
        var request = new ListMembersRequest
        {
            RoomId = roomId, Actor = caller.ToActor(roomId), AfterUserId = command.After ?? "", Limit = command.Limit ?? HistoryFlow.DefaultLimit,
        };
        history.Start(session, roomId, command.Ref, options => messages.ListMembersAsync(request, options), page => MembersEvent.Fit(roomId, command.Ref, page));
    }
}
