using System.Diagnostics;

namespace Tertulia.Hosting;

/// <summary>What all spans of the product have in common (docs/tracing.md, ADR 28).</summary>
/// <remarks>A context is carried only for what is sampled: an empty <c>traceparent</c> means that nobody records. So nothing is looked up, made or sent for
/// a message that is not sampled, and none is where nothing listens.</remarks>
public static class Tracing
{
    /// <summary>The version of the semantic conventions that names and attributes follow.</summary>
    public const string SchemaUrl = "https://opentelemetry.io/schemas/1.45.0";

    /// <summary>Links of a span at most: OpenTelemetry drops what is beyond.</summary>
    public const int MaxLinks = 128;

    /// <summary>A source of spans.</summary>
    public static ActivitySource SourceOf(string name) => new(new ActivitySourceOptions(name) { TelemetrySchemaUrl = SchemaUrl });

    /// <summary>A context that a process of the cluster has sent; false when it is empty or not sampled.</summary>
    public static bool TryContext(string traceparent, out ActivityContext context)
    {
        context = default;
        return traceparent.Length > 0 && ActivityContext.TryParse(traceparent, null, isRemote: true, out context) && IsSampled(context);
    }

    /// <summary>Whether somebody records it.</summary>
    public static bool IsSampled(ActivityContext context) => (context.TraceFlags & ActivityTraceFlags.Recorded) != ActivityTraceFlags.None;

    /// <summary>What others are to be told of a span: empty when it is not recorded.</summary>
    public static string Carried(Activity? activity) => activity is { Recorded: true, Id: { } id } ? id : "";

    /// <summary>Starts a span that does not become the current one, because it ends on another thread. <see cref="End"/> ends it.</summary>
    /// <returns>Null when it is not recorded.</returns>
    public static Activity? Begin(ActivitySource source, string name, ActivityKind kind, ActivityContext parent, IEnumerable<ActivityLink>? links = null)
    {
        var current = Activity.Current;
        Activity.Current = null; // Else it would be the parent where none is given.
        var activity = source.StartActivity(name, kind, parent, links: links);
        if (activity is { Recorded: false })
        {
            activity.Stop();
            activity = null;
        }

        Activity.Current = current;
        return activity;
    }

    /// <summary>Ends a span of <see cref="Begin"/> on any thread.</summary>
    public static void End(Activity activity)
    {
        var current = Activity.Current;
        activity.Stop(); // Makes the span that was current when this one began the current one of this thread.
        Activity.Current = current;
    }

    /// <summary>Marks a span as failed.</summary>
    /// <param name="activity">The span.</param>
    /// <param name="type">A word of few different ones: an error's name.</param>
    public static void Fail(Activity? activity, string type) => activity?.SetTag("error.type", type).SetStatus(ActivityStatusCode.Error);

    /// <summary>Whether a fan-out is recorded: always in rooms of up to so many members, in larger ones the more seldom the larger they are. All nodes
    /// decide the same about a message, because it depends on its trace id alone.</summary>
    /// <param name="trace">Of the message.</param>
    /// <param name="members">Of the room.</param>
    /// <param name="always">Members up to which every one is recorded.</param>
    public static bool KeepsFanOut(ActivityTraceId trace, long members, int always)
    {
        if (members <= always)
        {
            return true;
        }

        Span<byte> bytes = stackalloc byte[16];
        trace.CopyTo(bytes);
        bytes = bytes[9..]; // The random part (W3C Trace Context 2, 3.2.2.3): 56 bits.
        ulong random = 0;
        foreach (var part in bytes)
        {
            random = (random << 8) | part;
        }

        return random < (ulong)((double)always / members * (1UL << 56));
    }
}
