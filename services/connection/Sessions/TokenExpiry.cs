using Microsoft.Extensions.Options;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Contracts;

namespace Tertulia.Connections.Sessions;

/// <summary>A token's end is the session's, unless the client brings a new one in time. The clocks may differ as far as at the door. A token that is void ends its
/// session, also when that was learned in the moment in which the session began.</summary>
internal sealed class TokenExpiry(IOptions<AuthOptions> options, Revocations revocations, TimeProvider time)
{
    /// <summary>Time before the end at which the client is told (PROTOCOL §3).</summary>
    public static readonly TimeSpan Warning = TimeSpan.FromSeconds(60);

    /// <summary>One look at an authenticated session.</summary>
    public void Look(Session session, Caller caller)
    {
        if (revocations.Revokes(caller))
        {
            CloseRevoked(session);
        }

        if (caller.ExpiresAt is not { } expiresAt)
        {
            return;
        }

        var left = expiresAt + options.Value.ClockSkew - time.GetUtcNow();
        if (left <= TimeSpan.Zero)
        {
            session.Send(new ErrorEvent(ErrorCode.TokenExpired));
            session.Close(CloseCode.TokenExpired, "token expired");
        }
        else if (left <= Warning && session.Watch.WarnedOf != expiresAt)
        {
            session.Watch.WarnedOf = expiresAt;
            session.Send(new TokenExpiringEvent(expiresAt));
        }
    }

    /// <summary>Tells the client that its token is void, and closes.</summary>
    public static void CloseRevoked(Session session)
    {
        session.Send(new ErrorEvent(ErrorCode.TokenRevoked));
        session.Close(CloseCode.Revoked, "revoked");
    }
}
