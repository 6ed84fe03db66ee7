using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;

namespace Tertulia.Connections.Verbs;

/// <summary><c>ping</c>.</summary>
internal sealed class PingHandler(TimeProvider time) : ICommandHandler
{
    /// <inheritdoc />
    public Type Command => typeof(PingCommand);

    /// <inheritdoc />
    public Allowance Allowance => Allowance.Free;

    /// <inheritdoc />
    public ValueTask HandleAsync(Session session, ClientCommand command, CancellationToken cancellationToken)
    {
        session.Send(new PongEvent(command.Ref, time.GetUtcNow()));
        return ValueTask.CompletedTask;
    }
}
