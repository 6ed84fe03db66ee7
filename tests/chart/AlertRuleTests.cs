using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Tertulia.Testing;

namespace Tertulia.Chart.Tests;

/// <summary>The alert rules ask for what there is, and say who is called, when, and what to do. AlertTests of tests/integration makes each of them fire.</summary>
public sealed partial class AlertRuleTests
{
    private static readonly string Operations = File.ReadAllText(Path.Combine(Repository.Root, "docs/operations.md"));

    /// <summary>As the chart renders them.</summary>
    internal static async Task<JsonNode[]> RulesAsync() =>
        [.. Assert.Single((await Helm.RenderAsync("observability")).OfKind("PrometheusRule")).At("spec.groups")!.AsArray().Single()!["rules"]!.AsArray().OfType<JsonNode>()];

    [Fact]
    public async Task They_ask_only_for_metrics_that_there_are() => Assert.All(await RulesAsync(), rule => Assert.All(
        MetricNames.In((string)rule["expr"]!).Except(["up"]), name => Assert.True(
            MetricNames.OfTheProduct.Contains(name) || MetricNames.OfTheRuntime.Contains(name), $"{rule["alert"]}: there is no {name}")));

    [Fact]
    public async Task Each_has_a_severity_a_summary_and_a_description() => Assert.All(await RulesAsync(), rule =>
    {
        Assert.Contains((string)rule["labels"]!["severity"]!, (string[])["critical", "warning"]);
        Assert.Equal("talk", (string)rule["labels"]!["namespace"]!);
        Assert.EndsWith(".", (string)rule["annotations"]!["summary"]!, StringComparison.Ordinal);
        Assert.EndsWith(".", (string)rule["annotations"]!["description"]!, StringComparison.Ordinal);
        Assert.All(Selector().Matches((string)rule["expr"]!), selector => Assert.StartsWith("namespace=\"talk\"", selector.Groups["matchers"].Value, StringComparison.Ordinal));
    });

    /// <summary>One scrape that went wrong calls nobody: only what looks back over a time of its own needs none.</summary>
    [Fact]
    public async Task Each_waits_until_it_is_sure() => Assert.All(await RulesAsync(), rule => Assert.True(
        rule["for"] is not null || Lookback().IsMatch((string)rule["expr"]!), $"{rule["alert"]}"));

    [Fact]
    public async Task Each_has_a_heading_in_the_manual_that_says_what_to_do()
    {
        var rules = await RulesAsync();
        var sections = Section().Matches(Operations).ToDictionary(section => section.Groups["heading"].Value, section => section.Groups["text"].Value, StringComparer.Ordinal);

        Assert.All(rules, rule =>
        {
            var name = (string)rule["alert"]!;
            Assert.EndsWith($"/operations.md#{name.ToLowerInvariant()}", (string)rule["annotations"]!["runbook_url"]!, StringComparison.Ordinal);
            Assert.True(sections.TryGetValue(name, out var text) && text.Trim().Length > 100, $"docs/operations.md does not say what to do about {name}");
        });
        Assert.Equal(rules.Select(rule => (string)rule["alert"]!), sections.Keys.Where(heading => heading.StartsWith("Tertulia", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task They_ask_for_every_store_and_for_no_check_that_there_is_not()
    {
        string[] checks = [.. Directory.EnumerateFiles(Repository.Root, "*Setup.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains("/tests/", StringComparison.Ordinal))
            .SelectMany(file => Registered().Matches(File.ReadAllText(file))).Select(check => check.Groups["name"].Value)];
        var rules = await RulesAsync();
        var asked = rules.SelectMany(rule => Asked().Matches((string)rule["expr"]!).Select(check => (Alert: (string)rule["alert"]!, Names: check.Groups["names"].Value))).ToArray();
        var stores = new Regex($"^({asked.Single(one => one.Alert == "TertuliaStoreDown").Names})$", RegexOptions.None, TimeSpan.FromSeconds(1));

        Assert.All(asked, one => Assert.Contains(checks, check => Regex.IsMatch(check, $"^({one.Names})$", RegexOptions.None, TimeSpan.FromSeconds(1))));
        Assert.Equal(3, checks.Count(stores.IsMatch));
        Assert.Equal(checks.Where(check => check.Contains("store", StringComparison.OrdinalIgnoreCase)), checks.Where(check => stores.IsMatch(check)));
    }

    /// <summary>Both with Prometheus' own parser: dashboards as rules that would record what they show.</summary>
    [Fact]
    [Trait(Needs.Trait, Needs.Prometheus)]
    public async Task Prometheus_understands_the_rules_and_what_the_dashboards_ask()
    {
        var folder = Directory.CreateTempSubdirectory("tertulia-rules-");
        try
        {
            var asked = Directory.EnumerateFiles(Path.Combine(Helm.Chart, "dashboards"), "*.json")
                .SelectMany(file => JsonNode.Parse(File.ReadAllText(file))!["panels"]!.AsArray())
                .SelectMany(panel => panel!["targets"]?.AsArray() ?? [])
                .Select((target, number) => new JsonObject
                {
                    ["record"] = $"asked:{number}",
                    ["expr"] = ((string)target!["expr"]!).Replace("$__rate_interval", "5m", StringComparison.Ordinal),
                });
            var rules = new JsonArray([.. (await RulesAsync()).Select(rule => rule.DeepClone()), .. asked]);
            var file = Path.Combine(folder.FullName, "rules.yaml"); // JSON is YAML.
            await File.WriteAllTextAsync(file, new JsonObject { ["groups"] = new JsonArray(new JsonObject { ["name"] = "all", ["rules"] = rules }) }.ToJsonString());

            var said = await Helm.ProgramAsync("promtool", ["check", "rules", file], "");

            Assert.True(said.ExitCode == 0, said.All);
            Assert.Contains($"{rules.Count} rules found", said.All, StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [GeneratedRegex(@"[a-z_]+\{(?<matchers>[^}]*)\}", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Selector();

    [GeneratedRegex(@"Add(Store|ReadinessCheck)(<\w+>)?\(""(?<name>[^""]+)""", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Registered();

    [GeneratedRegex(@"check=~?""(?<names>[^""]+)""", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Asked();

    [GeneratedRegex(@"\[(1h|30m)\]", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Lookback();

    [GeneratedRegex(@"^### (?<heading>.+)\n(?<text>(?:(?!^#).*\n?)*)", RegexOptions.Multiline | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Section();
}
