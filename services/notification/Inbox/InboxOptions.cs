using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Tertulia.Notifications.Inbox;

/// <summary>What users are told of.</summary>
public sealed class InboxOptions
{
    internal const string Section = "Notifications:Inbox";

    /// <summary>What happened longer ago is not told any more, when the service comes to it late: after an outage, a restored database, or when it is new.</summary>
    /// <value>1 minute to 90 days; default 7 days.</value>
    [Range(typeof(TimeSpan), "00:01:00", "90.00:00:00")]
    public TimeSpan MaxAge { get; set; } = TimeSpan.FromDays(7);

    /// <summary>Members up to which everyone may mention a whole room; in larger ones owners and moderators.</summary>
    /// <value>1 to 10 000; default 200.</value>
    [Range(1, 10_000)]
    public int RoomMentionMembers { get; set; } = 200;

    /// <summary>How long notifications are kept, read or not.</summary>
    /// <value>1 day to 10 years; default 90 days.</value>
    [Range(typeof(TimeSpan), "1.00:00:00", "3650.00:00:00")]
    public TimeSpan KeepFor { get; set; } = TimeSpan.FromDays(90);
}

[OptionsValidator]
internal sealed partial class InboxOptionsValidator : IValidateOptions<InboxOptions>;

/// <summary>What is not told any more is not kept either, so that nothing is told twice.</summary>
internal sealed class InboxOptionsRules : IValidateOptions<InboxOptions>
{
    public ValidateOptionsResult Validate(string? name, InboxOptions options) => options.KeepFor < options.MaxAge
        ? ValidateOptionsResult.Fail("Notifications:Inbox:KeepFor is shorter than MaxAge.")
        : ValidateOptionsResult.Success;
}
