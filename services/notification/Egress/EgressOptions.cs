using System.ComponentModel.DataAnnotations;
using System.Net;
using Microsoft.Extensions.Options;

namespace Tertulia.Notifications.Egress;

/// <summary>Where push and webhooks may connect to: addresses that others have named.</summary>
public sealed class EgressOptions
{
    internal const string Section = "Egress";

    /// <summary>Networks that may be reached although they are internal.</summary>
    /// <value>Addresses with a prefix length, such as <c>10.1.2.0/24</c> or <c>::1/128</c>; default none.</value>
    public IList<string> AllowedNetworks { get; } = [];

    /// <summary>Also takes <c>http</c> addresses, without TLS.</summary>
    /// <value><c>true</c> or <c>false</c>; default <c>false</c>.</value>
    public bool AllowHttp { get; set; }

    /// <summary>Longest time for one request, connecting included.</summary>
    /// <value>1 second to 1 minute; default 10 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:01", "00:01:00")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(10);
}

/// <summary>Networks are networks.</summary>
internal sealed class EgressOptionsRules : IValidateOptions<EgressOptions>
{
    public ValidateOptionsResult Validate(string? name, EgressOptions options)
    {
        var bad = options.AllowedNetworks.Where(network => !IPNetwork.TryParse(network, out _)).ToArray();
        return bad.Length == 0
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail($"Egress:AllowedNetworks are addresses with a prefix length, such as 10.1.2.0/24, not: {string.Join(", ", bad)}.");
    }
}

[OptionsValidator]
internal sealed partial class EgressOptionsValidator : IValidateOptions<EgressOptions>;
