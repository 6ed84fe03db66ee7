using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;

namespace Tertulia.Connections.Verbs;

/// <summary>What an authenticated client asks for in a room.</summary>
internal abstract class RoomHandler<TCommand> : ICommandHandler
    where TCommand : RoomCommand
{
    /// <inheritdoc />
    public Type Command => typeof(TCommand);

    /// <inheritdoc />
    public virtual Allowance Allowance => Allowance.Event;

    /// <inheritdoc />
    public ValueTask HandleAsync(Session session, ClientCommand command, CancellationToken cancellationToken)
    {
        if (session.Caller is not { } caller)
        {
            Refuse(session, command, ErrorCode.AuthRequired, roomId: ((TCommand)command).RoomId);
        }
        else if (RoomIdOf(session, caller, (TCommand)command) is not { } roomId)
        {
            Refuse(session, command, ErrorCode.BadRequest, "room_id is missing");
        }
        else
        {
            Handle(session, caller, roomId, (TCommand)command);
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>Which room it is about; null when the client has named none.</summary>
    protected virtual string? RoomIdOf(Session session, Caller caller, TCommand command) => command.RoomId ?? session.Opening.RoomId;

    /// <summary>Carries it out.</summary>
    protected abstract void Handle(Session session, Caller caller, string roomId, TCommand command);

    /// <summary>Says no.</summary>
    protected static void Refuse(Session session, ClientCommand command, ErrorCode code, string? detail = null, string? roomId = null) =>
        session.Send(new ErrorEvent(code, detail, command.Ref, RoomId: roomId));
}

/// <summary>What a client asks for in a room that it has entered on this session.</summary>
internal abstract class MemberHandler<TCommand> : RoomHandler<TCommand>
    where TCommand : RoomCommand
{
    /// <inheritdoc />
    protected sealed override void Handle(Session session, Caller caller, string roomId, TCommand command)
    {
        if (session.Rooms.TryGetValue(roomId, out var member) && member.State != MemberState.Left)
        {
            Handle(member, caller, command);
        }
        else
        {
            Refuse(session, command, ErrorCode.NotMember, roomId: roomId);
        }
    }

    /// <summary>Carries it out.</summary>
    protected abstract void Handle(RoomMember member, Caller caller, TCommand command);
}
