using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;
using Tertulia.Bus;
using Tertulia.Hosting;

namespace Tertulia.Connections.Submitting;

/// <summary>Commands on their way to the owners of their partitions.</summary>
public sealed class SubmitOptions
{
    internal const string Section = "Connections:Submit";

    /// <summary>A larger command would never get through the broker, with what else is in its batch: it is refused as <c>too_large</c>.</summary>
    internal const int MaxCommandBytes = 8 * 1024 * 1024;

    /// <summary>Time after which a command without an outcome is answered <c>unavailable</c>.</summary>
    /// <value>1 second to 5 minutes; default 10 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:01", "00:05:00")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Commands of one partition that may be without an outcome before a client is answered <c>overloaded</c>.</summary>
    /// <value>Commands, 16 to 1 048 576; default 4096.</value>
    [Range(16, 1_048_576)]
    public int Capacity { get; set; } = 4096;

    /// <summary>Size of one partition's commands that may be without an outcome before a client is answered <c>overloaded</c>.</summary>
    /// <value>Bytes, 64 KiB to 1 GiB; default 8 MiB.</value>
    [Range(64 * 1024, 1024 * 1024 * 1024)]
    public int PartitionBytes { get; set; } = 8 * 1024 * 1024;

    /// <summary>The same for all partitions of the process together, and for what waits for one message replica.</summary>
    /// <value>Bytes, from <see cref="PartitionBytes"/> to 1 GiB; default 64 MiB.</value>
    [Range(64 * 1024, 1024 * 1024 * 1024)]
    public int ProcessBytes { get; set; } = 64 * 1024 * 1024;

    /// <summary>Commands in one batch at most.</summary>
    /// <value>Commands, 1 to 65 536; default 1024.</value>
    [Range(1, 65_536)]
    public int BatchCommands { get; set; } = 1024;

    /// <summary>Size at which a batch takes nothing more.</summary>
    /// <value>Bytes, 1 KiB to 4 MiB (with one large command more it stays below the 16 MiB that RabbitMQ takes); default 1 MiB.</value>
    [Range(1024, 4 * 1024 * 1024)]
    public int BatchBytes { get; set; } = 1024 * 1024;

    /// <summary>What an overloaded client is told to wait.</summary>
    /// <value>1 millisecond to 1 minute; default 1 second.</value>
    [Range(typeof(TimeSpan), "00:00:00.001", "00:01:00")]
    public TimeSpan RetryAfter { get; set; } = TimeSpan.FromSeconds(1);
}

[OptionsValidator]
internal sealed partial class SubmitOptionsValidator : IValidateOptions<SubmitOptions>;

/// <summary>Rules across keys: what a client may send gets through, with what else is in its batch; else the process does not start.</summary>
internal sealed class SubmitOptionsRules(IOptions<LimitOptions> limits, IOptions<LiveBusOptions> bus, IOptions<RabbitMqOptions> broker) : IValidateOptions<SubmitOptions>
{
    private const int EnvelopeBytes = 16 * 1024; // Of a command besides its frame: actor, ids, trace context.

    public ValidateOptionsResult Validate(string? name, SubmitOptions options)
    {
        if (options.ProcessBytes < options.PartitionBytes)
        {
            return ValidateOptionsResult.Fail(
                $"Connections:Submit:ProcessBytes ({options.ProcessBytes}) must be at least Connections:Submit:PartitionBytes ({options.PartitionBytes}).");
        }

        var command = Math.Min(SubmitOptions.MaxCommandBytes, limits.Value.EffectiveFrameBytes + EnvelopeBytes);
        var batch = options.BatchBytes + command;
        return bus.Value.Kind == BusKind.RabbitMq && broker.Value.MaxMessageBytes < batch
            ? ValidateOptionsResult.Fail(
                $"Bus:RabbitMq:MaxMessageBytes is {broker.Value.MaxMessageBytes}: a batch of Connections:Submit:BatchBytes ({options.BatchBytes}) and one more command of "
                + $"Limits:FrameBytes ({limits.Value.FrameBytes}) takes up to {batch} bytes.")
            : ValidateOptionsResult.Success;
    }
}
