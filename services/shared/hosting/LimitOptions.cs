using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Tertulia.Hosting;

/// <summary>What one client may do (PROTOCOL §6). 0 means unlimited. Give every service the same values.</summary>
public sealed class LimitOptions
{
    internal const string Section = "Limits";

    /// <summary>Messages of one history page at most.</summary>
    public const int MaxHistoryPage = 100;

    /// <summary>UTF-8 bytes of one character at most (RFC 3629).</summary>
    internal const int MaxCharacterBytes = 4;

    /// <summary>Bytes of a message frame besides its content: names, ids, trace context.</summary>
    internal const int EnvelopeBytes = 1024;

    private const int DefaultBurst = 20;
    private const int MaxFrameBytes = 16 * 1024 * 1024;

    /// <summary>Client events of one user in 60 seconds, all of the user's sockets on all nodes together.</summary>
    /// <value>0 to 1 000 000; default 100. 0 lifts the limits of entering and leaving rooms, too.</value>
    [Range(0, 1_000_000)]
    public int EventsPerMinute { get; set; } = 100;

    /// <summary>Characters (Unicode scalar values) of a message's content. The door and the message service both check it.</summary>
    /// <value>0 (then the frame is the limit) to 16 000; default 1000.</value>
    [Range(0, 16_000)]
    public int ContentLength { get; set; } = 1000;

    /// <summary>Bytes of a client's frame or message, inflated. The longest content must fit: 4 bytes for each character, and 1 KiB.</summary>
    /// <value>0 (then 16 MiB, what a node is ready to hold for one frame), or 1 KiB to 16 MiB; default 64 KiB.</value>
    [Range(0, MaxFrameBytes)]
    public int FrameBytes { get; set; } = 64 * 1024;

    /// <summary>Rooms one socket may be in.</summary>
    /// <value>0 to 100 000; default 128.</value>
    [Range(0, 100_000)]
    public int RoomsPerConnection { get; set; } = 128;

    /// <summary>Rooms that one user may create in an hour, on all nodes together. Then <c>rate_limited</c>.</summary>
    /// <value>0 to 1 000 000; default 20.</value>
    [Range(0, 1_000_000)]
    public int RoomsCreatedPerHour { get; set; } = 20;

    /// <summary>Rooms that one user may have created and that still exist. Then <c>limit_exceeded</c>.</summary>
    /// <value>0 to 10 000 000; default 1000.</value>
    [Range(0, 10_000_000)]
    public int RoomsCreatedPerUser { get; set; } = 1000;

    /// <summary>Sockets of one user on one node.</summary>
    /// <value>0 to 1 000 000; default 20.</value>
    [Range(0, 1_000_000)]
    public int ConnectionsPerUser { get; set; } = 20;

    /// <summary>Sockets on this node from one address.</summary>
    /// <value>0 to 1 000 000; default 0: many people share an address behind a carrier or an office.</value>
    [Range(0, 1_000_000)]
    public int ConnectionsPerAddress { get; set; }

    /// <summary>Sockets on this node.</summary>
    /// <value>0 to 10 000 000; default 0.</value>
    [Range(0, 10_000_000)]
    public int ConnectionsPerNode { get; set; }

    /// <summary>Events that may come at once: 20, more where <see cref="EventsPerMinute"/> was raised. 0: any number.</summary>
    public int Burst => EventsPerMinute == 0 ? 0 : Math.Min(EventsPerMinute, Math.Max(DefaultBurst, EventsPerMinute / 5));

    /// <summary>Bytes of a frame that a node is ready to hold.</summary>
    public int EffectiveFrameBytes => FrameBytes == 0 ? MaxFrameBytes : FrameBytes;

    /// <summary>Whether a message may have this content: at least one character and at most <see cref="ContentLength"/>. The one rule of all doors and of the message service.</summary>
    public bool AllowsContent(string content) =>
        content.Length > 0 && (ContentLength == 0 || content.Length <= ContentLength || CharactersOf(content) <= ContentLength);

    /// <summary>Unicode scalar values of a text. Half of a surrogate pair counts as one.</summary>
    public static int CharactersOf(string text)
    {
        var count = 0;
        foreach (var _ in text.EnumerateRunes())
        {
            count++;
        }

        return count;
    }
}

[OptionsValidator]
internal sealed partial class LimitOptionsValidator : IValidateOptions<LimitOptions>;

/// <summary>The longest content fits in the largest frame, in any script; else the process does not start.</summary>
internal sealed class LimitOptionsRules : IValidateOptions<LimitOptions>
{
    public ValidateOptionsResult Validate(string? name, LimitOptions options)
    {
        var needed = (options.ContentLength * LimitOptions.MaxCharacterBytes) + LimitOptions.EnvelopeBytes;
        return options.EffectiveFrameBytes < needed
            ? ValidateOptionsResult.Fail(
                $"Limits:FrameBytes is {options.FrameBytes}: a message of Limits:ContentLength ({options.ContentLength}) characters takes up to {needed} bytes.")
            : ValidateOptionsResult.Success;
    }
}

/// <summary>Setup of the limits that several services read.</summary>
public static class LimitOptionsSetup
{
    /// <summary>Binds and checks <see cref="LimitOptions"/>. Two services of one process may both call it.</summary>
    public static IServiceCollection AddLimitOptions(this IServiceCollection services)
    {
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<LimitOptions>, LimitOptionsValidator>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<LimitOptions>, LimitOptionsRules>());
        services.AddOptions<LimitOptions>().BindConfiguration(LimitOptions.Section).ValidateOnStart();
        return services;
    }
}
