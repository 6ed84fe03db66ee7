using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Tertulia.Connections.Auth;
using Tertulia.Contracts;

namespace Tertulia.Connections.Doors.Http;

/// <summary><c>POST /api/v1/server/notifications</c>: a backend notifies users, in the inbox, on their sockets and by push.</summary>
internal static class ServerNotificationEndpoint
{
    private const int MaxUsers = 100;

    public static void Map(IEndpointRouteBuilder server) => server.MapPost("/notifications", NotifyAsync)
        .Describe("server_notify", "Notifies users: in the inbox, at once on their sockets, by push. Durable when it is answered. The same Idempotency-Key again notifies nobody twice.")
        .Takes<ServerNotificationBody>("""{"user_ids":["ana","bruno"],"title":"Your order","body":"It is on its way","link":"/orders/7","kind":"order.shipped","sound":"ding"}""")
        .Answers<NotifiedAnswer>(example: """{"notified":2}""")
        .KeepsAnswers()
        .Refuses(ErrorCode.InvalidJson, ErrorCode.TooLarge, ErrorCode.Forbidden);

    /// <returns>200 and how many users were notified by this call; 400 <c>bad_request</c> with what is wrong.</returns>
    internal static async Task<IResult> NotifyAsync(
        HttpRequest request, Caller caller, NotificationService.NotificationServiceClient notifications, CancellationToken cancellationToken)
    {
        if (!IdempotencyKey.TryRead(request, out var key))
        {
            return new Refused(ErrorCode.BadRequest, IdempotencyKey.Rule);
        }

        var (body, refused) = await NotificationEndpoints.BodyAsync<ServerNotificationBody>(request, cancellationToken);
        if (body is null)
        {
            return refused!;
        }

        if (body.UserIds is not { Count: > 0 and <= MaxUsers } userIds || !userIds.All(userId => userId is not null && IdentityText.IsClean(userId, IdentityText.MaxUserIdChars)))
        {
            return new Refused(ErrorCode.BadRequest, $"user_ids has 1 to {MaxUsers}, each of 1 to {IdentityText.MaxUserIdChars} characters");
        }

        var asked = new NotifyRequest
        {
            UserIds = { userIds }, Key = KeyOf(caller, key), Kind = body.Kind ?? "", Title = body.Title ?? "", Body = body.Body ?? "", Link = body.Link ?? "",
        };
        if (body.Sound is { } sound)
        {
            asked.Sound = sound;
        }

        var reply = await notifications.NotifyAsync(asked, deadline: DateTime.UtcNow + HttpDoor.ReadDeadline, cancellationToken: cancellationToken);
        return HttpJson.Ok(json => json.WriteNumber("notified"u8, reply.Notified));
    }

    // Two backends may choose the same key: it is the service's own. Hashed, because both together may be longer than a key.
    private static string KeyOf(Caller caller, string? key) => key is null
        ? Guid.NewGuid().ToString("N")
        : Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes($"{caller.UserId}\0{key}")));
}

/// <summary>Body of <c>POST server/notifications</c>.</summary>
/// <param name="UserIds">1 to 100.</param>
/// <param name="Title">1 to 200 characters.</param>
/// <param name="Body">At most 2,000 characters.</param>
/// <param name="Link">Where it leads, at most 1,000 characters.</param>
/// <param name="Kind">What users set their preferences by: at most 64 of a-z 0-9 _ and the dot; default <c>server</c>.</param>
/// <param name="Sound">Name of a sound, empty for none; default that of the kind.</param>
internal sealed record ServerNotificationBody(IReadOnlyList<string>? UserIds, string? Title, string? Body, string? Link, string? Kind, string? Sound);

/// <summary>Answer of <c>POST server/notifications</c>.</summary>
/// <param name="Notified">Users who were notified by this call: not those who have muted it, or had it by the same key.</param>
internal sealed record NotifiedAnswer(uint Notified);
