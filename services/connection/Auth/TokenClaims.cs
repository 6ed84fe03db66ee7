using System.Text.Json;
using Tertulia.Contracts;

namespace Tertulia.Connections.Auth;

/// <summary>Reads and checks the claims of a token whose signature was verified.</summary>
internal static class TokenClaims
{
    private const int MaxAvatarChars = 2048;
    private const int MaxTokenIdChars = 256;

    /// <summary>Reads the claims.</summary>
    /// <param name="payload">The decoded second part.</param>
    /// <param name="options">Clock skew.</param>
    /// <param name="now">The time.</param>
    public static (Caller? Caller, ErrorCode Error) Read(ReadOnlyMemory<byte> payload, AuthOptions options, DateTimeOffset now)
    {
        try
        {
            using var document = JsonDocument.Parse(payload, new JsonDocumentOptions { MaxDepth = 16 });
            return Read(document.RootElement, options, now);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return (null, ErrorCode.InvalidToken); // Not JSON, or text that is not Unicode.
        }
    }

    private static (Caller? Caller, ErrorCode Error) Read(JsonElement claims, AuthOptions options, DateTimeOffset now)
    {
        if (claims.ValueKind != JsonValueKind.Object
            || Text(claims, "sub", IdentityText.MaxUserIdChars) is not { } userId
            || !TryInstant(claims, "exp", out var expiresAt) || expiresAt is null
            || !TryInstant(claims, "iat", out var issuedAt)
            || !TryInstant(claims, "nbf", out var notBefore) || now + options.ClockSkew < notBefore)
        {
            return (null, ErrorCode.InvalidToken);
        }

        if (now - options.ClockSkew >= expiresAt)
        {
            return (null, ErrorCode.TokenExpired);
        }

        RoomGrants? grants = null;
        if (claims.TryGetProperty("rooms"u8, out var rooms) && (grants = RoomGrants.Parse(rooms)) is null)
        {
            return (null, ErrorCode.InvalidToken);
        }

        var role = Text(claims, "role", IdentityText.MaxNameChars) is "admin" or "service" ? claims.GetProperty("role"u8).GetString()! : "user";
        return (new Caller(
            userId, Text(claims, "name", IdentityText.MaxNameChars) ?? userId, role, Text(claims, "avatar", MaxAvatarChars), grants, expiresAt,
            Text(claims, "jti", MaxTokenIdChars)) { IssuedAt = issuedAt }, ErrorCode.Unspecified);
    }

    /// <returns>Null when absent, empty, too long, not a string or a number (as <c>sub</c>), or with control characters: no store or log has to bear these.</returns>
    private static string? Text(JsonElement claims, string name, int maxChars)
    {
        if (!claims.TryGetProperty(name, out var claim))
        {
            return null;
        }

        var text = claim.ValueKind switch
        {
            JsonValueKind.String => claim.GetString()!,
            JsonValueKind.Number => claim.GetRawText(),
            _ => "",
        };
        return IdentityText.IsClean(text, maxChars) ? text : null;
    }

    /// <returns>False when there is one that is not a number of seconds between the years 1 and 9999.</returns>
    private static bool TryInstant(JsonElement claims, string name, out DateTimeOffset? instant)
    {
        instant = null;
        if (!claims.TryGetProperty(name, out var claim))
        {
            return true;
        }

        if (claim.ValueKind != JsonValueKind.Number || !claim.TryGetDouble(out var seconds)
            || seconds < DateTimeOffset.MinValue.ToUnixTimeSeconds() || seconds > DateTimeOffset.MaxValue.ToUnixTimeSeconds())
        {
            return false;
        }

        instant = DateTimeOffset.FromUnixTimeMilliseconds((long)(seconds * 1000));
        return true;
    }
}
