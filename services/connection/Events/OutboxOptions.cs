using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Tertulia.Connections.Events;

/// <summary>What waits for clients that read slowly.</summary>
public sealed class OutboxOptions
{
    internal const string Section = "Outbox";

    /// <summary>Bytes waiting for one client above which room events are left out (<c>gap</c>) and ephemeral frames dropped.</summary>
    /// <value>16 KiB to 64 MiB; default 256 KiB.</value>
    [Range(16 * 1024, 64 * 1024 * 1024)]
    public int SoftLimitBytes { get; set; } = 256 * 1024;

    /// <summary>Bytes waiting for one client above which it is closed with 4003.</summary>
    /// <value>Above <see cref="SoftLimitBytes"/>, to 256 MiB; default 1 MiB.</value>
    [Range(16 * 1024, 256 * 1024 * 1024)]
    public int HardLimitBytes { get; set; } = 1024 * 1024;

    /// <summary>Bytes that all clients of the process may have waiting together. Near it slow clients get room events as <c>gap</c> early; above it those with the most
    /// are closed with 4003 first.</summary>
    /// <value>0 (a quarter of the memory that the process may use), or from <see cref="HardLimitBytes"/> on; default 0.</value>
    [Range(0, long.MaxValue)]
    public long BudgetBytes { get; set; }

    /// <summary>Time without any progress of a write after which the client is closed with 4003.</summary>
    /// <value>1 second to 10 minutes; default 30 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan StallTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Time for what waits to be sent when a connection is closed; a slow client (4003) gets only <see cref="CloseTimeout"/>.</summary>
    /// <value>1 second to 5 minutes; default 10 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:01", "00:05:00")]
    public TimeSpan FlushTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Time for the client to answer the close frame before the connection is cut.</summary>
    /// <value>100 milliseconds to 1 minute; default 2 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00")]
    public TimeSpan CloseTimeout { get; set; } = TimeSpan.FromSeconds(2);
}

[OptionsValidator]
internal sealed partial class OutboxOptionsValidator : IValidateOptions<OutboxOptions>;

/// <summary>Rules across keys.</summary>
internal sealed class OutboxOptionsRules : IValidateOptions<OutboxOptions>
{
    public ValidateOptionsResult Validate(string? name, OutboxOptions options)
    {
        var failures = new List<string>();
        if (options.HardLimitBytes <= options.SoftLimitBytes)
        {
            failures.Add($"Outbox:HardLimitBytes ({options.HardLimitBytes}) must be above Outbox:SoftLimitBytes ({options.SoftLimitBytes}).");
        }

        if (options.BudgetBytes != 0 && options.BudgetBytes < options.HardLimitBytes)
        {
            failures.Add($"Outbox:BudgetBytes ({options.BudgetBytes}) must be 0 or at least Outbox:HardLimitBytes ({options.HardLimitBytes}).");
        }

        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }
}
