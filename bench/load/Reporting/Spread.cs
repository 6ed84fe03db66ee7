using System.Globalization;

namespace Tertulia.Load.Reporting;

/// <summary>What repeats of one figure say.</summary>
internal sealed record Spread(double Median, double Lowest, double Highest, int Count)
{
    /// <returns>Null without figures.</returns>
    public static Spread? Of(IEnumerable<double> figures)
    {
        var sorted = figures.Order().ToArray();
        if (sorted.Length == 0)
        {
            return null;
        }

        var middle = sorted.Length / 2;
        var median = sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
        return new Spread(median, sorted[0], sorted[^1], sorted.Length);
    }

    /// <summary>The median; of several, with the lowest and the highest.</summary>
    public string Text(string format)
    {
        var median = Median.ToString(format, CultureInfo.InvariantCulture);
        return Count == 1
            ? median
            : $"{median} ({Lowest.ToString(format, CultureInfo.InvariantCulture)}–{Highest.ToString(format, CultureInfo.InvariantCulture)})";
    }
}
