using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Tertulia.Hosting;

/// <summary>What is sampled beside what <c>OTEL_TRACES_SAMPLER</c> says.</summary>
public sealed class TracingOptions
{
    internal const string Section = "Tracing";

    /// <summary>Traces a second that are recorded because a client says that its own is (<c>traceparent</c>), in each process that clients reach. Of
    /// those beyond, the sampler decides as if the client had said nothing: strangers must not choose what is kept.</summary>
    /// <value>0 to 10 000; default 10.</value>
    [Range(0, 10_000)]
    public int ClientTracesPerSecond { get; set; } = 10;

    /// <summary>Members of a room up to which the fan-out of every sampled message is recorded. With twice as many members it is every other message.</summary>
    /// <value>1 to 1 000 000; default 100.</value>
    [Range(1, 1_000_000)]
    public int FanOutMembers { get; set; } = 100;
}

[OptionsValidator]
internal sealed partial class TracingOptionsValidator : IValidateOptions<TracingOptions>;
