using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Mvc;
using Tertulia.Connections.Auth;
using Tertulia.Contracts;

namespace Tertulia.Connections.Doors.Http;

/// <summary>Web Push: a browser subscribes its push service's endpoint, by the name that the client gives the device.</summary>
internal static class PushEndpoints
{
    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/push/key", KeyAsync)
            .Describe("get_push_key", "The key that a browser subscribes with: applicationServerKey of PushManager.subscribe.")
            .Answers<PushKeyAnswer>(example: """{"public_key":"BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"}""")
            .Refuses();
        api.MapPut("/push/subscriptions", SubscribeAsync)
            .Describe("subscribe_push", "A device of the caller wants pushes, in the place of what it subscribed before.")
            .Takes<PushSubscriptionBody>("""
                {"device_id":"phone-1","endpoint":"https://push.example.net/abc","keys":{"p256dh":"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4","auth":"BTBZMqHH6r4Tts7J_aSIgg"}}
                """)
            .Answers<PushDeviceAnswer>(example: """{"device_id":"phone-1"}""")
            .Refuses(ErrorCode.InvalidJson, ErrorCode.TooLarge);
        api.MapDelete("/push/subscriptions", UnsubscribeAsync)
            .Describe("unsubscribe_push", "A device of the caller wants no more pushes.")
            .Answers<PushDeviceAnswer>(example: """{"device_id":"phone-1"}""")
            .Refuses();
    }

    internal static async Task<IResult> KeyAsync(PushService.PushServiceClient push, CancellationToken cancellationToken)
    {
        var key = await push.GetKeyAsync(new GetPushKeyRequest(), deadline: Deadline(), cancellationToken: cancellationToken);
        return HttpJson.Ok(json => json.WriteString("public_key"u8, key.PublicKey));
    }

    /// <returns>200, also for a device that was subscribed before; 400 <c>bad_request</c> with the field that is wrong.</returns>
    internal static async Task<IResult> SubscribeAsync(HttpRequest request, Caller caller, PushService.PushServiceClient push, CancellationToken cancellationToken)
    {
        PushSubscriptionBody? body;
        try
        {
            body = await JsonSerializer.DeserializeAsync<PushSubscriptionBody>(request.Body, cancellationToken: cancellationToken);
        }
        catch (JsonException)
        {
            return new Refused(ErrorCode.InvalidJson);
        }

        var asked = new SubscribePushRequest
        {
            UserId = caller.UserId, DeviceId = body?.DeviceId ?? "", Endpoint = body?.Endpoint ?? "", P256Dh = body?.Keys?.P256dh ?? "", Auth = body?.Keys?.Auth ?? "",
        };
        await push.SubscribeAsync(asked, deadline: Deadline(), cancellationToken: cancellationToken);
        return HttpJson.Ok(json => json.WriteString("device_id"u8, asked.DeviceId));
    }

    /// <param name="deviceId">As it was subscribed.</param>
    /// <param name="caller">Whose device.</param>
    /// <param name="push">Knows the devices.</param>
    /// <param name="cancellationToken">The client went.</param>
    /// <returns>200, also when there was none: then there is none.</returns>
    internal static async Task<IResult> UnsubscribeAsync(
        [FromQuery(Name = "device_id")] string deviceId, Caller caller, PushService.PushServiceClient push, CancellationToken cancellationToken)
    {
        var asked = new UnsubscribePushRequest { UserId = caller.UserId, DeviceId = deviceId };
        await push.UnsubscribeAsync(asked, deadline: Deadline(), cancellationToken: cancellationToken);
        return HttpJson.Ok(json => json.WriteString("device_id"u8, deviceId));
    }

    private static DateTime Deadline() => DateTime.UtcNow + HttpDoor.ReadDeadline;
}

/// <summary>Answer of <c>GET push/key</c>.</summary>
/// <param name="PublicKey">An uncompressed point of P-256, Base64url.</param>
internal sealed record PushKeyAnswer(string PublicKey);

/// <summary>A device.</summary>
/// <param name="DeviceId">The client's name for it.</param>
internal sealed record PushDeviceAnswer(string DeviceId);

/// <summary>Body of <c>PUT push/subscriptions</c>: what <c>PushSubscription.toJSON()</c> gives, and the device's name.</summary>
/// <param name="DeviceId">1 to 64 characters, unique per user.</param>
/// <param name="Endpoint">Of the push service.</param>
/// <param name="Keys">Of the browser.</param>
internal sealed record PushSubscriptionBody(
    [property: JsonPropertyName("device_id")] string? DeviceId, [property: JsonPropertyName("endpoint")] string? Endpoint,
    [property: JsonPropertyName("keys")] PushSubscriptionKeys? Keys);

/// <summary>Keys of a browser, Base64url.</summary>
internal sealed record PushSubscriptionKeys([property: JsonPropertyName("p256dh")] string? P256dh, [property: JsonPropertyName("auth")] string? Auth);
