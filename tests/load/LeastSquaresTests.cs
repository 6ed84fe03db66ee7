using Tertulia.Load.Fitting;

namespace Tertulia.Load.Tests;

public sealed class LeastSquaresTests
{
    [Fact]
    public void A_plane_is_found_exactly()
    {
        double[][] terms = [[1, 2, 1], [1, 10, 1], [1, 100, 2], [1, 1000, 4], [1, 300, 3]];

        var fit = LeastSquares.Solve(terms, [.. terms.Select(term => 500 + 8.5 * term[1] + 40 * term[2])]);

        Assert.Equal(500, fit.Coefficients[0], 6);
        Assert.Equal(8.5, fit.Coefficients[1], 9);
        Assert.Equal(40, fit.Coefficients[2], 6);
        Assert.Equal((0, 0), (Math.Round(fit.TypicalError, 9), Math.Round(fit.LargestError, 9)));
        Assert.Equal(500 + 85 + 80, fit.At(1, 10, 2), 6);
    }

    [Fact]
    public void Errors_count_in_proportion_so_that_small_values_fit_as_well_as_large_ones()
    {
        // Absolute errors would let the last point decide: a line through 2000 that misses 1 by more than itself.
        double[][] terms = [[1, 1], [1, 2], [1, 1000]];
        double[] values = [1, 2, 900];

        var fit = LeastSquares.Solve(terms, values);

        Assert.InRange(fit.At(1, 1), 0.8, 1.2);
        Assert.InRange(fit.LargestError, 0.01, 0.1);
        Assert.True(fit.TypicalError < fit.LargestError);
    }

    [Fact]
    public void A_cost_below_zero_is_left_out_and_the_others_are_fitted_without_it()
    {
        double[][] terms = [[1, 1], [1, 2], [1, 3]];

        var fit = LeastSquares.Solve(terms, [10, 9, 8]);

        Assert.Equal(0, fit.Coefficients[1]);
        Assert.InRange(fit.Coefficients[0], 8, 10);
    }

    [Fact]
    public void A_term_that_says_nothing_new_gets_nothing()
    {
        double[][] terms = [[1, 5, 0], [2, 10, 0], [3, 15, 0]];

        var fit = LeastSquares.Solve(terms, [10, 20, 30]);

        Assert.All(terms, (term, point) => Assert.Equal(10 * (point + 1), fit.At(term), 6));
        Assert.Equal(0, fit.Coefficients[2]);
    }

    [Fact]
    public void Below_the_floor_only_absolute_errors_count()
    {
        double[][] terms = [[1, 0], [1, 1], [1, 2]];

        var fit = LeastSquares.Solve(terms, [0, 0.5, 1], floor: 0.1);

        Assert.Equal(0.5, fit.Coefficients[1], 6);
        Assert.True(double.IsFinite(fit.LargestError));
    }
}
