using System.Globalization;
using MassTransit;

namespace Tertulia.Notifications.Jobs;

/// <summary>Where a message ends whose last attempt failed: its job goes to the error queue, which is in the store, so that it can be listed, outlives the
/// process, and is the same on all transports.</summary>
internal sealed class FailedJobs(JobRunner runner) : IFilter<ExceptionReceiveContext>
{
    private const string Key = "Job-Key";
    private const string Kind = "Job-Kind";
    private const string Claim = "Job-Claim";

    /// <summary>What <see cref="Send"/> reads: a message that cannot be read has its headers still.</summary>
    public static void Write(SendHeaders headers, JobMessage message)
    {
        headers.Set(Key, message.Key);
        headers.Set(Kind, message.Kind);
        headers.Set(Claim, message.Claim.ToString(CultureInfo.InvariantCulture));
    }

    public async Task Send(ExceptionReceiveContext context, IPipe<ExceptionReceiveContext> next)
    {
        if (context.TransportHeaders.Get<string>(Key) is { } key
            && long.TryParse(context.TransportHeaders.Get<string>(Claim), CultureInfo.InvariantCulture, out var claim))
        {
            // When this throws the job keeps its lease, and is given out again when that ends.
            await runner.FailAsync(
                new JobMessage { Key = key, Kind = context.TransportHeaders.Get<string>(Kind) ?? "", Claim = claim }, context.Exception, context.CancellationToken);
        }
    }

    public void Probe(ProbeContext context) => context.CreateFilterScope("failed-jobs");
}
