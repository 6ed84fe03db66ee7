using System.Collections.Frozen;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Users;

/// <summary>What concerns all devices of a user: here, and on the user's other nodes.</summary>
/// <remarks>At most once: a device that misses one asks for the whole state when it is back.</remarks>
internal sealed class UserEvents(ILiveBus bus, ProcessIdentity node, UserSessions users, SharedUsers shared, IEnumerable<IUserEventHandler> handlers)
{
    private readonly FrozenDictionary<UserEvent.BodyOneofCase, IUserEventHandler> _handlers = handlers.ToFrozenDictionary(handler => handler.Kind);

    /// <summary>Something for the user's devices on this node. What this version does not know is left out.</summary>
    public void Deliver(UserEvent told)
    {
        if (_handlers.TryGetValue(told.BodyCase, out var handler) && users.Of(told.UserId) is { Length: > 0 } all)
        {
            var sessions = told.ExceptConnectionId.Length == 0 ? all : Array.FindAll(all, session => session.ConnectionId != told.ExceptConnectionId);
            if (sessions.Length > 0)
            {
                handler.Handle(told, sessions);
            }
        }
    }

    /// <summary>Something that happened on this node, for all of the user's devices.</summary>
    /// <exception cref="BusUnavailableException">The broker did not confirm: other nodes may not have been told. This node's devices were.</exception>
    public async Task TellAsync(UserEvent told, CancellationToken cancellationToken)
    {
        Deliver(told);
        if (shared.OthersOf(told.UserId) is { Count: > 0 } others)
        {
            var batch = new NodeBatch { From = node.Id, UserEvents = { told } };
            await bus.SendToNodesAsync([.. others.Select(other => new NodeSend(other, batch))], cancellationToken);
        }
    }
}
