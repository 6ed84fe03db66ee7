using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Tertulia.Load.Measuring;

namespace Tertulia.Load.Profiling;

/// <summary>One process: rows of shares and names as <c>perf report</c> gave them, the largest share first. Shares are of all samples of all processes.</summary>
/// <param name="Images">Share, thread, image.</param>
/// <param name="Alone">Share, image, function.</param>
/// <param name="WithCallees">Share with what it called, share alone, function.</param>
internal sealed record ProcessProfile(string Name, string[][] Images, string[][] Alone, string[][] WithCallees);

/// <summary>Where the servers' CPU went in one window.</summary>
internal sealed partial record Profile(Window Window, IReadOnlyList<ProcessProfile> Processes)
{
    private const double WorthTelling = 0.02;
    private const int ImageRows = 8;
    private const int AloneRows = 20;
    private const int CalleeRows = 40;
    private const int MaxName = 110;

    /// <summary>As Markdown, below a heading of its own.</summary>
    public string ToMarkdown(string title)
    {
        var text = new StringBuilder();
        var total = Window.CpuSeconds.Values.Sum();
        Line(text, $"## {title}");
        Line(text, $"");
        Line(text, $"{Window.Messages / Window.Seconds:0} messages/s, {Window.DeliveriesPerSecond:0} deliveries/s, {Window.CoresUsed:0.00} cores; sampling costs too, so these are shares rather than figures.");
        Line(text, $"");
        Line(text, $"| process | share | CPU µs per message |");
        Line(text, $"|---|--:|--:|");
        foreach (var (name, seconds) in Window.CpuSeconds.OrderByDescending(process => process.Value))
        {
            Line(text, $"| {name} | {seconds / total:0.0%} | {seconds * 1e6 / Math.Max(1, Window.Messages):0} |");
        }

        foreach (var process in Processes.Where(process => Window.CpuSeconds[process.Name] >= WorthTelling * total).OrderByDescending(process => Window.CpuSeconds[process.Name]))
        {
            AppendProcess(text, process);
        }

        return text.ToString();
    }

    /// <summary>Type and method of a .NET name: without return type, arguments, assembly and tier. Other names stay.</summary>
    public static string Shorten(string symbol)
    {
        var name = Space().Replace(symbol.Replace("[.] ", "", StringComparison.Ordinal).Replace("[k] ", "", StringComparison.Ordinal), " ").Trim();
        var method = name.IndexOf("::", StringComparison.Ordinal);
        if (method > 0 && (name.EndsWith(']') || name.Contains(" [", StringComparison.Ordinal)))
        {
            var arguments = name.IndexOf('(', method);
            name = arguments > 0 ? name[..arguments] : name[..(name.LastIndexOf('[') is var tier && tier > method ? tier : name.Length)];
            var before = name.LastIndexOfAny([' ', ']'], method);
            name = name[(before + 1)..];
        }

        return name.Length > MaxName ? name[..MaxName] + "…" : name;
    }

    private static void AppendProcess(StringBuilder text, ProcessProfile process)
    {
        // Shares of the process itself.
        var all = process.Alone.Sum(row => Percent(row[0]));
        string Share(string text) => string.Create(CultureInfo.InvariantCulture, $"{Percent(text) / all:0.0%}");

        Line(text, $"");
        Line(text, $"### {process.Name}");
        Line(text, $"");
        Line(text, $"| share | thread | image |");
        Line(text, $"|--:|---|---|");
        foreach (var row in process.Images.Take(ImageRows))
        {
            Line(text, $"| {Share(row[0])} | {row[1]} | {Image(row[2])} |");
        }

        Line(text, $"");
        Line(text, $"| alone | function | image |");
        Line(text, $"|--:|---|---|");
        foreach (var row in process.Alone.Take(AloneRows))
        {
            Line(text, $"| {Share(row[0])} | `{Shorten(row[2])}` | {Image(row[1])} |");
        }

        Line(text, $"");
        Line(text, $"| with what it called | alone | function |");
        Line(text, $"|--:|--:|---|");
        foreach (var row in process.WithCallees.Where(row => !row[2].Contains(" 0x", StringComparison.Ordinal)).Take(CalleeRows))
        {
            Line(text, $"| {Share(row[0])} | {Share(row[1])} | `{Shorten(row[2])}` |");
        }
    }

    private static double Percent(string share) => double.Parse(share.TrimEnd('%'), CultureInfo.InvariantCulture);

    private static string Image(string image) => image switch
    {
        "[kernel.kallsyms]" => "kernel",
        _ when image.StartsWith("[JIT]", StringComparison.Ordinal) => "compiled .NET",
        _ => Path.GetFileName(image),
    };

    private static void Line(StringBuilder text, FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();
}
