using Tertulia.Contracts;

namespace Tertulia.Connections.Auth;

/// <summary>The authenticated user of a connection or request.</summary>
/// <param name="UserId">1 to 128 characters.</param>
/// <param name="Username">How it is shown; the user id when the token has no <c>name</c>.</param>
/// <param name="Role"><c>user</c>, <c>admin</c> or <c>service</c>.</param>
/// <param name="Avatar">A URL; null when absent.</param>
/// <param name="Grants">What the token's <c>rooms</c> claim grants; null when it has none, so that the rooms' own rules decide.</param>
/// <param name="ExpiresAt">When the token ends; null in Development without a token.</param>
/// <param name="TokenId">The token's <c>jti</c>; null when absent.</param>
internal sealed record Caller(
    string UserId, string Username, string Role, string? Avatar, RoomGrants? Grants, DateTimeOffset? ExpiresAt, string? TokenId)
{
    /// <summary>When the token was issued; null when it does not say.</summary>
    public DateTimeOffset? IssuedAt { get; init; }

    /// <summary>In which rooms the token is void meanwhile; null where nobody asks.</summary>
    public Revocations? Revocations { get; init; }

    /// <summary>Admins and services may do everything in every room.</summary>
    public bool IsPrivileged => Role is "admin" or "service";

    /// <summary>Whether the token lets its bearer read a room that the user may read.</summary>
    public bool MayRead(string roomId) => IsPrivileged || GrantIn(roomId) is null or { Read: true };

    /// <summary>The rooms of the user that the token lets its bearer read, for lists of rooms; null when it leaves none out.</summary>
    public RoomScope? ToScope()
    {
        string[] except = IsPrivileged ? [] : [.. Revocations?.RoomsOf(this) ?? []];
        return IsPrivileged || (Grants is null && except.Length == 0) ? null : new RoomScope { Patterns = { Grants?.Readable ?? [RoomPattern.All] }, Except = { except } };
    }

    /// <summary>The caller of an HTTP request, as a parameter of an endpoint: authenticated before the endpoint runs (<c>Doors/Http/HttpAccess.cs</c>).</summary>
    public static ValueTask<Caller?> BindAsync(HttpContext context) => ValueTask.FromResult(context.Features.Get<Caller>());

    /// <summary>The caller as the message service sees it in one room.</summary>
    public Actor ToActor(string roomId) => new() { UserId = UserId, Username = Username, Role = Role, Grant = GrantIn(roomId) };

    // Nothing is granted where the token is void: less than the room's own rules would give.
    private Grant? GrantIn(string roomId) => !IsPrivileged && Revocations?.Revokes(this, roomId) == true ? new Grant() : Grants?.For(roomId);
}
