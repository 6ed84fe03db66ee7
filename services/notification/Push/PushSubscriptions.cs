using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using Tertulia.Notifications.Egress;
using Tertulia.Notifications.Storage;

namespace Tertulia.Notifications.Push;

/// <summary>The devices that want pushes.</summary>
internal sealed class PushSubscriptions(NotificationStore store, EgressRules rules, IOptions<PushOptions> options, TimeProvider time)
{
    /// <summary>UTF-16 units of the client's name for a device.</summary>
    public const int MaxDeviceChars = 64;

    /// <summary>Whether a subscription can be taken.</summary>
    /// <returns>Null, or a sentence for the developer of the client.</returns>
    public string? Refusal(PushSubscription subscription)
    {
        if (!IsDevice(subscription.DeviceId))
        {
            return $"device_id is 1 to {MaxDeviceChars} characters";
        }

        if (!TryDecode(subscription.Key, out var key) || !PushEncryption.IsPublicKey(key))
        {
            return "keys.p256dh is not a point of P-256, as Base64url";
        }

        if (!TryDecode(subscription.Auth, out var auth) || auth.Length != PushEncryption.AuthBytes)
        {
            return $"keys.auth is not {PushEncryption.AuthBytes} bytes, as Base64url";
        }

        return rules.Refusal(subscription.Endpoint, out _) is { } refusal ? $"endpoint: {refusal}" : null;
    }

    /// <summary>Whether something can be a device's name.</summary>
    public static bool IsDevice(string deviceId) => deviceId.Length is > 0 and <= MaxDeviceChars && !deviceId.Contains('\0', StringComparison.Ordinal);

    /// <summary>Stores a device, in the place of one with the same name and of any that had the same endpoint. One that passed <see cref="Refusal"/>.</summary>
    public Task PutAsync(PushSubscription subscription, CancellationToken cancellationToken) => store.WriteAsync(
        async round =>
        {
            await round.Devices.PutAsync(subscription, HashOf(subscription.Endpoint), time.GetUtcNow(), options.Value.DevicesPerUser);
            return true;
        },
        cancellationToken);

    /// <summary>A user's device wants no more pushes.</summary>
    /// <returns>False when there was none of that name.</returns>
    public Task<bool> RemoveAsync(string userId, string deviceId, CancellationToken cancellationToken) =>
        store.WriteAsync(round => round.Devices.RemoveAsync(userId, deviceId), cancellationToken);

    /// <summary>The push service says that it is gone: unless the browser has subscribed anew meanwhile.</summary>
    public Task RemoveGoneAsync(PushSubscription subscription, CancellationToken cancellationToken) => store.WriteAsync(
        async round =>
        {
            await round.Devices.RemoveByEndpointAsync(HashOf(subscription.Endpoint));
            return true;
        },
        cancellationToken);

    /// <summary>A user's devices.</summary>
    public Task<List<PushSubscription>> OfAsync(string userId, CancellationToken cancellationToken) =>
        store.ReadAsync(round => round.Devices.OfAsync(userId), cancellationToken);

    /// <summary>One of them.</summary>
    public Task<PushSubscription?> FindAsync(string userId, string deviceId, CancellationToken cancellationToken) =>
        store.ReadAsync(round => round.Devices.FindAsync(userId, deviceId), cancellationToken);

    private static string HashOf(string endpoint) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(endpoint)));

    private static bool TryDecode(string text, out byte[] bytes)
    {
        try
        {
            bytes = text.Length <= 200 ? Base64Url.DecodeFromChars(text) : [];
            return bytes.Length > 0;
        }
        catch (FormatException)
        {
            bytes = [];
            return false;
        }
    }
}
