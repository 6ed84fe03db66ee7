using System.Text;

namespace Tertulia.Telemetry.Tests;

/// <summary>The spans that hang together by parents and links, as a tree.</summary>
/// <remarks>A batch's span has a parent when the batch is a single message, else links: for the shape it is the same.</remarks>
internal sealed class SpanTree
{
    private static readonly string[] Shown =
        ["messaging.operation.type", "tertulia.verb", "tertulia.outcome", "tertulia.fan_out.receivers"];

    private readonly IReadOnlyList<ReceivedSpan> _spans;

    private SpanTree(IReadOnlyList<ReceivedSpan> spans) => _spans = spans;

    /// <summary>All of them.</summary>
    public IReadOnlyList<ReceivedSpan> Spans => _spans;

    /// <summary>What can be reached from a trace, by parents and links, against their direction too.</summary>
    public static SpanTree Of(string traceId, IReadOnlyCollection<ReceivedSpan> all)
    {
        var found = all.Where(span => span.TraceId == traceId).ToList();
        for (var before = -1; found.Count != before;)
        {
            before = found.Count;
            var traces = found.Select(span => span.TraceId).ToHashSet();
            var ids = found.Select(span => span.Id).ToHashSet();
            var linked = found.SelectMany(span => span.Links).ToHashSet();
            found = [.. all.Where(span => traces.Contains(span.TraceId) || linked.Contains(span.Id) || span.Links.Any(ids.Contains))];
        }

        return new SpanTree([.. found.OrderBy(span => span.Span.StartTimeUnixNano)]);
    }

    /// <summary>The one span of a name.</summary>
    public ReceivedSpan One(string name) => Assert.Single(_spans, span => span.Name == name);

    /// <summary>All names, sorted.</summary>
    public string Names => string.Join(", ", _spans.Select(span => span.Name).Order(StringComparer.Ordinal));

    /// <summary>A line for each span.</summary>
    public string Render()
    {
        var text = new StringBuilder();
        foreach (var root in _spans.Where(span => Above(span) is null))
        {
            Render(text, root, 0);
        }

        return text.ToString().TrimEnd();
    }

    private void Render(StringBuilder text, ReceivedSpan span, int depth)
    {
        var attributes = string.Join(' ', Shown.Where(name => span[name] is not null).Select(name => $"{name}={span[name]}"));
        text.Append(' ', depth * 2).Append(span.Name).Append(" · ").Append(span.Kind).Append(" · ").Append(span.Service);
        text.Append(attributes.Length > 0 ? "\n" + new string(' ', (depth * 2) + 4) + attributes : "").Append('\n');
        foreach (var below in _spans.Where(other => Above(other)?.Id == span.Id))
        {
            Render(text, below, depth + 1);
        }
    }

    // The span that it came from: a batch's is the one that published it, when that is known.
    private ReceivedSpan? Above(ReceivedSpan span)
    {
        var linked = span.Links.Select(Find).OfType<ReceivedSpan>().ToArray();
        return linked.FirstOrDefault(other => other.Name.StartsWith("publish", StringComparison.Ordinal)) ?? Find(span.ParentId) ?? linked.FirstOrDefault();
    }

    private ReceivedSpan? Find(string id) => id.Length == 0 ? null : _spans.FirstOrDefault(span => span.Id == id);
}
