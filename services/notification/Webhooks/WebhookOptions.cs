using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Tertulia.Notifications.Webhooks;

/// <summary>Webhooks: other systems are told over HTTP what happens.</summary>
public sealed class WebhookOptions
{
    internal const string Section = "Webhooks";

    /// <summary>Webhooks of the configuration, beside those that operators add while it runs.</summary>
    /// <value>Each with <c>Id</c>, <c>Url</c>, <c>Secret</c>, <c>Events__0</c> and <c>Rooms__0</c>, as in <c>PUT /admin/webhooks/ID</c>; default none.</value>
    public IList<WebhookEndpoint> Endpoints { get; } = [];

    /// <summary>A webhook that fails for so long without any success is disabled, until an operator enables it.</summary>
    /// <value>1 hour to 30 days; default 3 days.</value>
    [Range(typeof(TimeSpan), "01:00:00", "30.00:00:00")]
    public TimeSpan DisableAfter { get; set; } = TimeSpan.FromDays(3);

    /// <summary>An event that is refused for so long, while others of its webhook are taken, goes to the error queue, so that its room goes on.</summary>
    /// <value>1 minute to 30 days; default 1 day.</value>
    [Range(typeof(TimeSpan), "00:01:00", "30.00:00:00")]
    public TimeSpan GiveUpAfter { get; set; } = TimeSpan.FromDays(1);

    /// <summary>Events that wait for a webhook that fails; with more it is disabled.</summary>
    /// <value>100 to 10,000,000; default 100,000.</value>
    [Range(100, 10_000_000)]
    public int MaxWaiting { get; set; } = 100_000;

    /// <summary>How long a room must have been empty, or a user offline, until webhooks are told: who comes back within this time has not gone.</summary>
    /// <value>0 to 10 minutes; default 5 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:00", "00:10:00")]
    public TimeSpan PresenceDelay { get; set; } = TimeSpan.FromSeconds(5);
}

/// <summary>Who is told what.</summary>
public sealed class WebhookEndpoint
{
    /// <summary>1 to 64 letters, digits, <c>-</c>, <c>_</c> and <c>.</c>.</summary>
    public string Id { get; set; } = "";

    /// <summary>Where events are posted to.</summary>
    public string Url { get; set; } = "";

    /// <summary>16 to 200 characters that both sides know; <c>whsec_</c> and Base64, or any text.</summary>
    public string Secret { get; set; } = "";

    /// <summary>Which events; empty: all.</summary>
    public IList<string> Events { get; set; } = [];

    /// <summary>Which rooms: ids, or beginnings of ids that end with <c>*</c>; empty: all.</summary>
    public IList<string> Rooms { get; set; } = [];
}

/// <summary>Webhooks of the configuration can be used.</summary>
internal sealed class WebhookOptionsRules(Egress.EgressRules rules) : IValidateOptions<WebhookOptions>
{
    public ValidateOptionsResult Validate(string? name, WebhookOptions options)
    {
        var bad = options.Endpoints.Select((endpoint, index) => (index, Refusal: WebhookRules.Refusal(endpoint, rules)))
            .Where(one => one.Refusal is not null).Select(one => $"Webhooks:Endpoints:{one.index}: {one.Refusal}.").ToList();
        if (options.Endpoints.DistinctBy(endpoint => endpoint.Id, StringComparer.Ordinal).Count() != options.Endpoints.Count)
        {
            bad.Add("Webhooks:Endpoints have different ids.");
        }

        return bad.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(bad);
    }
}

[OptionsValidator]
internal sealed partial class WebhookOptionsValidator : IValidateOptions<WebhookOptions>;
