using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Auth;

/// <summary><c>POST /api/v1/auth/token {user_id, username}</c>: a token for whoever asks. Only in mode Development.</summary>
internal static class DevelopmentTokens
{
    private const int MaxUserIdChars = 128;
    private const int MaxNameChars = 256;

    /// <summary>Maps the endpoint in mode Development; otherwise there is none.</summary>
    public static void Map(IEndpointRouteBuilder app)
    {
        if (app.ServiceProvider.GetRequiredService<IOptions<AuthOptions>>().Value.Mode == AuthMode.Development)
        {
            app.MapPost("/api/v1/auth/token", Issue);
        }
    }

    /// <returns>200 <c>{token, expires_at}</c>, or 400 <c>bad_request</c>.</returns>
    internal static Results<Ok<IssuedToken>, ProblemHttpResult> Issue(
        TokenRequest request, SigningKeys keys, IOptions<AuthOptions> options, TimeProvider time)
    {
        var userId = request.UserId.ValueKind switch
        {
            JsonValueKind.String => request.UserId.GetString()!,
            JsonValueKind.Number => request.UserId.GetRawText(),
            _ => "",
        };
        var username = string.IsNullOrEmpty(request.Username) ? userId : request.Username;
        if (userId.Length is 0 or > MaxUserIdChars || username.Length > MaxNameChars || (userId + username).Any(char.IsControl))
        {
            return Problems.From(ErrorCode.BadRequest, $"user_id must have 1 to {MaxUserIdChars} characters, username at most {MaxNameChars}");
        }

        var expiresAt = DateTimeOffset.FromUnixTimeSeconds((time.GetUtcNow() + options.Value.DevelopmentTokenLife).ToUnixTimeSeconds());
        return TypedResults.Ok(new IssuedToken(
            Mint(keys.Secret!, options.Value, userId, username, expiresAt),
            expiresAt.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture)));
    }

    private static string Mint(SecurityKey secret, AuthOptions options, string userId, string username, DateTimeOffset expiresAt)
    {
        var claims = new Dictionary<string, object>
        {
            ["sub"] = userId,
            ["name"] = username,
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

    /// <param name="UserId">A string or a number.</param>
    /// <param name="Username">Null: the user id.</param>
    internal sealed record TokenRequest(
        [property: JsonPropertyName("user_id")] JsonElement UserId, [property: JsonPropertyName("username")] string? Username);

    /// <param name="Token">HS256.</param>
    /// <param name="ExpiresAt">ISO-8601, UTC, milliseconds, which are 0.</param>
    internal sealed record IssuedToken(
        [property: JsonPropertyName("token")] string Token, [property: JsonPropertyName("expires_at")] string ExpiresAt);
}
