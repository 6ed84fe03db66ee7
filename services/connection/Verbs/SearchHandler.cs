using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;

namespace Tertulia.Connections.Verbs;

/// <summary><c>search</c>. Without a room in all of the user's rooms, also on <c>/ws/{room_id}</c>.</summary>
internal sealed class SearchHandler(SearchFlow search) : ICommandHandler
{
    /// <inheritdoc />
    public Type Command => typeof(SearchCommand);

    /// <inheritdoc />
    public Allowance Allowance => Allowance.Event;

    /// <inheritdoc />
    public ValueTask HandleAsync(Session session, ClientCommand command, CancellationToken cancellationToken)
    {
        if (session.Caller is { } caller)
        {
            search.Start(session, caller, (SearchCommand)command);
        }
        else
        {
            session.Send(new ErrorEvent(ErrorCode.AuthRequired, Ref: command.Ref));
        }

        return ValueTask.CompletedTask;
    }
}
