using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Tertulia.Bus;

/// <summary>Bounds of the bus inside one process.</summary>
public sealed class InProcessBusOptions
{
    internal const string Section = "Bus:InProcess";

    /// <summary>Batches that wait for one receiver. Above it the oldest is dropped, and a node repairs its rooms by seq.</summary>
    /// <value>16 to 65 536; default 4096.</value>
    [Range(16, 65_536)]
    public int InboxCapacity { get; set; } = 4096;

    /// <summary>Bytes that wait for one receiver. Above it the oldest is dropped, too.</summary>
    /// <value>Bytes, 64 KiB to 1 GiB; default 64 MiB.</value>
    [Range(64 * 1024, 1024 * 1024 * 1024)]
    public int InboxBytes { get; set; } = 64 * 1024 * 1024;
}

[OptionsValidator]
internal sealed partial class InProcessBusOptionsValidator : IValidateOptions<InProcessBusOptions>;
