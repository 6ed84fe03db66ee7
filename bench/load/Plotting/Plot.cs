using System.Globalization;
using System.Text;

namespace Tertulia.Load.Plotting;

/// <summary>One line of a panel.</summary>
/// <param name="Name">In the legend.</param>
/// <param name="Colour">Number of its colour and of the form of its points.</param>
/// <param name="IsDashed">Second of two of one colour.</param>
/// <param name="Points">From left to right.</param>
internal sealed record Series(string Name, int Colour, bool IsDashed, IReadOnlyList<(double X, double Y)> Points)
{
    /// <summary>A thin line without points: what was fitted. It has no place in the legend.</summary>
    public bool IsFit { get; init; }
}

/// <summary>One coordinate system.</summary>
/// <param name="Title">What is shown, with its unit.</param>
/// <param name="XTitle">What it depends on, with its unit.</param>
internal sealed record Panel(string Title, string XTitle, IReadOnlyList<Series> Series);

/// <summary>Panels side by side, as SVG that needs nothing around it and has a background of its own for light and for dark.</summary>
internal sealed class Plot(string title, IReadOnlyList<Panel> panels)
{
    private const int PanelWidth = 330;
    private const int Width = 245;
    private const int Height = 200;
    private const int Left = 62;
    private const int Top = 62;
    private const int Bottom = 46;
    private const int LegendLine = 18;

    // Colours that colour-blind people tell apart (Okabe and Ito), darker on white and brighter on black.
    private const string Style = """
        svg{font-family:system-ui,sans-serif;font-size:12px}
        .back{fill:#fff}.text{fill:#24292f}.soft{fill:#57606a}.grid{stroke:#d8dee4;stroke-width:1}.axis{stroke:#8c959f;stroke-width:1}
        .line{fill:none;stroke-width:2}.fit{fill:none;stroke-width:1;stroke-dasharray:1 3}.dash{stroke-dasharray:6 4}.title{font-size:14px;font-weight:600}
        .c0{stroke:#0072b2}.f0{fill:#0072b2}.c1{stroke:#d55e00}.f1{fill:#d55e00}.c2{stroke:#009e73}.f2{fill:#009e73}.c3{stroke:#cc79a7}.f3{fill:#cc79a7}
        @media(prefers-color-scheme:dark){.back{fill:#0d1117}.text{fill:#e6edf3}.soft{fill:#9198a1}.grid{stroke:#30363d}.axis{stroke:#6e7681}
        .c0{stroke:#56b4e9}.f0{fill:#56b4e9}.c1{stroke:#e69f00}.f1{fill:#e69f00}.c2{stroke:#3fd0a0}.f2{fill:#3fd0a0}.c3{stroke:#e8a5cb}.f3{fill:#e8a5cb}}
        """;

    /// <summary>The document.</summary>
    public string ToSvg()
    {
        var text = new StringBuilder();
        var legend = panels.Select(panel => panel.Series.Count(series => !series.IsFit)).DefaultIfEmpty(0).Max();
        var (width, height) = (Math.Max(2, panels.Count) * PanelWidth + 10, Top + Height + Bottom + legend * LegendLine + 8);
        Line(text, $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"{Escape(title)}\">");
        Line(text, $"<style>{Style}</style>");
        Line(text, $"<rect class=\"back\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>");
        Line(text, $"<text class=\"text title\" x=\"14\" y=\"24\">{Escape(title)}</text>");
        if (panels.Count == 0)
        {
            Line(text, $"<text class=\"soft\" x=\"14\" y=\"{Top}\">not measured yet</text>");
        }

        for (var i = 0; i < panels.Count; i++)
        {
            AppendPanel(text, panels[i], Left + i * PanelWidth);
        }

        Line(text, $"</svg>");
        return text.ToString();
    }

