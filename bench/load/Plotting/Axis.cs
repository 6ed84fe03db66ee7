using System.Globalization;

namespace Tertulia.Load.Plotting;

/// <summary>One direction of a plot: from values to pixels, and where the marks stand.</summary>
internal sealed class Axis
{
    private const double LogarithmicFrom = 20;
    private const int WantedMarks = 5;
    private readonly double _low;
    private readonly double _high;

    private Axis(double low, double high, bool isLogarithmic, IReadOnlyList<double> marks) =>
        (_low, _high, IsLogarithmic, Marks) = (low, high, isLogarithmic, marks);

    /// <summary>Whether equal factors are equal distances.</summary>
    public bool IsLogarithmic { get; }

    /// <summary>Values that are written on the axis.</summary>
    public IReadOnlyList<double> Marks { get; }

    /// <summary>An axis for these values: logarithmic when they span more than a decade, else from 0.</summary>
    public static Axis For(IEnumerable<double> values)
    {
        var all = values.Where(double.IsFinite).DefaultIfEmpty(1).ToArray();
        var (lowest, highest) = (all.Min(), all.Max());
        return lowest > 0 && highest / lowest >= LogarithmicFrom ? Logarithmic(lowest, highest) : Linear(highest);
    }

    /// <summary>0 at its beginning, 1 at its end.</summary>
    public double Place(double value) => IsLogarithmic
        ? (Math.Log10(Math.Max(value, _low)) - Math.Log10(_low)) / (Math.Log10(_high) - Math.Log10(_low))
        : (value - _low) / (_high - _low);

    /// <summary>A mark's text: 1500 is 1.5k.</summary>
    public static string Text(double value) => value switch
    {
        >= 1e6 => (value / 1e6).ToString("0.##", CultureInfo.InvariantCulture) + "M",
        >= 1e3 => (value / 1e3).ToString("0.##", CultureInfo.InvariantCulture) + "k",
        _ => value.ToString("0.####", CultureInfo.InvariantCulture),
    };

    private static Axis Logarithmic(double lowest, double highest)
    {
        // A little air, then whole decades are too much for short spans: 1, 2 and 5 of each.
        var (low, high) = (lowest / 1.25, highest * 1.25);
        double[] steps = Math.Log10(high / low) > 2.5 ? [1] : [1, 2, 5];
        var marks =
            from decade in Enumerable.Range((int)Math.Floor(Math.Log10(low)), (int)Math.Ceiling(Math.Log10(high / low)) + 2)
            from step in steps
            let mark = step * Math.Pow(10, decade)
            where mark >= low && mark <= high
            select mark;
        return new Axis(low, high, true, [.. marks]);
    }

    private static Axis Linear(double highest)
    {
        var wanted = Math.Max(highest, 1e-9) / WantedMarks;
        var decade = Math.Pow(10, Math.Floor(Math.Log10(wanted)));
        var step = decade * ((double[])[1, 2, 5, 10]).First(factor => factor * decade >= wanted * 0.999);
        var count = Math.Max(1, (int)Math.Ceiling(highest * 1.02 / step));
        return new Axis(0, count * step, false, [.. Enumerable.Range(0, count + 1).Select(number => number * step)]);
    }
}
