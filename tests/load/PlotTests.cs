using System.Globalization;
using System.Xml.Linq;
using Tertulia.Load.Plotting;

namespace Tertulia.Load.Tests;

public sealed class PlotTests
{
    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    [Fact]
    public void An_axis_is_logarithmic_from_a_little_more_than_a_decade()
    {
        var members = Axis.For([2, 5, 1000]);
        var nodes = Axis.For([1, 2, 3, 4]);

        Assert.True(members.IsLogarithmic);
        Assert.Equal([10, 100, 1000], members.Marks);
        Assert.Equal(members.Place(100) - members.Place(10), members.Place(1000) - members.Place(100), 9);
        Assert.False(nodes.IsLogarithmic);
        Assert.Equal([0, 1, 2, 3, 4, 5], nodes.Marks);
        Assert.Equal(0, nodes.Place(0));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.003)]
    [InlineData(7)]
    [InlineData(123_456)]
    public void Every_value_lies_on_its_axis(double highest)
    {
        var axis = Axis.For([highest / 2, highest]);

        Assert.InRange(axis.Place(highest / 2), 0, 1);
        Assert.InRange(axis.Place(highest), 0, 1);
        Assert.InRange(axis.Marks.Count, 2, 8);
    }

    [Theory]
    [InlineData(0.05, "0.05")]
    [InlineData(30, "30")]
    [InlineData(1500, "1.5k")]
    [InlineData(2_000_000, "2M")]
    public void Marks_are_short(double value, string text) => Assert.Equal(text, Axis.Text(value));

    [Fact]
    public void A_plot_is_a_document_with_a_line_and_points_for_each_series_where_the_axes_say()
    {
        var series = new Series("one & only", 0, false, [(1, 10), (10, 40), (100, 20)]);
        var fit = new Series("", 0, false, [(1, 10), (100, 20)]) { IsFit = true };

        var document = XDocument.Parse(new Plot("A <title>", [new Panel("µs", "rooms", [fit, series])]).ToSvg());

        var root = document.Root!;
        Assert.Equal("A <title>", root.Attribute("aria-label")!.Value);
        Assert.Contains(root.Elements(Svg + "text"), text => text.Value == "one & only");
        Assert.Contains(root.Elements(Svg + "text"), text => text.Value == "rooms");
        Assert.Single(root.Elements(Svg + "path"), path => path.Attribute("class")!.Value.StartsWith("fit", StringComparison.Ordinal));
        var points = root.Elements(Svg + "circle").Take(3).Select(point => (X: Number(point, "cx"), Y: Number(point, "cy"))).ToArray();
        Assert.Equal(points[1].X - points[0].X, points[2].X - points[1].X, 0.2);
        Assert.True(points[1].Y < points[2].Y && points[2].Y < points[0].Y, "larger values stand higher");
        Assert.Contains("prefers-color-scheme:dark", root.Element(Svg + "style")!.Value, StringComparison.Ordinal);
    }

    private static double Number(XElement element, string name) => double.Parse(element.Attribute(name)!.Value, CultureInfo.InvariantCulture);
}