    private static void AppendPanel(StringBuilder text, Panel panel, double left)
    {
        var points = panel.Series.Where(series => !series.IsFit).SelectMany(series => series.Points).ToArray();
        var (x, y) = (Axis.For(points.Select(point => point.X)), Axis.For(points.Select(point => point.Y)));
        double PlaceX(double value) => left + x.Place(value) * Width;
        double PlaceY(double value) => Top + (1 - Math.Clamp(y.Place(value), 0, 1)) * Height;

        Line(text, $"<text class=\"text\" x=\"{left - 44:0.#}\" y=\"{Top - 14}\">{Escape(panel.Title)}</text>");
        foreach (var mark in y.Marks)
        {
            Line(text, $"<line class=\"grid\" x1=\"{left:0.#}\" x2=\"{left + Width:0.#}\" y1=\"{PlaceY(mark):0.#}\" y2=\"{PlaceY(mark):0.#}\"/>");
            Line(text, $"<text class=\"soft\" x=\"{left - 6:0.#}\" y=\"{PlaceY(mark) + 4:0.#}\" text-anchor=\"end\">{Axis.Text(mark)}</text>");
        }

        foreach (var mark in x.Marks)
        {
            Line(text, $"<line class=\"grid\" x1=\"{PlaceX(mark):0.#}\" x2=\"{PlaceX(mark):0.#}\" y1=\"{Top}\" y2=\"{Top + Height}\"/>");
            Line(text, $"<text class=\"soft\" x=\"{PlaceX(mark):0.#}\" y=\"{Top + Height + 16}\" text-anchor=\"middle\">{Axis.Text(mark)}</text>");
        }

        Line(text, $"<path class=\"axis\" fill=\"none\" d=\"M{left:0.#} {Top}V{Top + Height}H{left + Width:0.#}\"/>");
        Line(text, $"<text class=\"soft\" x=\"{left + Width / 2.0:0.#}\" y=\"{Top + Height + 34}\" text-anchor=\"middle\">{Escape(panel.XTitle)}</text>");
        var legend = Top + Height + Bottom + 12;
        foreach (var series in panel.Series.Where(series => series.Points.Count > 0))
        {
            var path = string.Join('L', series.Points.Select(point => Text($"{PlaceX(point.X):0.#} {PlaceY(point.Y):0.#}")));
            Line(text, $"<path class=\"{(series.IsFit ? "fit" : "line")} c{series.Colour}{(series.IsDashed ? " dash" : "")}\" d=\"M{path}\"/>");
            if (series.IsFit)
            {
                continue;
            }

            foreach (var point in series.Points)
            {
                AppendPoint(text, series.Colour, PlaceX(point.X), PlaceY(point.Y));
            }

            Line(text, $"<path class=\"line c{series.Colour}{(series.IsDashed ? " dash" : "")}\" d=\"M{left:0.#} {legend - 4}h28\"/>");
            AppendPoint(text, series.Colour, left + 14, legend - 4);
            Line(text, $"<text class=\"text\" x=\"{left + 36:0.#}\" y=\"{legend}\">{Escape(series.Name)}</text>");
            legend += LegendLine;
        }
    }

    private static void AppendPoint(StringBuilder text, int colour, double x, double y)
    {
        if (colour % 2 == 0)
        {
            Line(text, $"<circle class=\"f{colour}\" cx=\"{x:0.#}\" cy=\"{y:0.#}\" r=\"3.5\"/>");
        }
        else
        {
            Line(text, $"<rect class=\"f{colour}\" x=\"{x - 3.5:0.#}\" y=\"{y - 3.5:0.#}\" width=\"7\" height=\"7\"/>");
        }
    }

    private static string Escape(string text) => text.Replace("&", "&amp;", StringComparison.Ordinal)
        .Replace("<", "&lt;", StringComparison.Ordinal).Replace("\"", "&quot;", StringComparison.Ordinal);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static void Line(StringBuilder text, FormattableString line) => text.Append(Text(line)).Append('\n');
}
