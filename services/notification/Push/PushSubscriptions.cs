using System.Buffers.Text;
using System.Data.Common;
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

    private const string Put = """
        insert into notification_subscriptions (user_id, device_id, endpoint, endpoint_hash, p256dh, auth, created_at_ms)
        values (@user, @device, @endpoint, @hash, @key, @auth, @now)
        on conflict (user_id, device_id) do update set
            endpoint = excluded.endpoint, endpoint_hash = excluded.endpoint_hash, p256dh = excluded.p256dh, auth = excluded.auth,
            created_at_ms = excluded.created_at_ms
        """;

    private const string DropOldest = """
        delete from notification_subscriptions where user_id = @user and device_id in (
            select device_id from notification_subscriptions where user_id = @user order by created_at_ms desc, device_id limit 1000 offset @keep)
        """;

    private const string Select = "select user_id, device_id, endpoint, p256dh, auth from notification_subscriptions where user_id = @user";

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
        async command =>
        {
            var hash = HashOf(subscription.Endpoint);
            await command.With("delete from notification_subscriptions where endpoint_hash = @hash", ("hash", hash)).RunAsync();
            await command.With(
                Put, ("user", subscription.UserId), ("device", subscription.DeviceId), ("endpoint", subscription.Endpoint), ("hash", hash),
                ("key", subscription.Key), ("auth", subscription.Auth), ("now", time.GetUtcNow().ToUnixTimeMilliseconds())).RunAsync();
            return await command.With(DropOldest, ("user", subscription.UserId), ("keep", options.Value.DevicesPerUser)).RunAsync();
        },
        cancellationToken);

    /// <summary>A user's device wants no more pushes.</summary>
    /// <returns>False when there was none of that name.</returns>
    public async Task<bool> RemoveAsync(string userId, string deviceId, CancellationToken cancellationToken) => await store.WriteAsync(
        command => command.With(
            "delete from notification_subscriptions where user_id = @user and device_id = @device", ("user", userId), ("device", deviceId)).RunAsync(),
        cancellationToken) > 0;

    /// <summary>The push service says that it is gone: unless the browser has subscribed anew meanwhile.</summary>
    public Task RemoveGoneAsync(PushSubscription subscription, CancellationToken cancellationToken) => store.WriteAsync(
        command => command.With(
            "delete from notification_subscriptions where endpoint_hash = @hash", ("hash", HashOf(subscription.Endpoint))).RunAsync(),
        cancellationToken);

    /// <summary>A user's devices.</summary>
    public Task<List<PushSubscription>> OfAsync(string userId, CancellationToken cancellationToken) => store.ReadAsync(
        command => command.With(Select, ("user", userId)).ListAsync(Read), cancellationToken);

    /// <summary>One of them.</summary>
    public Task<PushSubscription?> FindAsync(string userId, string deviceId, CancellationToken cancellationToken) => store.ReadAsync(
        command => command.With($"{Select} and device_id = @device", ("user", userId), ("device", deviceId)).FirstAsync(Read), cancellationToken);

    private static PushSubscription Read(DbDataReader row) =>
        new(row.GetString(0), row.GetString(1), row.GetString(2), row.GetString(3), row.GetString(4));

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
