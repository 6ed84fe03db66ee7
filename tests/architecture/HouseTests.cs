using System.Globalization;
using System.Text.RegularExpressions;
using Tertulia.Testing;

namespace Tertulia.Architecture.Tests;

/// <summary>What the documents and the solution say about the house is so.</summary>
public sealed partial class HouseTests
{
    private static readonly string[] Documents =
    [
        "README.md", "CONTRIBUTING.md", .. Directory.EnumerateFiles(Path.Combine(Repository.Root, "docs"), "*.md", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Repository.Root, path)),
    ];

    [Fact]
    public void Every_project_is_in_the_solution()
    {
        var solution = File.ReadAllText(Path.Combine(Repository.Root, "Microservices.sln")).Replace('\\', '/');

        Assert.All(Projects.All, project => Assert.Contains($"\"{project.Path}\"", solution, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_test_that_a_document_names_exists()
    {
        var tests = Directory.EnumerateFiles(Path.Combine(Repository.Root, "tests"), "*Tests.cs", SearchOption.AllDirectories)
            .Select(Path.GetFileNameWithoutExtension).ToHashSet();
        var named =
            from document in Documents
            from Match name in TestClass().Matches(File.ReadAllText(Path.Combine(Repository.Root, document)))
            where !tests.Contains(name.Groups[1].Value)
            select $"{document}: {name.Value}";

        Assert.Empty(named);
    }

    [Fact]
    public void Every_row_of_the_features_is_there_once()
    {
        var rows = FeatureRow().Matches(File.ReadAllText(Path.Combine(Repository.Root, "docs/features.md")))
            .SelectMany(row => Numbers(row.Groups[1].Value, row.Groups[2].Value, row.Groups[3].Value));

        Assert.Equal([.. Numbers("A", "1", "116"), .. Numbers("B", "1", "20")], rows);
    }

    [Fact]
    public void Every_test_on_real_processes_is_the_proof_of_a_feature()
    {
        var features = File.ReadAllText(Path.Combine(Repository.Root, "docs/features.md"));
        var unnamed = Directory.EnumerateFiles(Path.Combine(Repository.Root, "tests/integration"), "*Tests.cs")
            .Select(Path.GetFileNameWithoutExtension).Where(test => !features.Contains($"`{test}`", StringComparison.Ordinal));

        Assert.Empty(unnamed);
    }

    [Fact]
    public void Every_link_of_a_document_leads_somewhere()
    {
        var broken =
            from document in Documents
            let folder = Path.GetDirectoryName(Path.Combine(Repository.Root, document))!
            from Match link in Link().Matches(File.ReadAllText(Path.Combine(Repository.Root, document)))
            let target = link.Groups[1].Value
            where !target.Contains("://", StringComparison.Ordinal) && !Path.Exists(Path.Combine(folder, target))
            select $"{document}: {target}";

        Assert.Empty(broken);
    }

    private static IEnumerable<string> Numbers(string letter, string first, string last)
    {
        var from = int.Parse(first, CultureInfo.InvariantCulture);
        var to = last.Length == 0 ? from : int.Parse(last, CultureInfo.InvariantCulture);
        return Enumerable.Range(from, to - from + 1).Select(number => string.Create(CultureInfo.InvariantCulture, $"{letter}{number}"));
    }

    [GeneratedRegex(@"^\| ([AB])(\d+)(?:–[AB](\d+))? \|", RegexOptions.Multiline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex FeatureRow();

    [GeneratedRegex("`([A-Z][A-Za-z]+Tests)`", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex TestClass();

    [GeneratedRegex(@"\]\(([^)#]+)(?:#[^)]*)?\)", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Link();
}
