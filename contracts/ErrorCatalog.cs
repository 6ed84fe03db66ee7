using System.Collections.Frozen;

namespace Tertulia.Contracts;

/// <summary>What a code of PROTOCOL §7 is called on the wire and what it means to a client.</summary>
/// <param name="Code">The number in <c>error.code</c>.</param>
/// <param name="Name">The name in <c>error.name</c>.</param>
/// <param name="Message">The sentence in <c>error.message</c> unless there is a better one.</param>
/// <param name="Status">HTTP status of the same refusal.</param>
/// <param name="Temporary">Trying again later can succeed without a change of the request.</param>
public sealed record ErrorEntry(ErrorCode Code, string Name, string Message, int Status, bool Temporary);

/// <summary>Every error code once.</summary>
public static class ErrorCatalog
{
    private static readonly FrozenDictionary<ErrorCode, ErrorEntry> Entries = new ErrorEntry[]
    {
        new(ErrorCode.BadRequest, "bad_request", "Bad request", 400, false),
        new(ErrorCode.InvalidJson, "invalid_json", "Invalid JSON", 400, false),
        new(ErrorCode.UnknownType, "unknown_type", "Unknown type", 400, false),
        new(ErrorCode.InvalidMessage, "invalid_message", "Invalid message", 400, false),
        new(ErrorCode.TooLarge, "too_large", "Too large", 413, false),
        new(ErrorCode.AuthRequired, "auth_required", "Authentication required", 401, false),
        new(ErrorCode.InvalidToken, "invalid_token", "Invalid token", 401, false),
        new(ErrorCode.TokenExpired, "token_expired", "Token expired", 401, false),
        new(ErrorCode.TokenRevoked, "token_revoked", "Token revoked", 401, false),
        new(ErrorCode.Forbidden, "forbidden", "Forbidden", 403, false),
        new(ErrorCode.NotMember, "not_member", "Not a member of the room", 403, false),
        new(ErrorCode.Muted, "muted", "Muted in the room", 403, false),
        new(ErrorCode.Banned, "banned", "Banned from the room", 403, false),
        new(ErrorCode.RoomNotFound, "room_not_found", "Room not found", 404, false),
        new(ErrorCode.MessageNotFound, "message_not_found", "Message not found", 404, false),
        new(ErrorCode.VersionConflict, "version_conflict", "Version conflict", 409, false),
        new(ErrorCode.RateLimited, "rate_limited", "Rate limit exceeded", 429, true),
        new(ErrorCode.LimitExceeded, "limit_exceeded", "Limit exceeded", 429, false),
        new(ErrorCode.Internal, "internal", "Internal error", 500, true),
        new(ErrorCode.Unavailable, "unavailable", "Temporarily unavailable", 503, true),
        new(ErrorCode.Overloaded, "overloaded", "Overloaded", 503, true),
    }.ToFrozenDictionary(entry => entry.Code);

    /// <summary>All entries, in no particular order.</summary>
    public static IEnumerable<ErrorEntry> All => Entries.Values;

    /// <summary>The entry of a code; an unknown code is <c>internal</c>.</summary>
    public static ErrorEntry Of(ErrorCode code) => Entries.GetValueOrDefault(code) ?? Entries[ErrorCode.Internal];
}
