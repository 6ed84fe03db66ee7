using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Configuration;
using OpenTelemetry.Trace;

namespace Tertulia.Hosting;

/// <summary>Records a batch when one of the messages that it is linked to is recorded, and what belongs to a span that is. Of all else
/// <c>OTEL_TRACES_SAMPLER</c> decides.</summary>
/// <param name="inner">The sampler that was configured.</param>
/// <param name="isEdge">The callers of this process are strangers.</param>
internal sealed class TraceSampler(Sampler inner, bool isEdge) : Sampler
{
    private const string Kind = "OTEL_TRACES_SAMPLER";
    private const string Argument = "OTEL_TRACES_SAMPLER_ARG";

    // Of the traces that begin here.
    private const double DefaultShare = 0.01;

    /// <summary>The sampler of a process.</summary>
    /// <param name="configuration">The variables of OpenTelemetry.</param>
    /// <param name="isEdge">The callers of the process are strangers.</param>
    /// <exception cref="StartupException">There is no such sampler.</exception>
    public static TraceSampler Of(IConfiguration configuration, bool isEdge)
    {
        var isGiven = double.TryParse(configuration[Argument], NumberStyles.Float, CultureInfo.InvariantCulture, out var given);
        var share = isGiven && given is >= 0 and <= 1 ? given : 1;
        return new TraceSampler(
            configuration[Kind] switch
            {
                null or "" => new ParentBasedSampler(new TraceIdRatioBasedSampler(DefaultShare)),
                "always_on" => new AlwaysOnSampler(),
                "always_off" => new AlwaysOffSampler(),
                "traceidratio" => new TraceIdRatioBasedSampler(share),
                "parentbased_always_on" => new ParentBasedSampler(new AlwaysOnSampler()),
                "parentbased_always_off" => new ParentBasedSampler(new AlwaysOffSampler()),
                "parentbased_traceidratio" => new ParentBasedSampler(new TraceIdRatioBasedSampler(share)),
                var other => throw new StartupException(
                    $"{Kind} is {other}: it must be one of always_on, always_off, traceidratio, or one of these with parentbased_ before it."),
            },
            isEdge);
    }

    /// <inheritdoc />
    public override SamplingResult ShouldSample(in SamplingParameters samplingParameters)
    {
        var parent = samplingParameters.ParentContext;
        if (parent.TraceId == default)
        {
            return IsLinkedToSampled(samplingParameters.Links) && inner is not AlwaysOffSampler
                ? new SamplingResult(SamplingDecision.RecordAndSample)
                : inner.ShouldSample(samplingParameters);
        }

        if (!parent.IsRemote)
        {
            // Also of a ratio without parents, by which a batch's parts would be decided otherwise than the batch.
            return new SamplingResult(Tracing.IsSampled(parent));
        }

        return isEdge && Tracing.IsSampled(parent) && !ClientTraces.TryTake()
            ? inner.ShouldSample(new SamplingParameters(
                default, samplingParameters.TraceId, samplingParameters.Name, samplingParameters.Kind, samplingParameters.Tags))
            : inner.ShouldSample(samplingParameters);
    }

    private static bool IsLinkedToSampled(IEnumerable<ActivityLink>? links)
    {
        foreach (var link in links ?? [])
        {
            if (Tracing.IsSampled(link.Context))
            {
                return true;
            }
        }

        return false;
    }
}
