using Tertulia.Load.Measuring;
using Tertulia.Load.Reporting;
using Tertulia.Load.Scenarios;

namespace Tertulia.Load.Tests;

public sealed class ReportTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tertulia-report-").FullName;
    private readonly Report _report = new(
        [new Session("./dev bench", "abc", default)], new Machine(2, "test", 1, "test", new Dictionary<string, string>()), Scenario.All,
        [Ramp("allinone", 1, 6000), Ramp("allinone", 2, 8000), Ramp("allinone", 3, 7000), Ramp("cluster", 1, null), Check(violations: 0), Check(violations: 2)]);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_table_that_is_resumed_is_the_table_that_was_written()
    {
        _report.Write(_folder, "table");

        var read = Report.Read(_folder, "table")!;

        Assert.Equal(_report.Table(), read.Table());
        Assert.True(read.Has(Scenario.All.Single(scenario => scenario.Name == "ramp-fanout"), "allinone", 3));
        Assert.False(read.Has(Scenario.All.Single(scenario => scenario.Name == "ramp-fanout"), "allinone", 4));
        Assert.Null(Report.Read(_folder, "another"));
    }

    [Fact]
    public void A_check_runs_at_the_median_of_the_rates_that_its_ramp_found()
    {
        var check = Scenario.All.Single(scenario => scenario.Name == "check-fanout");

        Assert.Equal(7000, _report.HighestRate(check.Ramp, "allinone"));
        Assert.Null(_report.HighestRate(check.Ramp, "cluster"));
        Assert.True(check.IsFor("cluster"));
        Assert.False(check.IsFor("signalr"));
    }

    [Fact]
    public void The_table_has_medians_with_their_spread_and_the_verdict_of_each_check()
    {
        var table = _report.Table();

        Assert.Contains("| Tertulia all-in-one | 7000 (6000–8000) | 700000 |", table, StringComparison.Ordinal);
        Assert.Contains("| Tertulia cluster | none held |", table, StringComparison.Ordinal);
        Assert.Contains("| 0 | **passes** |", table, StringComparison.Ordinal);
        Assert.Contains("| 2 | fails: one; two |", table, StringComparison.Ordinal);
    }

    private static Measurement Ramp(string contender, int repeat, double? rate) =>
        new("ramp-fanout", contender, repeat, default, 500, 5, 100, rate is { } held ? Window(held) : null, null, [Window(100)]);

    private static Measurement Check(int violations) =>
        new("check-fanout", "allinone", 3, default, 500, 5, 100, Window(7000), null, null, new CheckResult(10, 10, 1000, 0, 10, violations, violations == 0 ? [] : ["one", "two"]));

    private static Window Window(double rate) => new(
        rate, 1, (long)rate, (long)rate * 100, new Percentiles(1, 2, 3, 4, 5), null, new Dictionary<string, double> { ["allinone"] = 1 }, 0, 0, 0, 0, 0, [], 0.5, null);
}
