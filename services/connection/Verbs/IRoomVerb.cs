using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;

namespace Tertulia.Connections.Verbs;

/// <summary>Who is told what became of a command: a session's member of the room, or a request.</summary>
internal interface IOutcomeSink
{
    /// <summary>The acknowledgement, or an <see cref="ErrorEvent"/>. Called once, on the thread of the node's inbox or of the time-out: must not block.</summary>
    void Tell(ServerEvent outcome);
}

/// <summary>A command that can also be given without a session, as over HTTP. Whether the caller may is decided where the room's state lives.</summary>
internal interface IRoomVerb
{
    /// <summary>The kind of command.</summary>
    Type Command { get; }

    /// <summary>Puts a command on its way to the room's writer.</summary>
    /// <param name="caller">Who gives it.</param>
    /// <param name="roomId">A room id that is well formed.</param>
    /// <param name="command">Of the type <see cref="Command"/>.</param>
    /// <param name="sink">Is told the outcome, <c>unavailable</c> when there is none in time.</param>
    /// <returns>Why it is refused at once; the sink is then not called. Null when it is on its way.</returns>
    ErrorEvent? Submit(Caller caller, string roomId, RoomCommand command, IOutcomeSink sink);
}
