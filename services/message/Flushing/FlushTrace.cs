using System.Diagnostics;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Messages.Flushing;

/// <summary>The spans of a flush: <c>process</c>, in it <c>decide</c> and <c>append</c>, and the <c>publish</c> of what it has for the nodes.</summary>
/// <remarks>A flush that has no sampled command has no span. One of a single command belongs to that command's trace; any other begins a trace of its own,
/// which is linked to the sampled commands, because a span has one parent (ADR 28).</remarks>
internal static class FlushTrace
{
    /// <summary>Starts the span of a flush whose commands are collected. <see cref="Tracing.End"/> ends it.</summary>
    public static Activity? Begin(Flush flush)
    {
        if (!flush.Batches.Exists(batch => batch.Traceparent.Length > 0) || !Telemetry.Activities.HasListeners())
        {
            return null;
        }

        List<ActivityLink> links = [];
        foreach (var submitted in flush.Commands)
        {
            BusTrace.AddLink(links, submitted.Command);
        }

        if (links.Count == 0)
        {
            return null; // They are another loop's.
        }

        var parent = flush.Commands.Count == 1 ? links[0].Context : default;
        foreach (var batch in flush.Batches)
        {
            if (links.Count < Tracing.MaxLinks && Tracing.TryContext(batch.Traceparent, out var published))
            {
                links.Add(new ActivityLink(published));
            }
        }

        var trace = BusTrace.Begin(
            Telemetry.Activities, "process", "process", ActivityKind.Consumer, BusTrace.Message, BusTrace.Replica, BusTrace.Self, parent, links);
        BusTrace.Batch(trace, flush.Commands.Count);
        return trace;
    }

    /// <summary>Starts a step of a flush, which the caller disposes; null when the flush has no span.</summary>
    public static Activity? Step(Flush flush, string name, ActivityKind kind = ActivityKind.Internal) =>
        flush.Trace is { } trace ? Telemetry.Activities.StartActivity(name, kind, trace.Context) : null;

    /// <summary>Starts the span of publishing flushes together. <see cref="Tracing.End"/> ends it.</summary>
    public static Activity? Publish(List<Outgoing> flushes)
    {
        ActivityContext parent = default;
        List<ActivityLink>? links = null;
        foreach (var outgoing in flushes)
        {
            if (!Tracing.IsSampled(outgoing.Trace))
            {
                continue;
            }

            if (parent == default)
            {
                parent = outgoing.Trace;
            }
            else
            {
                (links ??= []).Add(new ActivityLink(outgoing.Trace));
            }
        }

        return parent == default
            ? null
            : BusTrace.Begin(Telemetry.Activities, "publish", "send", ActivityKind.Client, BusTrace.ToNode, BusTrace.Node, routingKey: null, parent, links);
    }
}
