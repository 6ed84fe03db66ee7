using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Tertulia.Testing;

namespace Tertulia.Chart.Tests;

/// <summary>The dashboards of the chart show what there is, in a form that works in any Grafana: the rules of its dashboard linter, and some of our own.</summary>
public sealed partial class DashboardTests
{
    private static readonly (string File, JsonNode Json)[] Dashboards =
    [
        .. Directory.EnumerateFiles(Path.Combine(Helm.Chart, "dashboards"), "*.json").Order(StringComparer.Ordinal)
            .Select(file => (Path.GetFileName(file), JsonNode.Parse(File.ReadAllText(file))!)),
    ];

    private static IEnumerable<(string File, JsonNode Panel)> Panels =>
        from dashboard in Dashboards
        from panel in dashboard.Json["panels"]!.AsArray()
        where (string)panel!["type"]! != "row"
        select (dashboard.File, panel);

    private static IEnumerable<(string Where, string Expression, JsonNode Target)> Targets =>
        from panel in Panels
        from target in panel.Panel["targets"]!.AsArray()
        select ($"{panel.File}: {panel.Panel["title"]}", (string)target!["expr"]!, target);

    [Fact]
    public void There_is_one_for_each_way_of_looking()
    {
        Assert.Equal(["broker-store.json", "messages.json", "nodes.json", "notifications.json", "overview.json"], Dashboards.Select(dashboard => dashboard.File));
        Assert.All(Dashboards, dashboard => Assert.Equal($"tertulia-{Path.GetFileNameWithoutExtension(dashboard.File)}", (string)dashboard.Json["uid"]!));
    }

    [Fact]
    public void They_ask_only_for_metrics_that_there_are() => Assert.All(Targets, target => Assert.All(MetricNames.In(target.Expression), name => Assert.True(
        MetricNames.OfTheProduct.Contains(name) || MetricNames.OfTheRuntime.Contains(name)
        || (MetricNames.OfRabbitMq.Contains(name) && target.Where.StartsWith("broker-store.json", StringComparison.Ordinal)), $"{target.Where}: there is no {name}")));

    [Fact]
    public void Data_source_namespace_and_service_are_chosen_and_looked_up_again_with_the_time() => Assert.All(Dashboards, dashboard =>
    {
        var variables = dashboard.Json["templating"]!["list"]!.AsArray().ToDictionary(variable => (string)variable!["name"]!, variable => variable!);

        Assert.Equal(["datasource", "namespace", "job"], variables.Keys.Take(3));
        Assert.Equal(("datasource", "prometheus"), ((string)variables["datasource"]["type"]!, (string)variables["datasource"]["query"]!));
        Assert.All(variables.Values.Skip(1), variable =>
        {
            Assert.Equal("${datasource}", (string)variable["datasource"]!["uid"]!);
            Assert.Equal(2, (int)variable["refresh"]!);
        });
        Assert.All(variables.Values.Skip(2), variable => Assert.True((bool)variable["multi"]! && (bool)variable["includeAll"]! && (string)variable["allValue"]! == ".+"));
        Assert.False((bool)dashboard.Json["editable"]!);
        Assert.NotEqual("", (string)dashboard.Json["description"]!);
    });

    [Fact]
    public void Every_panel_has_a_title_a_description_a_unit_and_the_chosen_data_source() => Assert.All(Panels, panel =>
    {
        var (file, json) = panel;
        var title = (string)json["title"]!;

        Assert.NotEqual("", title);
        Assert.True(((string)json["description"]!).EndsWith('.'), $"{file}: {title} has no description");
        Assert.True(!string.IsNullOrEmpty((string?)json["fieldConfig"]!["defaults"]!["unit"]), $"{file}: {title} has no unit");
        Assert.Equal("${datasource}", (string)json["datasource"]!["uid"]!);
        Assert.NotEmpty(json["targets"]!.AsArray());
        Assert.All(json["targets"]!.AsArray(), target => Assert.NotEqual("", (string)target!["legendFormat"]!));
        Assert.All(json["targets"]!.AsArray(), target => Assert.Equal("${datasource}", (string)target!["datasource"]!["uid"]!));
    });

    [Fact]
    public void Nothing_has_its_number_or_its_place_twice() => Assert.All(Dashboards, dashboard =>
    {
        var panels = dashboard.Json["panels"]!.AsArray();
        var places = panels.SelectMany(panel => Cells(panel!["gridPos"]!)).ToArray();

        Assert.Equal(panels.Count, panels.Select(panel => (int)panel!["id"]!).Distinct().Count());
        Assert.Equal(places.Length, places.Distinct().Count());
        Assert.All(places, place => Assert.InRange(place.Column, 0, 23));
    });

    [Fact]
    public void Every_selector_is_of_the_chosen_namespace_and_service() => Assert.All(Targets, target =>
    {
        var selectors = Selector().Matches(target.Expression);

        Assert.Equal(MetricNames.In(target.Expression).Order(StringComparer.Ordinal), selectors.Select(selector => selector.Groups["name"].Value).Distinct()
            .Order(StringComparer.Ordinal)); // None is without one.
        Assert.All(selectors, selector => Assert.StartsWith(
            selector.Groups["name"].Value.StartsWith("rabbitmq_", StringComparison.Ordinal) ? "namespace=\"$namespace\"" : "namespace=\"$namespace\", job=~\"$job\"",
            selector.Groups["matchers"].Value, StringComparison.Ordinal));
    });

    [Fact]
    public void Rates_are_over_an_interval_that_holds_enough_scrapes() => Assert.All(Targets, target => Assert.All(
        Range().Matches(target.Expression), range => Assert.True(
            range.Groups["range"].Value == "$__rate_interval" || (range.Groups["range"].Value == "1h" && range.Groups["function"].Value is "increase" or "changes"),
            $"{target.Where}: {range.Value}")));

    [Fact]
    public void Counters_are_shown_as_rates_and_nothing_else_is() => Assert.All(Targets, target => Assert.All(
        Selector().Matches(target.Expression), selector =>
        {
            var name = selector.Groups["name"].Value;
            var isRated = selector.Groups["function"].Value is "rate" or "increase";
            // A counter by its name: the runtime counts up and down with it.
            var isCounter = name != "dotnet_thread_pool_queue_length_total" && CounterName().IsMatch(name);

            Assert.True(isCounter == isRated, $"{target.Where}: {name}");
        }));

    private static IEnumerable<(int Column, int Row)> Cells(JsonNode place) =>
        from column in Enumerable.Range((int)place["x"]!, (int)place["w"]!)
        from row in Enumerable.Range((int)place["y"]!, (int)place["h"]!)
        select (column, row);

    [GeneratedRegex(@"((?<function>\w+)\()?(?<name>[a-z_]+)\{(?<matchers>[^}]*)\}", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Selector();

    [GeneratedRegex(@"(?<function>\w+)\([a-z_]+\{[^}]*\}\[(?<range>[^\]]+)\]", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Range();

    [GeneratedRegex("_(total|bucket|sum|seconds_count)$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex CounterName();
}
