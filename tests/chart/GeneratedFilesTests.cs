using Tertulia.Testing;

namespace Tertulia.Chart.Tests;

/// <summary>The schema and the README's table are what the comments of <c>values.yaml</c> say.</summary>
public sealed class GeneratedFilesTests
{
    private const string Begin = "<!-- From here on made of the comments in values.yaml: TERTULIA_ACCEPT_CHART=1 ./dev test chart -->\n";

    private static readonly ValuesDocument Values = new(
        File.ReadAllText(Path.Combine(Helm.Chart, "values.yaml")), File.ReadAllText(Path.Combine(Helm.Chart, "moved.yaml")));

    [Fact]
    public void Every_value_says_what_it_means() => Assert.DoesNotContain(Values.Leaves, leaf => leaf.Text.Length == 0 && leaf.Notes.Count == 0);

    [Fact]
    public void The_schema_is_what_the_comments_say() => Accepted.Check(Path.Combine(Helm.Chart, "values.schema.json"), Values.Schema());

    [Fact]
    public void The_table_of_the_README_is_what_the_comments_say()
    {
        var readme = Path.Combine(Helm.Chart, "README.md");
        var text = File.ReadAllText(readme);

        Accepted.Check(readme, text[..(text.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length)] + Values.Table());
    }

    [Fact]
    public void Every_test_that_the_README_names_exists()
    {
        var tests = Directory.EnumerateFiles(Path.Combine(Repository.Root, "tests"), "*Tests.cs", SearchOption.AllDirectories)
            .Select(Path.GetFileNameWithoutExtension).ToHashSet();
        var named = System.Text.RegularExpressions.Regex.Matches(File.ReadAllText(Path.Combine(Helm.Chart, "README.md")), "`([A-Z][A-Za-z]+Tests)`", default,
            TimeSpan.FromSeconds(1))
            .Select(match => match.Groups[1].Value).ToArray();

        Assert.NotEmpty(named);
        Assert.All(named, name => Assert.Contains(name, tests));
    }
}
