using Tertulia.Connections.Auth;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;

namespace Tertulia.Connections.Verbs;

/// <summary><c>rooms</c>.</summary>
internal sealed class RoomsHandler(RoomListFlow lists) : CallerHandler<RoomsCommand>
{
    /// <inheritdoc />
    protected override void Handle(Session session, Caller caller, RoomsCommand command)
    {
        if (command is { Invited: true, Community: not null })
        {
            Refuse(session, command, "community and invited exclude each other");
        }
        else
        {
            lists.Start(session, caller, command);
        }
    }
}

/// <summary><c>room</c>. The room need not be entered.</summary>
internal sealed class DescribeRoomHandler(RoomListFlow lists) : RoomHandler<DescribeRoomCommand>
{
    /// <inheritdoc />
    protected override void Handle(Session session, Caller caller, string roomId, DescribeRoomCommand command) =>
        lists.Start(session, caller, roomId, command.Ref);
}

/// <summary><c>communities</c>.</summary>
internal sealed class CommunitiesHandler(RoomListFlow lists) : CallerHandler<CommunitiesCommand>
{
    /// <inheritdoc />
    protected override void Handle(Session session, Caller caller, CommunitiesCommand command) => lists.Start(session, caller, command);
}
