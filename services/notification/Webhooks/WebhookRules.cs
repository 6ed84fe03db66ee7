using Tertulia.Notifications.Egress;

namespace Tertulia.Notifications.Webhooks;

/// <summary>What a webhook may be.</summary>
internal static class WebhookRules
{
    private const int MaxIdChars = 64;
    private const int MaxRooms = 1_000;
    private const int MaxRoomChars = 129;
    private const int MinSecretChars = 16;
    private const int MaxSecretChars = 200;

    /// <returns>Null, or a sentence for who wants to add it.</returns>
    public static string? Refusal(WebhookEndpoint endpoint, EgressRules rules)
    {
        if (endpoint.Id.Length is 0 or > MaxIdChars || !endpoint.Id.All(character => char.IsAsciiLetterOrDigit(character) || character is '-' or '_' or '.'))
        {
            return $"the id is 1 to {MaxIdChars} letters, digits, -, _ and .";
        }

        if (endpoint.Secret.Length is < MinSecretChars or > MaxSecretChars || endpoint.Secret.Contains('\0', StringComparison.Ordinal))
        {
            return $"the secret has {MinSecretChars} to {MaxSecretChars} characters";
        }

        if (endpoint.Events.Where(type => type is null || !WebhookEvents.Types.Contains(type)).Select(type => type ?? "null").FirstOrDefault() is { } unknown)
        {
            return $"there is no event {unknown}; there are: {string.Join(", ", WebhookEvents.Types.Order(StringComparer.Ordinal))}";
        }

        if (endpoint.Rooms.Count > MaxRooms || endpoint.Rooms.Any(room => room is not { Length: > 0 and <= MaxRoomChars } || room.Any(character => character is ' ' or '\0' or '\n')))
        {
            return $"rooms are at most {MaxRooms} ids, or beginnings of ids that end with *";
        }

        return rules.Refusal(endpoint.Url, out _);
    }
}
