using System.Text.Json;
using Tertulia.Load.Growing;
using Tertulia.Load.Measuring;
using Tertulia.Load.Reporting;
using Tertulia.Load.Traffic;

namespace Tertulia.Load.Tests;

/// <summary>Points of a server whose costs are known: what is fitted, drawn and written must say the same.</summary>
public sealed class GrowthTests
{
    private const double PerMessage = 300e-6;
    private const double PerDelivery = 10e-6;
    private const double Seconds = 5;
    private static readonly Machine ThisMachine = new(2, "test", 1, "test", new Dictionary<string, string>());
    private readonly GrowthReport _report = new([new Session("./dev bench growth", "abc", default)], ThisMachine,
        [.. Curve.All.SelectMany(curve => curve.Points.Where(point => curve.Fits(point, "allinone")).Select(point => Measured(curve, point)))]);

    [Fact]
    public void The_line_through_members_has_the_cost_of_a_message_and_of_a_delivery()
    {
        var curve = Curve.All.Single(curve => curve.Name == "members");

        var fit = CurveFit.OfCpu(curve, "allinone", _report.Of(curve, "allinone"))!;

        Assert.Equal(PerDelivery * 1e6, fit.Fit.Coefficients[1], 0.5);
        Assert.InRange(fit.Fit.LargestError, 0, 0.1);
        Assert.Equal(fit.Line(100) + 100 * fit.Fit.Coefficients[1], fit.Line(200), 6);
    }

    [Fact]
    public void One_formula_finds_what_each_thing_costs()
    {
        var kind = SizeModel.Of("allinone", _report)!.Kinds.Single();

        Assert.Equal(PerMessage * 1e6, kind.Cpu.Coefficients[1] * 1e6 + kind.Cpu.Coefficients[2] * 1e6, 5.0);
        Assert.Equal(PerDelivery * 1e6, kind.Cpu.Coefficients[3] * 1e6, 0.5);
        Assert.Equal(16, kind.Memory!.Coefficients[1] * 1024 / 1000, 0.1);
        Assert.Equal(1000 * PerMessage + 20_000 * PerDelivery, kind.Cores(new Demand("", 0, 1000, 20, 100), 1), 0.05);
    }

    [Fact]
    public void A_point_that_lost_something_is_not_fitted()
    {
        var curve = Curve.All.Single(curve => curve.Name == "members");
        var points = _report.Of(curve, "allinone");
        var lossy = points[^1] with { Window = points[^1].Window! with { Lost = 7 } };

        Assert.Equal(points.Count - 1, CurveFit.Usable([.. points.SkipLast(1), lossy]).Count);
    }

    [Fact]
    public void Results_are_read_as_they_were_written()
    {
        var text = JsonSerializer.Serialize(_report, Report.Json);

        Assert.Equal(_report.Table(), JsonSerializer.Deserialize<GrowthReport>(text, Report.Json)!.Table());
        Assert.True(_report.Has(Curve.All[0], "allinone", Curve.All[0].Points[0]));
        Assert.False(_report.Has(Curve.All[0], "cluster", Curve.All[0].Points[0]));
    }

    [Fact]
    public void The_page_keeps_what_people_wrote_and_gets_what_is_computed()
    {
        const string Page = "before\n<!-- computed by ./dev bench plot: begin -->\nold\n<!-- computed by ./dev bench plot: end -->\nafter\n";

        var filled = CapacityPage.Fill(Page, _report);

        Assert.StartsWith("before\n", filled, StringComparison.Ordinal);
        Assert.EndsWith("-->\nafter\n", filled, StringComparison.Ordinal);
        Assert.DoesNotContain("old", filled, StringComparison.Ordinal);
        Assert.Contains("| connections | Tertulia all-in-one | resident MiB | 100.0 + 15.6 per 1,000 connections | 0% | 0% | 4 |", filled, StringComparison.Ordinal);
        Assert.Equal(filled, CapacityPage.Fill(filled, _report));
        Assert.Throws<InvalidDataException>(() => CapacityPage.Fill("no marks", _report));
    }

    [Fact]
    public void Every_curve_is_drawn()
    {
        foreach (var curve in Curve.All.Where(curve => curve.Contenders.Contains("allinone")))
        {
            Assert.Contains(curve.Axis, CurvePlot.Of(curve, _report).ToSvg(), StringComparison.Ordinal);
        }

        Assert.Contains("not measured yet", CurvePlot.Of(Curve.All.Single(curve => curve.Name == "nodes"), _report).ToSvg(), StringComparison.Ordinal);
    }

    [Fact]
    public void Nobody_is_twice_in_one_room_and_all_rooms_are_full()
    {
        foreach (var shape in Curve.All.SelectMany(curve => curve.Points).Select(point => point.Shape).Where(shape => shape.Rooms <= 10_000))
        {
            using var crowd = new Crowd(shape, new Dialects.TertuliaDialect(), [1], new CrowdIdentity(), CancellationToken.None);

            Assert.All(crowd.Rooms, room => Assert.Equal(shape.Members, room.Members.Select(member => member.Number).Distinct().Count()));
            Assert.Equal(shape.Clients, crowd.Rooms.SelectMany(room => room.Members).Count(member => !member.IsCarried));
        }
    }

    private static GrowthPoint Measured(Curve curve, CurvePoint point)
    {
        var (messages, members) = (point.Rate * Seconds, point.Shape.Members);
        var memory = new Dictionary<string, long> { ["allinone"] = (long)((100 << 20) + point.Shape.Clients * 16.0 * 1024) };
        var cpu = new Dictionary<string, double> { ["allinone"] = messages * (PerMessage + members * PerDelivery) + (curve.IsIdle ? point.X * 1e-6 : 0) };
        return curve.IsIdle
            ? new GrowthPoint(curve.Name, "allinone", point.X, point.Shape, 1, null, new IdleWindow(Seconds, cpu), memory)
            : new GrowthPoint(curve.Name, "allinone", point.X, point.Shape, 1,
                new Window(point.Rate, Seconds, (long)messages, (long)(messages * members), new Percentiles(1, 2, 3, 4, 5), null, cpu, 0, 0, 0, 0, 0, [], 0, null), null, memory);
    }
}
