using Microsoft.Extensions.Options;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Verbs;

/// <summary><c>join</c>.</summary>
internal sealed class JoinHandler(JoinFlow joins, IOptions<LimitOptions> limits) : RoomHandler<JoinCommand>
{
    private readonly int _maxRooms = limits.Value.RoomsPerConnection;

    /// <inheritdoc />
    public override Allowance Allowance => Allowance.Move;

    /// <inheritdoc />
    protected override void Handle(Session session, Caller caller, string roomId, JoinCommand command)
    {
        if (_maxRooms > 0 && session.Rooms.Count >= _maxRooms && !session.Rooms.ContainsKey(roomId))
        {
            foreach (var (refused, member) in session.Rooms)
            {
                if (member.State == MemberState.Left)
                {
                    session.Rooms.Remove(refused);
                }
            }

            if (session.Rooms.Count >= _maxRooms)
            {
                Refuse(session, command, ErrorCode.LimitExceeded, $"at most {_maxRooms} rooms on one connection", roomId);
                return;
            }
        }

        joins.Enter(session, caller, roomId, new Entrance(command.Ref, command.Since, command.History ?? Entrance.DefaultHistory, Greets: false));
    }
}
