using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Verbs;
using Tertulia.Contracts;

namespace Tertulia.Connections.Doors.Http;

/// <summary>What admins and services do to tokens, and what was done.</summary>
internal static class SecurityEndpoints
{
    private const int MaxBodyBytes = 16 * 1024;
    private const int MaxTokenIdChars = 256;
    private const int MaxReasonChars = 256;
    private const string Rule = """
        the body must be JSON: jti, or user_id, room_id or both; expires_at, ISO-8601, in the future; reason, at most 256 characters
        """;

    private const int DefaultLimit = 50;

    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/audit", ListAuditAsync)
            .Describe("list_audit", "What admins, services and moderators did, newest first. For admins and services; with room_id for who moderates that room.")
            .Answers<AuditAnswer>(example: """
                {"items":[{"id":"019aa000-0000-7000-8000-000000000001","at":"2026-11-28T09:00:00.000Z","actor_id":"root","action":"user_revoked","target_id":"42","detail":"left"}],"has_more":false}
                """)
            .Refuses(ErrorCode.Forbidden, ErrorCode.NotMember, ErrorCode.Banned, ErrorCode.RoomNotFound)
            .WithMetadata(new HttpGuard(Allowance.Free));
        MapRevoke(api);
    }

    private static void MapRevoke(IEndpointRouteBuilder api) => api.MapPost("/auth/revoke", RevokeAsync)
        .Describe("revoke", "Voids a token, or the tokens that a user, a room, or a user in a room had until now. For admins and services. Open sockets are closed with 4503 within 2 seconds.")
        .Takes<RevokeBody>(example: """{"user_id":"42","reason":"left the company"}""")
        .Answers<RevokedAnswer>(example: """{"user_id":"42","revoked_at":"2026-11-28T09:00:00.000Z","expires_at":"2026-12-28T09:00:00.000Z"}""")
        .KeepsAnswers()
        .Refuses(ErrorCode.Forbidden, ErrorCode.LimitExceeded)
        .WithMetadata(new HttpGuard(Allowance.Free, MaxBodyBytes));

    /// <param name="actorId">Who did it.</param>
    /// <param name="action">What was done.</param>
    /// <param name="roomId">Where.</param>
    /// <param name="targetId">To whom or what.</param>
    /// <param name="since">Only what was done at this time or later, ISO-8601.</param>
    /// <param name="until">Only what was done before this time, ISO-8601.</param>
    /// <param name="before">Only what was done before this item, as <c>next</c> of a page says.</param>
    /// <param name="limit">Items, 1 to 100; default 50.</param>
    /// <param name="caller">Who asks.</param>
    /// <param name="security">Has the log, and decides who may read it.</param>
    /// <param name="cancellationToken">The client went.</param>
    internal static async Task<IResult> ListAuditAsync(
        [FromQuery(Name = "actor_id")] string? actorId, string? action, [FromQuery(Name = "room_id")] string? roomId, [FromQuery(Name = "target_id")] string? targetId,
        DateTimeOffset? since, DateTimeOffset? until, string? before, int? limit, Caller caller, SecurityService.SecurityServiceClient security, CancellationToken cancellationToken)
    {
        var place = (before ?? "0:").Split(':', 2);
        if (place.Length != 2 || !long.TryParse(place[0], NumberStyles.None, CultureInfo.InvariantCulture, out var beforeMs))
        {
            return new Refused(ErrorCode.BadRequest, "before is the next of a page");
        }

        var asked = new ListAuditRequest
        {
            Actor = caller.ToActor(roomId ?? ""), ActorId = actorId ?? "", Action = action ?? "", RoomId = roomId ?? "", TargetId = targetId ?? "", BeforeMs = beforeMs,
            BeforeId = place[1], Limit = limit ?? DefaultLimit,
            SinceMs = Math.Max(0, since?.ToUnixTimeMilliseconds() ?? 0), UntilMs = until is { } end ? Math.Max(1, end.ToUnixTimeMilliseconds()) : 0,
        };
        var page = await security.ListAuditAsync(asked, deadline: DateTime.UtcNow + HttpDoor.ReadDeadline, cancellationToken: cancellationToken);
        return HttpJson.Ok(json =>
        {
            json.WriteStartArray("items"u8);
            foreach (var entry in page.Entries)
            {
                json.WriteStartObject();
                json.WriteString("id"u8, entry.Id);
                FrameJson.WriteTime(json, "at"u8, entry.AtMs);
                json.WriteString("actor_id"u8, entry.ActorId);
                json.WriteString("action"u8, entry.Action);
                FrameJson.WriteOptional(json, "room_id"u8, entry.RoomId);
                FrameJson.WriteOptional(json, "target_id"u8, entry.TargetId);
                FrameJson.WriteOptional(json, "detail"u8, entry.Detail);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteBoolean("has_more"u8, page.HasMore);
            if (page.HasMore)
            {
                json.WriteString("next"u8, string.Create(CultureInfo.InvariantCulture, $"{page.Entries[^1].AtMs}:{page.Entries[^1].Id}"));
            }
        });
    }

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

/// <summary>Something that was done.</summary>
/// <param name="Id">UUIDv7.</param>
/// <param name="At">When.</param>
/// <param name="ActorId">Who did it.</param>
/// <param name="Action">What: <c>member_banned</c>, <c>user_revoked</c>, …</param>
/// <param name="RoomId">Where.</param>
/// <param name="TargetId">To whom or what.</param>
/// <param name="Detail">What the actor said about it.</param>
internal sealed record AuditItem(string Id, DateTimeOffset At, string ActorId, string Action, string? RoomId, string? TargetId, string? Detail);

/// <summary>Answer of <c>GET audit</c>.</summary>
/// <param name="Items">Newest first.</param>
/// <param name="HasMore">There are older ones.</param>
/// <param name="Next">Asks for those as <c>before</c>.</param>
internal sealed record AuditAnswer(IReadOnlyList<AuditItem> Items, bool HasMore, string? Next);
