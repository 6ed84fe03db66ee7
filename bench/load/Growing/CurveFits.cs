using System.Globalization;
using Tertulia.Load.Contenders;
using Tertulia.Load.Fitting;

namespace Tertulia.Load.Growing;

/// <summary>A straight line through a curve: what is always there, and what each step costs.</summary>
/// <param name="Figure">What is fitted, with its unit.</param>
/// <param name="Fit">Constant and slope.</param>
/// <param name="Line">The fitted figure at a place on the axis, as the plot draws it.</param>
/// <param name="Text">The formula.</param>
internal sealed record CurveFit(Curve Curve, string Contender, string Figure, Fit Fit, Func<double, double> Line, string Text)
{
    private const int FewestPoints = 3;

    /// <summary>CPU of a curve; null with too few points.</summary>
    public static CurveFit? OfCpu(Curve curve, string contender, IReadOnlyList<GrowthPoint> points) => Usable(points) is { Count: >= FewestPoints } usable
        ? curve switch
        {
            { IsIdle: true } => Of(curve, contender, "CPU, % of a core", usable, point => 100 * point.Idle!.CoresUsed, "0.00"),
            { Name: "rate" } => OfRate(curve, contender, usable),
            _ => Of(curve, contender, "CPU µs per message", usable, point => point.Window!.CpuMicrosPerMessage, "0.0"),
        }
        : null;

    /// <summary>Memory of a curve; null with too few points.</summary>
    public static CurveFit? OfMemory(Curve curve, string contender, IReadOnlyList<GrowthPoint> points) => Usable(points) is { Count: >= FewestPoints } usable
        ? Of(curve, contender, "resident MiB", usable, point => point.ResidentMebibytes, "0.0")
        : null;

    /// <summary>Points that say something: where messages were lost, less work was done.</summary>
    public static IReadOnlyList<GrowthPoint> Usable(IReadOnlyList<GrowthPoint> points) => [.. points.Where(point => point.Window?.IsClean ?? true)];

    /// <summary>A row of the table of fits.</summary>
    public string Row() => string.Create(
        CultureInfo.InvariantCulture,
        $"| {Curve.Name} | {Lineup.Titles[Contender]} | {Figure} | {Text} | {Fit.TypicalError:0%} | {Fit.LargestError:0%} | {Fit.Points} |");

    private static CurveFit Of(
        Curve curve, string contender, string figure, IReadOnlyList<GrowthPoint> points, Func<GrowthPoint, double> value, string format)
    {
        var fit = LeastSquares.Solve([.. points.Select(point => (double[])[1, point.X / curve.Unit])], [.. points.Select(value)]);
        var text = $"{fit.Coefficients[0].ToString(format, CultureInfo.InvariantCulture)} + {fit.Coefficients[1].ToString(format, CultureInfo.InvariantCulture)} per {curve.Per}";
        return new CurveFit(curve, contender, figure, fit, x => fit.At(1, x / curve.Unit), text);
    }

    /// <summary>Cores by rate are a line; the cost of one message falls with the rate.</summary>
    private static CurveFit OfRate(Curve curve, string contender, IReadOnlyList<GrowthPoint> points)
    {
        var fit = LeastSquares.Solve(
            [.. points.Select(point => (double[])[1, point.Window!.Messages / point.Seconds])], [.. points.Select(point => point.Window!.CoresUsed)]);
        return new CurveFit(
            curve, contender, "CPU µs per message", fit, rate => 1e6 * fit.At(1, rate) / rate,
            string.Create(CultureInfo.InvariantCulture, $"{1e6 * fit.Coefficients[1]:0.0} + {1e6 * fit.Coefficients[0]:0} / messages/s"));
    }
}
