using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Tertulia.Notifications.Push;

/// <summary>Web Push: notifications to browsers and phones that are not connected.</summary>
public sealed class PushOptions
{
    internal const string Section = "Push";

    /// <summary>How a push service can reach the operator: <c>mailto:</c> or <c>https:</c>. Apple's refuses requests without it.</summary>
    /// <value>Default none.</value>
    [RegularExpression("^(mailto:|https://).{3,200}$", ErrorMessage = "Push:Contact begins with mailto: or https://.")]
    public string? Contact { get; set; }

    /// <summary>Public VAPID key that browsers subscribe with: an uncompressed point of P-256, Base64url. With <c>PrivateKey</c>; without both, a pair is made once
    /// and kept in the store.</summary>
    /// <value>Default none.</value>
    public string? PublicKey { get; set; }

    /// <summary>Private VAPID key: 32 bytes, Base64url. Another pair makes all subscriptions worthless.</summary>
    /// <value>Default none.</value>
    public string? PrivateKey { get; set; }

    /// <summary>How long a push service keeps a push for a device that it does not reach.</summary>
    /// <value>1 minute to 28 days; default 12 hours.</value>
    [Range(typeof(TimeSpan), "00:01:00", "28.00:00:00")]
    public TimeSpan TimeToLive { get; set; } = TimeSpan.FromHours(12);

    /// <summary>A user gets at most one push within this time; what comes meanwhile goes together at its end.</summary>
    /// <value>1 second to 1 hour; default 15 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan CollapseWindow { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>Devices of one user. One more replaces the one that subscribed first.</summary>
    /// <value>1 to 100; default 20.</value>
    [Range(1, 100)]
    public int DevicesPerUser { get; set; } = 20;

    /// <summary>Attempts to hand a push to a push service that is too busy or does not answer. Pushes that are older than <c>TimeToLive</c> are given up in any case.</summary>
    /// <value>1 to 20; default 8.</value>
    [Range(1, 20)]
    public int Attempts { get; set; } = 8;
}

/// <summary>Keys are given as a pair, and are keys.</summary>
internal sealed class PushOptionsRules : IValidateOptions<PushOptions>
{
    public ValidateOptionsResult Validate(string? name, PushOptions options) => options switch
    {
        { PublicKey: null or "", PrivateKey: null or "" } => ValidateOptionsResult.Success,
        { PublicKey: { Length: > 0 } publicKey, PrivateKey: { Length: > 0 } privateKey } when VapidKeys.TryParse(publicKey, privateKey, out _) => ValidateOptionsResult.Success,
        _ => ValidateOptionsResult.Fail("Push:PublicKey and Push:PrivateKey are not a pair of VAPID keys (P-256, Base64url)."),
    };
}

[OptionsValidator]
internal sealed partial class PushOptionsValidator : IValidateOptions<PushOptions>;
