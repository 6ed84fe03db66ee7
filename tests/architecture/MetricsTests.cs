using System.Text.RegularExpressions;
using Tertulia.Testing;

namespace Tertulia.Architecture.Tests;

/// <summary><c>docs/metrics.md</c> lists the instruments that there are.</summary>
public sealed partial class MetricsTests
{
    [Fact]
    public void Every_instrument_is_in_the_document_with_its_unit_and_no_other()
    {
        var made =
            from root in new[] { "gateway", "services" }
            from file in Directory.EnumerateFiles(Path.Combine(Repository.Root, root), "*.cs", SearchOption.AllDirectories)
            where !file.Contains("/obj/", StringComparison.Ordinal)
            from Match instrument in Made().Matches(File.ReadAllText(file))
            select $"{instrument.Groups[1].Value} {instrument.Groups[2].Value}";
        var listed = Listed().Matches(File.ReadAllText(Path.Combine(Repository.Root, "docs/metrics.md")))
            .Select(row => $"{row.Groups[1].Value} {row.Groups[2].Value}");

        Assert.Equal(made.Order(StringComparer.Ordinal), listed.Order(StringComparer.Ordinal));
    }

    [GeneratedRegex("""\.Create\w+<\w+>\(\s*"([^"]+)",\s*(?:unit:\s*)?"([^"]+)",""", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Made();

    [GeneratedRegex(@"^\| `([^`]+)` \| `([^`]+)` \|", RegexOptions.Multiline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Listed();
}
