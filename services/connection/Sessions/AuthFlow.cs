using Tertulia.Connections.Announcing;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Limits;
using Tertulia.Connections.Rooms;
using Tertulia.Contracts;

namespace Tertulia.Connections.Sessions;

/// <summary><c>auth</c> and <c>auth_refresh</c>: who a session is, and for how much longer.</summary>
internal sealed class AuthFlow(TokenValidator validator, ConnectionCounts counts, RoomReview rooms, PresenceReporter reporter)
{
    /// <summary>Answers one command.</summary>
    /// <returns>The caller when the session has become one with this command; null when it was one before, or is none.</returns>
    public async ValueTask<Caller?> OnTokenAsync(Session session, AuthCommand command, CancellationToken cancellationToken)
    {
        if (string.IsNullOrEmpty(command.Token))
        {
            session.Send(new ErrorEvent(ErrorCode.BadRequest, "token is missing", command.Ref));
            return null;
        }

        var (caller, error) = await validator.ValidateAsync(command.Token, cancellationToken);
        if (caller is null)
        {
            Refuse(session, error, command.Ref);
            return null;
        }

        if (session.Caller is { } known)
        {
            Refresh(session, known, caller, command.Ref);
            return null;
        }

        if (!counts.TryAddUser(caller.UserId))
        {
            session.Send(new ErrorEvent(ErrorCode.LimitExceeded, "too many connections of the user", command.Ref));
            session.Close(CloseCode.ConnectionLimit, "too many connections of the user");
            return null;
        }

        session.Caller = caller;
        session.Send(new AuthOkEvent(caller.ExpiresAt, command.Ref));
        return caller;
    }

    private void Refresh(Session session, Caller known, Caller caller, string? reference)
    {
        if (caller.UserId != known.UserId)
        {
            session.Send(new ErrorEvent(ErrorCode.InvalidToken, "the token is another user's", reference));
            return;
        }

        session.Caller = caller;
        session.Send(new AuthOkEvent(caller.ExpiresAt, reference));
        if (caller.Username != known.Username)
        {
            reporter.Open(session.ConnectionId, caller.UserId, caller.Username);
        }

        rooms.Review(session, known, caller);
    }

    // An authenticated session survives a rejected token until its own one ends; an unauthenticated session is closed.
    private static void Refuse(Session session, ErrorCode error, string? reference)
    {
        session.Send(new ErrorEvent(error, Ref: reference));
        if (session.Caller is null && !ErrorCatalog.Of(error).Temporary)
        {
            var code = error switch
            {
                ErrorCode.TokenExpired => CloseCode.TokenExpired,
                ErrorCode.TokenRevoked => CloseCode.Revoked,
                _ => CloseCode.InvalidToken,
            };
            session.Close(code, ErrorCatalog.Of(error).Name);
        }
    }
}
