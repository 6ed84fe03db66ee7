using System.Text.RegularExpressions;
using Tertulia.Testing;

namespace Tertulia.Chart.Tests;

/// <summary>Which metrics there are to ask Prometheus for, and which ones an expression asks for.</summary>
internal static partial class MetricNames
{
    /// <summary>What RabbitMQ's plugin rabbitmq_prometheus says of itself. Not ours: this list was compared with a broker's <c>/metrics</c>.</summary>
    public static IReadOnlySet<string> OfRabbitMq { get; } = new HashSet<string>(StringComparer.Ordinal)
    {
        "rabbitmq_alarms_free_disk_space_watermark", "rabbitmq_alarms_memory_used_watermark", "rabbitmq_connections", "rabbitmq_connections_closed_total",
        "rabbitmq_connections_opened_total", "rabbitmq_disk_space_available_bytes", "rabbitmq_disk_space_available_limit_bytes",
        "rabbitmq_global_messages_dead_lettered_maxlen_total", "rabbitmq_global_messages_delivered_total", "rabbitmq_global_messages_received_total",
        "rabbitmq_global_messages_unroutable_returned_total", "rabbitmq_process_max_fds", "rabbitmq_process_open_fds",
        "rabbitmq_process_resident_memory_bytes", "rabbitmq_queue_messages_ready", "rabbitmq_queue_messages_unacked", "rabbitmq_queues",
        "rabbitmq_resident_memory_limit_bytes",
    };

    /// <summary>Of the runtime, the process, the HTTP server: AlertTests finds each of them at real processes.</summary>
    public static IReadOnlySet<string> OfTheRuntime { get; } = new HashSet<string>(StringComparer.Ordinal)
    {
        "dotnet_exceptions_total", "dotnet_gc_heap_total_allocated_bytes_total", "dotnet_gc_last_collection_heap_size_bytes", "dotnet_gc_pause_time_seconds_total",
        "dotnet_monitor_lock_contentions_total", "dotnet_thread_pool_queue_length_total", "http_server_request_duration_seconds_bucket",
        "http_server_request_duration_seconds_count", "kestrel_active_connections", "process_cpu_time_seconds_total", "process_memory_usage_bytes",
        "process_thread_count", "process_unix_file_descriptor_count",
    };

    /// <summary>Instruments of <c>docs/metrics.md</c>, which tests/architecture holds against the code, by the names that the exporter makes of them.</summary>
    public static IReadOnlySet<string> OfTheProduct { get; } = Listed().Matches(File.ReadAllText(Path.Combine(Repository.Root, "docs/metrics.md")))
        .SelectMany(row => Exported(row.Groups["name"].Value, row.Groups["unit"].Value, row.Groups["kind"].Value)).ToHashSet(StringComparer.Ordinal);

    /// <summary>Metrics that an expression of PromQL names.</summary>
    public static IReadOnlyList<string> In(string expression)
    {
        var bare = Aside().Replace(expression, " ");
        return [.. Identifier().Matches(bare).Select(match => match.Groups["name"].Value).Where(name => !Words.Contains(name)).Distinct(StringComparer.Ordinal)];
    }

    private static readonly HashSet<string> Words = new(StringComparer.Ordinal) { "and", "or", "unless", "bool", "offset", "by", "on", "without", "ignoring", "group_left", "group_right" };

    private static string[] Exported(string instrument, string unit, string kind)
    {
        var name = instrument.Replace('.', '_');
        var suffix = unit switch { "s" => "_seconds", "ms" => "_milliseconds", "By" => "_bytes", _ => "" };
        name += name.EndsWith(suffix, StringComparison.Ordinal) ? "" : suffix;
        return kind switch
        {
            "counter" => [name + "_total"],
            "histogram" => [name + "_bucket", name + "_sum", name + "_count"],
            _ => [name],
        };
    }

    [GeneratedRegex(@"^\| `(?<name>[^`]+)` \| `(?<unit>[^`]+)` \| (?<kind>[a-z -]+) \|", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Listed();

    // Matchers, ranges, texts, and the labels of by (...) and on (...).
    [GeneratedRegex("""\{[^}]*\}|\[[^\]]*\]|"[^"]*"|\b(by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)""", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Aside();

    [GeneratedRegex(@"(?<![\w.])(?<name>[a-zA-Z_]\w*)\b(?!\s*\()", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Identifier();
}
