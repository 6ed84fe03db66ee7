using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Verbs;
using Tertulia.Contracts;

namespace Tertulia.Connections.Doors.Http;

/// <summary>What admins and services do to tokens.</summary>
internal static class SecurityEndpoints
{
    private const int MaxBodyBytes = 16 * 1024;
    private const int MaxTokenIdChars = 256;
    private const int MaxReasonChars = 256;
    private const string Rule = """
        the body must be JSON: jti, or user_id, room_id or both; expires_at, ISO-8601, in the future; reason, at most 256 characters
        """;

    public static void Map(IEndpointRouteBuilder api) => api.MapPost("/auth/revoke", RevokeAsync)
        .Describe("revoke", "Voids a token, or the tokens that a user, a room, or a user in a room had until now. For admins and services. Open sockets are closed with 4503 within 2 seconds.")
        .Takes<RevokeBody>(example: """{"user_id":"42","reason":"left the company"}""")
        .Answers<RevokedAnswer>(example: """{"user_id":"42","revoked_at":"2026-11-28T09:00:00.000Z","expires_at":"2026-12-28T09:00:00.000Z"}""")
        .Refuses(ErrorCode.Forbidden, ErrorCode.LimitExceeded)
        .WithMetadata(new HttpGuard(Allowance.Free, MaxBodyBytes));

    /// <returns>200, and it is durable.</returns>
    internal static async Task<IResult> RevokeAsync(
        HttpRequest request, Caller caller, SecurityService.SecurityServiceClient security, RevocationFeed feed, IOptions<AuthOptions> options, TimeProvider time,
        CancellationToken cancellationToken)
    {
        if (!caller.IsPrivileged)
        {
            return new Refused(ErrorCode.Forbidden);
        }

        if (await ReadAsync(request, cancellationToken) is not { } revoke)
        {
            return new Refused(ErrorCode.BadRequest, Rule);
        }

        revoke.Actor = caller.ToActor("");
        if (revoke.ExpiresAtMs == 0)
        {
            revoke.ExpiresAtMs = (time.GetUtcNow() + options.Value.RevocationLife).ToUnixTimeMilliseconds();
        }

        var revocation = await security.RevokeAsync(revoke, deadline: DateTime.UtcNow + HttpDoor.ReadDeadline, cancellationToken: cancellationToken);
        feed.Apply(revocation);
        return HttpJson.Ok(json =>
        {
            FrameJson.WriteOptional(json, "jti"u8, revocation.TokenId);
            FrameJson.WriteOptional(json, "user_id"u8, revocation.UserId);
            FrameJson.WriteOptional(json, "room_id"u8, revocation.RoomId);
            FrameJson.WriteTime(json, "revoked_at"u8, revocation.RevokedAtMs);
            FrameJson.WriteTime(json, "expires_at"u8, revocation.ExpiresAtMs);
        });
    }

    /// <returns>Null when the body is not what it should be.</returns>
    private static async Task<RevokeRequest?> ReadAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (!request.HasJsonContentType())
        {
            return null;
        }

        try
        {
            using var body = await JsonDocument.ParseAsync(request.Body, new JsonDocumentOptions { MaxDepth = 4 }, cancellationToken);
            var root = body.RootElement;
            var read = new RevokeRequest();
            if (root.ValueKind != JsonValueKind.Object
                || !TryText(root, "jti", MaxTokenIdChars, text => read.TokenId = text)
                || !TryText(root, "user_id", IdentityText.MaxUserIdChars, text => read.UserId = text)
                || !TryText(root, "room_id", RoomIdFormat.MaxChars, text => read.RoomId = text)
                || !TryText(root, "reason", MaxReasonChars, text => read.Reason = text)
                || (read.TokenId.Length > 0) == (read.UserId.Length + read.RoomId.Length > 0)
                || (read.RoomId.Length > 0 && !RoomIdFormat.IsValid(read.RoomId)))
            {
                return null;
            }

            if (root.TryGetProperty("expires_at"u8, out var end))
            {
                if (end.ValueKind != JsonValueKind.String
                    || !DateTimeOffset.TryParse(end.GetString(), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var expiresAt))
                {
                    return null;
                }

                read.ExpiresAtMs = Math.Max(1, expiresAt.ToUnixTimeMilliseconds());
            }

            return read;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return null; // Not JSON, or text that is not Unicode.
        }
    }

    private static bool TryText(JsonElement body, string name, int maxChars, Action<string> take)
    {
        if (!body.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
        {
            return true;
        }

        var text = value.ValueKind switch
        {
            JsonValueKind.String => value.GetString()!,
            JsonValueKind.Number when value.TryGetInt64(out _) => value.GetRawText(),
            _ => "",
        };
        take(text);
        return IdentityText.IsClean(text, maxChars);
    }
}

/// <summary>Body of <c>POST auth/revoke</c>.</summary>
/// <param name="Jti">One token; then nothing else but end and reason.</param>
/// <param name="UserId">All tokens of the user that were issued until now.</param>
/// <param name="RoomId">In this room only; without a user for everybody.</param>
/// <param name="ExpiresAt">When the last of the tokens ends; default <c>Auth:RevocationLife</c> from now.</param>
/// <param name="Reason">For people, at most 256 characters.</param>
internal sealed record RevokeBody(string? Jti, string? UserId, string? RoomId, DateTimeOffset? ExpiresAt, string? Reason);

/// <summary>Answer of <c>POST auth/revoke</c>.</summary>
/// <param name="Jti">As asked.</param>
/// <param name="UserId">As asked.</param>
/// <param name="RoomId">As asked.</param>
/// <param name="RevokedAt">Tokens that were issued until then are void.</param>
/// <param name="ExpiresAt">When it is forgotten.</param>
internal sealed record RevokedAnswer(string? Jti, string? UserId, string? RoomId, DateTimeOffset RevokedAt, DateTimeOffset ExpiresAt);
