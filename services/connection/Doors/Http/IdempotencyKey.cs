using Tertulia.Connections.Auth;
using Tertulia.Contracts;

namespace Tertulia.Connections.Doors.Http;

/// <summary>The header <c>Idempotency-Key</c>: a request that comes again with the same key has the first one's result.</summary>
internal static class IdempotencyKey
{
    /// <summary>The header.</summary>
    public const string Header = "Idempotency-Key";

    /// <summary>The rule, for a developer.</summary>
    public const string Rule = "Idempotency-Key must be 1 to 64 characters without control characters";

    /// <summary>As of a <c>client_msg_id</c>.</summary>
    public const int MaxChars = 64;

    /// <summary>The key was used for something else before.</summary>
    public static Refused Reused { get; } = new(ErrorCode.BadRequest, "this Idempotency-Key was used for another request", Status: StatusCodes.Status422UnprocessableEntity);

    /// <param name="request">The request.</param>
    /// <param name="key">Null when there is none.</param>
    /// <returns>False when it is malformed.</returns>
    public static bool TryRead(HttpRequest request, out string? key)
    {
        key = null;
        if (!request.Headers.TryGetValue(Header, out var values))
        {
            return true;
        }

        var text = values.ToString().Trim();
        key = text is ['"', _, .., '"'] ? text[1..^1] : text; // As a string of RFC 8941, or bare.
        return IdentityText.IsClean(key, MaxChars);
    }
}
