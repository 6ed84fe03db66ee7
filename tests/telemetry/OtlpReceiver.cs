using System.Collections.Concurrent;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Tertulia.Telemetry.Tests.Otlp;

namespace Tertulia.Telemetry.Tests;

/// <summary>Takes what processes push by OTLP over HTTP, and keeps it.</summary>
internal sealed class OtlpReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<ReceivedSpan> _spans = [];
    private readonly ConcurrentQueue<Metric> _metrics = [];
    private readonly ConcurrentQueue<LogRecord> _logs = [];
    private readonly ConcurrentQueue<byte[]> _bodies = [];

    private OtlpReceiver(WebApplication app) => _app = app;

    /// <summary>Every span so far.</summary>
    public IReadOnlyCollection<ReceivedSpan> Spans => _spans;

    /// <summary>Every metric of every export so far.</summary>
    public IReadOnlyCollection<Metric> Metrics => _metrics;

    /// <summary>Every log line so far.</summary>
    public IReadOnlyCollection<LogRecord> Logs => _logs;

    /// <summary>Where to push.</summary>
    public string Url => _app.Urls.Single();

    /// <summary>Variables for who pushes here, soon after it happened.</summary>
    public Dictionary<string, string> Environment => new()
    {
        ["OTEL_EXPORTER_OTLP_ENDPOINT"] = Url,
        ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
        ["OTEL_BSP_SCHEDULE_DELAY"] = "200",
        ["OTEL_BLRP_SCHEDULE_DELAY"] = "200",
        ["OTEL_METRIC_EXPORT_INTERVAL"] = "1000",
    };

    /// <summary>Starts on a free port.</summary>
    public static async Task<OtlpReceiver> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var receiver = new OtlpReceiver(builder.Build());
        receiver._app.MapPost("/v1/{signal}", receiver.ReceiveAsync);
        await receiver._app.StartAsync();
        return receiver;
    }

    /// <summary>Whether a text is anywhere in what came.</summary>
    public bool Contains(string text)
    {
        var wanted = System.Text.Encoding.UTF8.GetBytes(text);
        return _bodies.Any(body => body.AsSpan().IndexOf(wanted) >= 0);
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task<IResult> ReceiveAsync(string signal, HttpRequest request)
    {
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body);
        var bytes = body.ToArray();
        _bodies.Enqueue(bytes);
        switch (signal)
        {
            case "traces":
                Keep(TracesRequest.Parser.ParseFrom(bytes));
                break;
            case "metrics":
                foreach (var metric in MetricsRequest.Parser.ParseFrom(bytes).ResourceMetrics
                    .SelectMany(resource => resource.ScopeMetrics).SelectMany(scope => scope.Metrics))
                {
                    _metrics.Enqueue(metric);
                }

                break;
            case "logs":
                foreach (var log in LogsRequest.Parser.ParseFrom(bytes).ResourceLogs
                    .SelectMany(resource => resource.ScopeLogs).SelectMany(scope => scope.LogRecords))
                {
                    _logs.Enqueue(log);
                }

                break;
        }

        return Results.Bytes([], "application/x-protobuf");
    }

    private void Keep(TracesRequest request)
    {
        foreach (var resource in request.ResourceSpans)
        {
            var attributes = resource.Resource.Attributes.ToDictionary(attribute => attribute.Key, attribute => attribute.Value.StringValue);
            foreach (var scope in resource.ScopeSpans)
            {
                foreach (var span in scope.Spans)
                {
                    _spans.Enqueue(new ReceivedSpan(attributes["service.name"], attributes["service.instance.id"], scope.SchemaUrl, span));
                }
            }
        }
    }
}

/// <summary>A span and who recorded it.</summary>
internal sealed record ReceivedSpan(string Service, string Instance, string SchemaUrl, Span Span)
{
    private static readonly string[] Kinds = ["", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];

    public string Name => Span.Name;

    public string TraceId => Hex(Span.TraceId);

    public string Id => Hex(Span.SpanId);

    public string ParentId => Hex(Span.ParentSpanId);

    public string Kind => Kinds[Span.Kind];

    /// <summary>Ids of the spans that it is linked to.</summary>
    public IReadOnlyList<string> Links => [.. Span.Links.Select(link => Hex(link.SpanId))];

    /// <summary>An attribute as text; null when it has none of this name.</summary>
    public string? this[string name] => Span.Attributes.FirstOrDefault(attribute => attribute.Key == name)?.Value switch
    {
        null => null,
        { ValueCase: AnyValue.ValueOneofCase.IntValue } number => number.IntValue.ToString(System.Globalization.CultureInfo.InvariantCulture),
        var text => text.StringValue,
    };

    public static string Hex(ByteString id) => Convert.ToHexStringLower(id.Span);
}
