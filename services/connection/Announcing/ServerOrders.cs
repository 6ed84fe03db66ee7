using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Users;
using Tertulia.Contracts;

namespace Tertulia.Connections.Announcing;

/// <summary>What a backend orders for clients wherever they are connected: every node gets it and does its part.</summary>
internal sealed class ServerOrders(RoomHub hub, UserSessions users, SessionRegistry sessions)
{
    /// <summary>Does this node's part.</summary>
    public void OnBatch(NodeBatch batch)
    {
        foreach (var order in batch.ServerOrders)
        {
            switch (order.BodyCase)
            {
                case ServerOrder.BodyOneofCase.Broadcast:
                    Tell(order);
                    break;
                case ServerOrder.BodyOneofCase.Disconnect:
                    Disconnect(order);
                    break;
            }
        }
    }

    private void Tell(ServerOrder order)
    {
        if (order.RoomId.Length > 0)
        {
            hub.Find(order.RoomId)?.OnBroadcast(new Ephemeral { RoomId = order.RoomId, UserId = order.By, Username = order.By, Broadcast = order.Broadcast });
            return;
        }

        var broadcast = new BroadcastEvent("", order.By, order.By, order.Broadcast.Event, order.Broadcast.Payload.Memory);
        foreach (var session in Meant(order))
        {
            session.Send(broadcast);
        }
    }

    private void Disconnect(ServerOrder order)
    {
        foreach (var session in Meant(order))
        {
            session.Close(CloseCode.Kicked, order.Disconnect.Reason);
        }
    }

    private IEnumerable<Session> Meant(ServerOrder order) =>
        (order.UserId.Length > 0 ? users.Of(order.UserId) : sessions.Sessions.Where(session => session.Caller is not null))
        .Where(session => order.ConnectionId.Length == 0 || session.ConnectionId == order.ConnectionId);
}
