using System.Text.RegularExpressions;
using System.Xml.Linq;
using Tertulia.Testing;

namespace Tertulia.Architecture.Tests;

/// <summary>One key of the configuration.</summary>
/// <param name="Name">As in the environment: <c>Bus__Partitions</c>; of a list its first element.</param>
/// <param name="Value">Values and default, as Markdown; empty when the comment does not say.</param>
/// <param name="Meaning">As Markdown.</param>
internal sealed record OptionsKey(string Name, string Value, string Meaning);

/// <summary>One options class.</summary>
/// <param name="Section">With colons: <c>Bus:RabbitMq</c>.</param>
/// <param name="Meaning">As Markdown.</param>
/// <param name="File">From the root, with slashes.</param>
internal sealed record OptionsSection(string Section, string Meaning, string File, IReadOnlyList<OptionsKey> Keys);

/// <summary>The options classes, read as text: their doc comments are the manual (the compiler's XML would need a build of everything).</summary>
internal static partial class OptionsSource
{
    private static readonly string[] Roots = ["gateway", "services"];

    /// <summary>Every options class of the processes, sorted by section.</summary>
    public static IReadOnlyList<OptionsSection> Sections { get; } =
    [
        .. Roots.SelectMany(root => Directory.EnumerateFiles(Path.Combine(Repository.Root, root), "*.cs", SearchOption.AllDirectories))
            .Select(file => Path.GetRelativePath(Repository.Root, file).Replace('\\', '/'))
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal))
            .SelectMany(Read).OrderBy(section => section.Section, StringComparer.Ordinal),
    ];

    /// <summary>A regular expression of all keys, for the schema of the chart's values: of lists every element, with what may be below it, and what the framework
    /// and OpenTelemetry read.</summary>
    public static string KeyPattern { get; } =
        $"^({string.Join('|', Sections.SelectMany(section => section.Keys).Select(key => ListElement().Replace(key.Name, "__[0-9]+(__[A-Za-z0-9]+)*")))}"
        + "|Logging__LogLevel__[A-Za-z0-9.]+|OTEL_[A-Z0-9_]+|DOTNET_[A-Za-z0-9_]+)$";

    private static IEnumerable<OptionsSection> Read(string file)
    {
        var (comment, meaning, section) = ("", "", "");
        var keys = new List<OptionsKey>();
        foreach (var line in File.ReadLines(Path.Combine(Repository.Root, file)).Append("class End")) // So that the last class ends, too.
        {
            if (Comment().Match(line) is { Success: true } part)
            {
                comment += $"{part.Groups[1].Value} ";
                continue;
            }

            if (Class().IsMatch(line))
            {
                if (section.Length > 0)
                {
                    yield return new OptionsSection(section, meaning, file, [.. keys]);
                }

                (meaning, section) = (Element(comment, "summary"), "");
                keys.Clear();
            }
            else if (SectionName().Match(line) is { Success: true } name)
            {
                section = name.Groups[1].Value;
            }
            else if (section.Length > 0 && Property().Match(line) is { Success: true } property)
            {
                keys.Add(Key(section, property.Groups[1].Value, property.Groups[2].Value, comment));
            }

            if (!line.TrimStart().StartsWith('[')) // Attributes stand between a comment and what it is about.
            {
                comment = "";
            }
        }
    }

    private static OptionsKey Key(string section, string type, string name, string comment)
    {
        var element = type.StartsWith("IList<", StringComparison.Ordinal) ? "__0" : "";
        var value = Element(comment, "value");
        var fallback = type.TrimEnd('?') == "string" ? "Default none." : "";
        return new OptionsKey($"{section.Replace(":", "__", StringComparison.Ordinal)}__{name}{element}", value.Length > 0 ? value : fallback, Element(comment, "summary"));
    }

    private static string Element(string comment, string name) =>
        XElement.Parse($"<comment>{comment}</comment>").Element(name) is { } element
            ? Space().Replace(string.Concat(element.Nodes().Select(Markdown)), " ").Trim().Replace("|", "\\|", StringComparison.Ordinal)
            : "";

    private static string Markdown(XNode node) => node switch
    {
        XText text => text.Value,
        XElement { Name.LocalName: "see" } see => $"`{((string)see.Attribute("cref")!).Split('.')[^1]}`",
        XElement { Name.LocalName: "c" } code => $"`{code.Value}`",
        _ => throw new NotSupportedException($"A comment of an option holds {node}"),
    };

    [GeneratedRegex(@"^\s*/// ?(.*)$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Comment();

    [GeneratedRegex(@"^(?:(?:public|internal|sealed|partial|static) )*(?:class|enum|record|interface|struct) \w", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Class();

    [GeneratedRegex("const string Section = \"([^\"]+)\";", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex SectionName();

    [GeneratedRegex(@"^\s*public ([\w<>?]+) (\w+) \{ get;", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Property();

    [GeneratedRegex("__0$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ListElement();

    [GeneratedRegex(@"\s+", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Space();
}
