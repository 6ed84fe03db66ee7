using System.Text.Json;
using k8s;
using Tertulia.Testing;

namespace Tertulia.Chart.Tests;

/// <summary>What the chart renders of each values file of <c>ci/</c> is what a cluster takes.</summary>
[Trait(Needs.Trait, Needs.Helm)]
public sealed class RenderingTests
{
    [Fact]
    public void There_are_twenty_values_files_and_more() => Assert.True(Helm.Matrix.Count >= 20, $"{Helm.Matrix.Count}");

    [Theory]
    [InlineData("helm4")]
    [InlineData("helm3")]
    public async Task The_chart_passes_the_linter_with_every_values_file(string version)
    {
        var said = await Task.WhenAll(Helm.Matrix.Select(name => Helm.RunAsync(version, "lint", "--strict", "--quiet", "-f", Helm.ValuesFile(name),
            Helm.Chart)));

        Assert.All(said, one => Assert.True(one.ExitCode == 0, one.All));
    }

    [Fact]
    public async Task Rendering_twice_gives_the_same_text_and_helm_3_the_same_as_helm_4()
    {
        var first = await Helm.RenderAllAsync();
        var second = await Task.WhenAll(Helm.Matrix.Select(name => Helm.TemplateAsync("helm4", "-f", Helm.ValuesFile(name))));
        var older = await Task.WhenAll(Helm.Matrix.Select(name => Helm.TemplateAsync("helm3", "-f", Helm.ValuesFile(name))));

        Assert.Equal(first.Select(rendered => rendered.Text), second.Select(said => said.Output));
        Assert.Equal(first.Select(rendered => rendered.Text), older.Select(said => said.Output));
    }

    [Theory]
    [InlineData("1.30.0")]
    [InlineData("1.35.0")]
    public async Task It_renders_for_the_oldest_and_the_newest_Kubernetes(string version)
    {
        var said = await Helm.TemplateAsync("helm4", "--kube-version", version, "-f", Helm.ValuesFile("everything"));

        Assert.Equal((await Helm.RenderAsync("everything")).Text, said.Output);
    }

    [Fact]
    public async Task It_refuses_a_Kubernetes_that_is_too_old()
    {
        var said = await Helm.TemplateAsync("helm4", "--kube-version", "1.29.9");

        Assert.NotEqual(0, said.ExitCode);
        Assert.Contains("incompatible with Kubernetes", said.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_object_has_an_unknown_field_or_a_field_of_another_type()
    {
        var refused = new List<string>();
        foreach (var rendered in await Helm.RenderAllAsync())
        {
            foreach (var text in rendered.Text.Split("\n---\n", StringSplitOptions.RemoveEmptyEntries).Where(text => text.Contains("kind:",
                StringComparison.Ordinal)))
            {
                try
                {
                    Assert.Single(KubernetesYaml.LoadAllFromString(text, CustomResources.Types, strict: true));
                }
                catch (Exception bad) when (bad is YamlDotNet.Core.YamlException or KeyNotFoundException or InvalidOperationException)
                {
                    refused.Add($"{rendered.Name}: {bad.GetBaseException().Message} in\n{text}");
                }
            }
        }

        Assert.Empty(refused);
    }

    [Fact]
    public void The_parser_refuses_an_unknown_field() => Assert.ThrowsAny<Exception>(() => KubernetesYaml.LoadAllFromString(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replica: 1}", CustomResources.Types, strict: true));

    [Fact]
    public async Task Every_object_has_what_the_schemas_of_Kubernetes_and_of_custom_resources_require()
    {
        var objects = (await Helm.RenderAllAsync()).SelectMany(rendered => rendered.Objects.Select(manifest => new { source = rendered.Name,
            @object = manifest.Json }));

        var said = await Helm.NodeAsync("validate.cjs", JsonSerializer.Serialize(objects));

        Assert.Equal("", said.All);
    }

    [Fact]
    public async Task The_schemas_refuse_an_object_without_a_required_field()
    {
        var said = await Helm.NodeAsync(
            "validate.cjs", """[{"source":"x","object":{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a"},"spec":{"template":{"spec":{"containers":[{}]}}}}}]""");

        Assert.Contains("selector", said.Output, StringComparison.Ordinal);
        Assert.Contains("name", said.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Names_are_unique_and_fit_into_a_label()
    {
        foreach (var rendered in await Helm.RenderAllAsync())
        {
            var names = rendered.Objects.Select(manifest => manifest.ToString()).ToArray();

            Assert.Equal(names.Distinct(StringComparer.Ordinal), names);
            Assert.All(rendered.Objects, manifest => Assert.InRange(manifest.Name.Length, 1, 63));
        }
    }

    [Theory]
    [InlineData("default")]
    [InlineData("production")]
    [InlineData("everything")]
    [InlineData("minimal")]
    public async Task It_is_what_was_accepted(string name)
    {
        var rendered = await Helm.RenderAsync(name);

        Accepted.Check(Path.Combine(Repository.Root, "tests/chart/golden", name + ".yaml"), rendered.Text);
    }
}
