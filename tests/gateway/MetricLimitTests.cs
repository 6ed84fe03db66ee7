using System.Diagnostics.Metrics;
using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;
using Tertulia.Hosting;
using Tertulia.Testing;

namespace Tertulia.Gateway.Tests;

/// <summary>Instruments keep places for the tags that they can have, and no series of theirs is lost.</summary>
public sealed class MetricLimitTests : IAsyncLifetime
{
    private readonly Meter _ours = new("Tertulia.Limits");
    private readonly Meter _calls = new("Tertulia.Rpc");
    private readonly Meter _requests = new("Microsoft.AspNetCore.Hosting");
    private readonly string _url = $"http://127.0.0.1:{FreePorts.Next()}";
    private WebApplication _app = null!;

    public async Task InitializeAsync()
    {
        var builder = WebApplication.CreateBuilder([$"--urls={_url}", "--Internal:OpenMetrics=true", $"--Internal:Secret={TestNode.Secret}"]);
        builder.AddDefaults("gateway");
        builder.Logging.ClearProviders();
        _app = builder.Build();
        _app.MapDefaults();
        await _app.StartAsync();
    }

    public async Task DisposeAsync()
    {
        await _app.DisposeAsync();
        _ours.Dispose();
        _calls.Dispose();
        _requests.Dispose();
    }

    [Fact]
    public async Task Series_are_counted_apart_as_far_as_there_may_be_any()
    {
        Count(_ours.CreateCounter<long>("of.ours"), tagSets: 250);
        Count(_calls.CreateCounter<long>("of.calls"), tagSets: 1_500);
        Count(_requests.CreateCounter<long>("of.requests"), tagSets: 1_500);

        var series = await SeriesAsync();

        Assert.Equal(250, series.Count(line => line.StartsWith("of_ours_total{", StringComparison.Ordinal)));
        Assert.Equal(1_500, series.Count(line => line.StartsWith("of_calls_total{", StringComparison.Ordinal)));
        Assert.Equal(1_500, series.Count(line => line.StartsWith("of_requests_total{", StringComparison.Ordinal)));
        Assert.DoesNotContain(series, line => line.Contains("otel_metric_overflow", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Tags_that_nobody_thought_of_are_counted_together_and_take_no_memory()
    {
        Count(_ours.CreateCounter<long>("of.ours"), tagSets: 1_000);

        var series = await SeriesAsync();

        var overflow = Assert.Single(series, line => line.Contains("otel_metric_overflow", StringComparison.Ordinal));
        var apart = series.Count(line => line.StartsWith("of_ours_total{", StringComparison.Ordinal)) - 1;
        Assert.InRange(apart, 250, 300);
        Assert.Equal(1_000 - apart, double.Parse(overflow.Split(' ')[1], CultureInfo.InvariantCulture));
    }

    private static void Count(Counter<long> counter, int tagSets)
    {
        for (var i = 0; i < tagSets; i++)
        {
            counter.Add(1, new KeyValuePair<string, object?>("one", i));
        }
    }

    private async Task<string[]> SeriesAsync()
    {
        using var http = new HttpClient();
        return (await http.GetStringAsync(new Uri($"{_url}/metrics"))).Split('\n');
    }
}
