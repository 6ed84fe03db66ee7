using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Auth;

/// <summary><c>POST /api/v1/auth/token {user_id, username}</c>: a token for any caller. Only in mode Development.</summary>
internal static class DevelopmentTokens
{
    private const int MaxBodyBytes = 16 * 1024;

    /// <summary>Maps the endpoint in mode Development; otherwise there is none.</summary>
    public static RouteHandlerBuilder? Map(IEndpointRouteBuilder app) =>
        app.ServiceProvider.GetRequiredService<IOptions<AuthOptions>>().Value.Mode == AuthMode.Development ? app.MapPost("/api/v1/auth/token", IssueAsync) : null;

    /// <summary>Mints a token.</summary>
    /// <param name="request">Its body is read here: whatever is wrong with it has the same answer, and never a stack trace.</param>
    /// <param name="keys">Has the secret.</param>
    /// <param name="options">Issuer, audience and life of the token.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">The client went.</param>
    /// <returns>200 <c>{token, expires_at}</c>, or 400 <c>bad_request</c>.</returns>
    internal static async Task<Results<Ok<IssuedToken>, ProblemHttpResult>> IssueAsync(
        HttpRequest request, SigningKeys keys, IOptions<AuthOptions> options, TimeProvider time, CancellationToken cancellationToken)
    {
        if (await ReadAsync(request, cancellationToken) is not var (userId, username))
        {
            return Problems.From(
                ErrorCode.BadRequest,
                $"the body must be JSON: user_id, 1 to {IdentityText.MaxUserIdChars} characters, and username, at most {IdentityText.MaxNameChars}; no control characters");
        }

        var expiresAt = DateTimeOffset.FromUnixTimeSeconds((time.GetUtcNow() + options.Value.DevelopmentTokenLife).ToUnixTimeSeconds());
        return TypedResults.Ok(new IssuedToken(
            Mint(keys.Secret!, options.Value, userId, username, time.GetUtcNow(), expiresAt),
            expiresAt.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture)));
    }

    /// <returns>Null when the body is not what it should be.</returns>
    private static async Task<(string UserId, string Username)?> ReadAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (!request.HasJsonContentType())
        {
            return null;
        }

        if (request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = MaxBodyBytes;
        }

        try
        {
            using var body = await JsonDocument.ParseAsync(request.Body, new JsonDocumentOptions { MaxDepth = 4 }, cancellationToken);
            return Read(body.RootElement);
        }
        catch (Exception exception) when (exception is JsonException or BadHttpRequestException or InvalidOperationException)
        {
            return null; // Not JSON, too large, or text that is not Unicode.
        }
    }

    private static (string UserId, string Username)? Read(JsonElement body)
    {
        if (body.ValueKind != JsonValueKind.Object || !body.TryGetProperty("user_id"u8, out var id))
        {
            return null;
        }

        var userId = id.ValueKind switch
        {
            JsonValueKind.String => id.GetString()!,
            JsonValueKind.Number when id.TryGetInt64(out _) => id.GetRawText(),
            _ => "",
        };
        var username = !body.TryGetProperty("username"u8, out var name) || name.ValueKind == JsonValueKind.Null ? userId
            : name.ValueKind != JsonValueKind.String ? ""
            : name.GetString() is { Length: > 0 } given ? given : userId;
        return IdentityText.IsClean(userId, IdentityText.MaxUserIdChars) && IdentityText.IsClean(username, IdentityText.MaxNameChars)
            ? (userId, username)
            : null;
    }

    private static string Mint(SecurityKey secret, AuthOptions options, string userId, string username, DateTimeOffset issuedAt, DateTimeOffset expiresAt)
    {
        var claims = new Dictionary<string, object>
        {
            ["sub"] = userId,
            ["name"] = username,
            ["iat"] = issuedAt.ToUnixTimeMilliseconds() / 1000.0, // To the millisecond: not taken for older than a revocation of the same second.
            ["exp"] = expiresAt.ToUnixTimeSeconds(),
            ["jti"] = Guid.CreateVersion7().ToString(),
        };
        if (options.Issuer is { } issuer)
        {
            claims["iss"] = issuer;
        }

        if (options.Audience is { } audience)
        {
            claims["aud"] = audience;
        }

        var handler = new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false };
        return handler.CreateToken(JsonSerializer.Serialize(claims), new SigningCredentials(secret, SecurityAlgorithms.HmacSha256));
    }

    /// <param name="UserId">Whose.</param>
    /// <param name="Username">How it is shown; default the user id.</param>
    internal sealed record TokenBody(string UserId, string? Username);

    /// <param name="Token">HS256.</param>
    /// <param name="ExpiresAt">ISO-8601, UTC, milliseconds, which are 0.</param>
    internal sealed record IssuedToken(
        [property: JsonPropertyName("token")] string Token, [property: JsonPropertyName("expires_at")] string ExpiresAt);
}
