using Tertulia.Load.Contenders;
using Tertulia.Load.Plotting;

namespace Tertulia.Load.Growing;

/// <summary>Draws a curve.</summary>
internal static class CurvePlot
{
    private const int FitSteps = 60;

    /// <summary>The plot of a curve; one that says so when nothing of it was measured.</summary>
    public static Plot Of(Curve curve, GrowthReport report)
    {
        var rows = curve.Contenders.Select(name => (Name: name, Colour: name == "cluster" ? 1 : 0, Points: report.Of(curve, name))).Where(row => row.Points.Count > 0).ToArray();
        if (rows.Length == 0)
        {
            return new Plot(curve.Title, []);
        }

        Series Line(string contender, string suffix, int colour, bool isDashed, IReadOnlyList<GrowthPoint> points, Func<GrowthPoint, double> value) =>
            new(Lineup.Titles[contender] + suffix, colour, isDashed, [.. points.Select(point => (point.X, value(point)))]);
        Panel One(string title, Func<GrowthPoint, double> value, Func<string, IReadOnlyList<GrowthPoint>, CurveFit?>? fit = null) => new(title, curve.Axis,
        [
            .. rows.Select(row => fit?.Invoke(row.Name, row.Points) is { } line ? FitLine(line, row.Colour, row.Points) : null).OfType<Series>(),
            .. rows.Select(row => Line(row.Name, "", row.Colour, false, row.Points, value)),
        ]);

        return curve.IsIdle
            ? new Plot(curve.Title,
            [
                One("CPU, % of a core (dotted: fit)", point => 100 * point.Idle!.CoresUsed, (name, points) => CurveFit.OfCpu(curve, name, points)),
                One("resident MiB (dotted: fit)", point => point.ResidentMebibytes, (name, points) => CurveFit.OfMemory(curve, name, points)),
                One("resident KiB per connection, all of it", point => point.ResidentMebibytes * 1024 / point.X),
            ])
            : new Plot(curve.Title,
            [
                One("CPU µs per message (dotted: fit)", point => point.Window!.CpuMicrosPerMessage, (name, points) => CurveFit.OfCpu(curve, name, points)),
                One("CPU µs per delivery", point => point.Window!.CpuMicrosPerDelivery),
                new Panel("latency, ms", curve.Axis,
                [
                    .. rows.SelectMany(row => (Series[])
                    [
                        Line(row.Name, ", p50", row.Colour, false, row.Points, point => point.Window!.Latency?.P50 ?? 0),
                        Line(row.Name, ", p99", row.Colour, true, row.Points, point => point.Window!.Latency?.P99 ?? 0),
                    ]),
                ]),
            ]);
    }

    private static Series FitLine(CurveFit fit, int colour, IReadOnlyList<GrowthPoint> points)
    {
        // By equal factors: a straight line is none where the axis is logarithmic.
        var (first, factor) = (points[0].X, Math.Pow(points[^1].X / points[0].X, 1.0 / FitSteps));
        return new Series("", colour, false, [.. Enumerable.Range(0, FitSteps + 1).Select(step => first * Math.Pow(factor, step)).Select(x => (x, fit.Line(x)))]) { IsFit = true };
    }
}
