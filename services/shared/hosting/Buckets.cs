using System.Diagnostics.Metrics;

namespace Tertulia.Hosting;

/// <summary>Bounds of the buckets of histograms. Those of OpenTelemetry, 0 to 10,000, are of no use for seconds.</summary>
public static class Buckets
{
    /// <summary>Of what usually takes milliseconds, in seconds: those of the semantic conventions, and finer ones below.</summary>
    public static InstrumentAdvice<double> Seconds { get; } = new()
    {
        HistogramBucketBoundaries = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
    };

    /// <summary>Of what usually takes seconds.</summary>
    public static InstrumentAdvice<double> LongSeconds { get; } = new()
    {
        HistogramBucketBoundaries = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60, 120, 300],
    };

    /// <summary>Of how many go together.</summary>
    public static InstrumentAdvice<int> Counts { get; } = new()
    {
        HistogramBucketBoundaries = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000],
    };
}
