using System.Buffers;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace Tertulia.Hosting;

/// <summary>How the processes of one cluster know each other.</summary>
public sealed class InternalAuthOptions
{
    internal const string Section = "Internal";

    /// <summary>The secret that all processes of a cluster share. A process answers internal calls only to those that know it.</summary>
    /// <value>32 to 512 printable ASCII characters without spaces, such as the output of <c>openssl rand -hex 32</c>. Required in a process that calls others or is
    /// called by them; the all-in-one process makes one for itself at each start.</value>
    public string Secret { get; set; } = "";

    /// <summary>A second secret that is accepted, never sent: set it everywhere to change <see cref="Secret"/> without a moment at which processes refuse each other.</summary>
    /// <value>As <see cref="Secret"/>; default none.</value>
    public string AlsoAccepted { get; set; } = "";

    /// <summary>Whether <c>/metrics</c> of <c>urls</c> answers without the secret. Only where strangers cannot reach that port.</summary>
    /// <value>Default false.</value>
    public bool OpenMetrics { get; set; }
}

/// <summary>A secret is there where one is needed, and can be sent.</summary>
internal sealed class InternalAuthOptionsRules(IConfiguration configuration) : IValidateOptions<InternalAuthOptions>
{
    internal const int MaxChars = 512;

    private const int MinChars = 32;

    private static readonly SearchValues<char> Allowed = SearchValues.Create([.. Enumerable.Range('!', '~' - '!' + 1).Select(code => (char)code)]);

    public ValidateOptionsResult Validate(string? name, InternalAuthOptions options)
    {
        if (options.Secret.Length == 0)
        {
            return CrossesProcesses() is { } key
                ? ValidateOptionsResult.Fail(
                    $"Internal:Secret is missing: {key} connects this process with others, and they know each other by it. Set the same {MinChars} characters or more for all of them, "
                    + "for example the output of `openssl rand -hex 32`.")
                : ValidateOptionsResult.Success;
        }

        var bad = !IsGood(options.Secret) ? nameof(options.Secret)
            : options.AlsoAccepted.Length > 0 && !IsGood(options.AlsoAccepted) ? nameof(options.AlsoAccepted)
            : null;
        return bad is null
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail($"Internal:{bad} must be {MinChars} to {MaxChars} printable ASCII characters without spaces.");
    }

    private static bool IsGood(string secret) => secret.Length is >= MinChars and <= MaxChars && !secret.AsSpan().ContainsAnyExcept(Allowed);

    /// <summary>A Unix socket leads to this process itself; every other address leads out of it.</summary>
    private string? CrossesProcesses() =>
        InternalAddresses.All(configuration).Where(address => !Listeners.IsUnix(address.Url)).Select(address => address.Key).FirstOrDefault();
}
