using Tertulia.Connections.Sessions;

namespace Tertulia.Connections.Verbs;

/// <summary><c>auth</c> and <c>auth_refresh</c>.</summary>
internal sealed class AuthHandler(AuthFlow auth, SessionStart start) : ICommandHandler
{
    /// <inheritdoc />
    public Type Command => typeof(AuthCommand);

    /// <inheritdoc />
    public Allowance Allowance => Allowance.Free;

    /// <inheritdoc />
    public async ValueTask HandleAsync(Session session, ClientCommand command, CancellationToken cancellationToken)
    {
        if (await auth.OnTokenAsync(session, (AuthCommand)command, cancellationToken) is { } authenticated)
        {
            start.Start(session, authenticated);
        }
    }
}
