using System.Buffers.Text;
using System.Text;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Tertulia.Contracts;

namespace Tertulia.Connections.Auth;

/// <summary>Who sends a request, by its token: <c>Authorization</c>, then <c>Sec-WebSocket-Protocol</c>, then the query's <c>token</c>; in mode Development at last
/// by <c>?user_id=&amp;username=</c> (PROTOCOL §8).</summary>
internal sealed class RequestIdentity(TokenValidator tokens, ServiceKeys keys, Revocations revocations, IOptions<AuthOptions> options, TimeProvider time)
{
    private const string Bearer = "Bearer ";
    private const string SubprotocolBearer = "bearer.";

    /// <summary>Identifies the sender.</summary>
    /// <returns>The caller; or why the first token found is refused; or neither when there is none (<see cref="ErrorCode.Unspecified"/>).</returns>
    public async ValueTask<(Caller? Caller, ErrorCode Error)> OfAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (request.Headers[ServiceKeys.Header].ToString() is { Length: > 0 } key)
        {
            return keys.Find(key) is { } service ? (service, ErrorCode.Unspecified) : (null, ErrorCode.InvalidToken);
        }

        if (TokenOf(request) is { } token)
        {
            return await tokens.ValidateAsync(token, cancellationToken);
        }

        return options.Value.Mode == AuthMode.Development ? OfQuery(request.Query) : (null, ErrorCode.Unspecified);
    }

    private static string? TokenOf(HttpRequest request)
    {
        if (request.Headers.Authorization.ToString() is var authorization && authorization.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
        {
            return authorization[Bearer.Length..].Trim();
        }

        foreach (var protocol in request.Headers.GetCommaSeparatedValues(HeaderNames.SecWebSocketProtocol))
        {
            if (protocol.StartsWith(SubprotocolBearer, StringComparison.Ordinal))
            {
                return Decode(protocol.AsSpan(SubprotocolBearer.Length));
            }
        }

        return request.Query.TryGetValue("token", out var query) ? query.ToString() : null;
    }

    // What cannot be decoded is a token, too, and an invalid one.
    private static string Decode(ReadOnlySpan<char> encoded) =>
        Base64Url.IsValid(encoded) ? Encoding.ASCII.GetString(Base64Url.DecodeFromChars(encoded)) : "";

    // As if a token were issued with each request.
    private (Caller? Caller, ErrorCode Error) OfQuery(IQueryCollection query)
    {
        var userId = query["user_id"].ToString();
        if (userId.Length == 0)
        {
            return (null, ErrorCode.Unspecified);
        }

        var username = query["username"].ToString() is { Length: > 0 } name ? name : userId;
        return IdentityText.IsClean(userId, IdentityText.MaxUserIdChars) && IdentityText.IsClean(username, IdentityText.MaxNameChars)
            ? (new Caller(userId, username, "user", null, null, null, null) { IssuedAt = time.GetUtcNow(), Revocations = revocations }, ErrorCode.Unspecified)
            : (null, ErrorCode.InvalidToken);
    }
}
