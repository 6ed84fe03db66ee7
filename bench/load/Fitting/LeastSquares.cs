namespace Tertulia.Load.Fitting;

/// <summary>A sum of terms fitted to points.</summary>
/// <param name="Coefficients">One for each term.</param>
/// <param name="TypicalError">Root of the mean square of the relative errors.</param>
/// <param name="LargestError">The largest relative error.</param>
/// <param name="Points">Points that it was fitted to.</param>
internal sealed record Fit(IReadOnlyList<double> Coefficients, double TypicalError, double LargestError, int Points)
{
    /// <summary>What it says for these terms.</summary>
    public double At(params double[] terms) => Coefficients.Zip(terms, (coefficient, term) => coefficient * term).Sum();
}

/// <summary>Linear least squares of relative errors: a curve over three decades is to fit at both ends.</summary>
internal static class LeastSquares
{
    /// <summary>Fits the coefficients of a sum of terms. Costs are not below zero: a term whose coefficient would be is left out.</summary>
    /// <param name="terms">For each point its terms; a constant one is a 1.</param>
    /// <param name="values">For each point what was measured, above 0.</param>
    /// <param name="floor">Added to each value before an error is divided by it, so that the smallest ones, of which only the rounding is seen, do not rule.</param>
    public static Fit Solve(IReadOnlyList<double[]> terms, IReadOnlyList<double> values, double floor = 0)
    {
        var weights = values.Select(value => 1 / (value + floor)).ToArray();
        var used = Enumerable.Range(0, terms[0].Length).ToList();
        double[] solution;
        while ((solution = SolveNormal(terms, values, weights, used)).Length > 0 && solution.Min() is var lowest && lowest < 0)
        {
            used.RemoveAt(Array.IndexOf(solution, lowest));
        }

        var coefficients = new double[terms[0].Length];
        for (var i = 0; i < used.Count; i++)
        {
            coefficients[used[i]] = solution[i];
        }

        var fit = new Fit(coefficients, 0, 0, values.Count);
        var errors = values.Select((value, point) => Math.Abs(fit.At(terms[point]) - value) * weights[point]).ToArray();
        return fit with { TypicalError = Math.Sqrt(errors.Sum(error => error * error) / errors.Length), LargestError = errors.Max() };
    }

    /// <summary>The normal equations of the terms that are used, by elimination with the largest pivot.</summary>
    private static double[] SolveNormal(IReadOnlyList<double[]> terms, IReadOnlyList<double> values, double[] weights, List<int> used)
    {
        // Each term by its largest value, so that a count of connections and a constant 1 are of one size.
        var sizes = used.Select(term => terms.Max(point => Math.Abs(point[term]))).Select(size => size == 0 ? 1 : size).ToArray();
        var n = used.Count;
        var matrix = new double[n, n + 1];
        for (var point = 0; point < values.Count; point++)
        {
            var weight = weights[point] * weights[point];
            for (var row = 0; row < n; row++)
            {
                var left = terms[point][used[row]] / sizes[row] * weight;
                for (var column = 0; column < n; column++)
                {
                    matrix[row, column] += left * terms[point][used[column]] / sizes[column];
                }

                matrix[row, n] += left * values[point];
            }
        }

        for (var step = 0; step < n; step++)
        {
            Swap(matrix, step, Enumerable.Range(step, n - step).MaxBy(row => Math.Abs(matrix[row, step])));
            for (var row = 0; row < n; row++)
            {
                // A term that says nothing new has no pivot: it gets nothing.
                var factor = row == step || Math.Abs(matrix[step, step]) < 1e-12 ? 0 : matrix[row, step] / matrix[step, step];
                for (var column = step; column <= n && factor != 0; column++)
                {
                    matrix[row, column] -= factor * matrix[step, column];
                }
            }
        }

        return [.. Enumerable.Range(0, n).Select(row => Math.Abs(matrix[row, row]) < 1e-12 ? 0 : matrix[row, n] / matrix[row, row] / sizes[row])];
    }

    private static void Swap(double[,] matrix, int first, int second)
    {
        for (var column = 0; column < matrix.GetLength(1); column++)
        {
            (matrix[first, column], matrix[second, column]) = (matrix[second, column], matrix[first, column]);
        }
    }
}
