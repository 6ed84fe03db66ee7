using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;

namespace Tertulia.Connections.Verbs;

/// <summary><c>thread</c>. The message service decides who may read.</summary>
internal sealed class ThreadHandler(HistoryFlow history, MessageService.MessageServiceClient messages) : RoomHandler<ThreadCommand>
{
    /// <inheritdoc />
    protected override void Handle(Session session, Caller caller, string roomId, ThreadCommand command)
    {
        var request = new GetThreadRequest
        {
            RoomId = roomId, Actor = caller.ToActor(roomId), RootId = command.RootId ?? "", Limit = command.Limit ?? HistoryFlow.DefaultLimit,
        };
        if (command.BeforeSeq is { } before)
        {
            request.BeforeSeq = before;
        }

        if (command.AfterSeq is { } after)
        {
            request.AfterSeq = after;
        }

        history.Start(
            session, roomId, command.Ref, options => messages.GetThreadAsync(request, options),
            page => ThreadEvent.Fit(roomId, command.Ref, page, newest: command.AfterSeq is null));
    }
}
