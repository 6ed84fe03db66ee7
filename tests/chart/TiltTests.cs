using System.Runtime.Versioning;
using System.Text.RegularExpressions;
using Tertulia.Testing;

namespace Tertulia.Chart.Tests;

/// <summary>The Tiltfile as far as it can be checked without Tilt: it parses, and what it names is there.</summary>
[UnsupportedOSPlatform("windows")]
public sealed partial class TiltTests
{
    private static readonly string Tiltfile = File.ReadAllText(Path.Combine(Repository.Root, "Tiltfile"));

    [Fact]
    public async Task It_parses_and_calls_only_what_Tilt_has()
    {
        // Starlark is a subset of Python: its parser finds every slip, and the names that are called are listed.
        const string Script = """
            import ast, sys
            tree = ast.parse(sys.stdin.read())
            print('\n'.join(sorted({node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)})))
            """;

        var said = await Helm.ProgramAsync("python3", ["-c", Script], Tiltfile);

        Assert.Equal("", said.Errors);
        string[] known =
        [
            "allow_k8s_contexts", "cmd_button", "docker_build", "fall_back_on", "helm", "k8s_resource", "k8s_yaml", "link", "load", "local", "local_resource",
                "run", "sync",
            "text_input", "version_settings",
        ];
        Assert.Equal(known, said.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public void Every_path_that_it_names_is_there()
    {
        var paths = Quoted().Matches(Tiltfile).Select(match => match.Groups[1].Value.Split(' ')[0])
            .Where(text => text.Contains('/', StringComparison.Ordinal) && !text.Contains("://", StringComparison.Ordinal) && !text.StartsWith('.')
                && !text.StartsWith('/') && !text.Contains('*', StringComparison.Ordinal)).ToArray();

        Assert.True(paths.Length >= 10, string.Join(' ', paths));
        Assert.All(paths, path => Assert.True(Path.Exists(Path.Combine(Repository.Root, path)), path));
    }

    [Fact]
    [Trait(Needs.Trait, Needs.Helm)]
    public async Task Every_resource_that_it_names_is_rendered_with_its_values_and_every_button_has_its_resource()
    {
        foreach (var minimal in (bool[])[false, true])
        {
            string[] values = ["-f", Path.Combine(Repository.Root, "tilt/values.dev.yaml"), .. minimal ? (string[])["-f", Path.Combine(Repository.Root,
                "tilt/values.minimal.yaml")] : []];
            var said = await Helm.RunAsync("helm4", ["template", "tertulia", Helm.Chart, "--namespace", "default", .. values]);
            Assert.True(said.ExitCode == 0, said.Errors);
            var objects = Manifest.ParseAll(said.Output);
            var workloads = objects.Where(manifest => manifest.PodSpec is not null).Select(manifest => manifest.Name).ToHashSet(StringComparer.Ordinal);
            var secrets = Manifest.ParseAll(File.ReadAllText(Path.Combine(Repository.Root, "tilt/secrets.yaml"))).Single();
            var read = objects.SelectMany(manifest => manifest.Containers).SelectMany(container => container["env"] as System.Text.Json.Nodes.JsonArray ?? [])
                .Select(variable => variable!["valueFrom"]?["secretKeyRef"]).OfType<System.Text.Json.Nodes.JsonNode>().ToArray();

            Assert.Equal(
                ["tertulia-connection", "tertulia-gateway", "tertulia-message", "tertulia-notification", "tertulia-postgresql", "tertulia-presence",
                    "tertulia-rabbitmq"],
                workloads.Order(StringComparer.Ordinal));
            Assert.All(ServiceKeys.Services, service => Assert.Contains($"    '{service}': ('{ServiceKeys.Programs[service].Folder}'", Tiltfile,
                StringComparison.Ordinal));
            Assert.All(read, key => Assert.NotNull(key["name"]!.ToString() == secrets.Name ? secrets.Json["stringData"]![key["key"]!.ToString()] : null));
            Assert.All(objects.Where(manifest => ServiceKeys.Services.Contains(manifest.Component)).SelectMany(manifest => manifest.Containers), container =>
                Assert.Equal("tertulia:dev", container["image"]!.ToString()));
        }

        Assert.All(Button().Matches(Tiltfile), button => Assert.Contains(button.Groups[1].Value, ServiceKeys.Services.Append("rabbitmq")));
    }

    [Fact]
    public void Every_button_calls_a_scenario_that_there_is()
    {
        var scenarios = ScenarioCase().Matches(File.ReadAllText(Path.Combine(Repository.Root, "tilt/scenario.sh"))).Select(match => match.Groups[1].Value)
            .ToArray();
        var called = Called().Matches(Tiltfile).Select(match => match.Groups[1].Value).Distinct(StringComparer.Ordinal);

        Assert.Equal(["break-broker", "drain-gateway", "kill-node", "send", "storm"], scenarios.Order(StringComparer.Ordinal));
        Assert.Equal(scenarios.Order(StringComparer.Ordinal), called.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task The_scripts_parse()
    {
        foreach (var script in (string[])["tilt/build.sh", "tilt/scenario.sh", "deploy/docker/publish.sh", "deploy/docker/dev-dotnet",
            "deploy/docker/dev-restart", "tests/chart/fetch.sh"])
        {
            var path = Path.Combine(Repository.Root, script);
            var said = await Helm.ProgramAsync("bash", ["-n", path], "");

            Assert.Equal("", said.All);
            Assert.True(File.GetUnixFileMode(path).HasFlag(UnixFileMode.UserExecute), script);
        }
    }

    [GeneratedRegex("'([^']+)'", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Quoted();

    [GeneratedRegex("cmd_button\\([^)]*?resource='([a-z]+)'", RegexOptions.Singleline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Button();

    [GeneratedRegex("^  ([a-z-]+)\\) ", RegexOptions.Multiline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ScenarioCase();

    [GeneratedRegex("tilt/scenario\\.sh(?:', ')? ?'?([a-z-]+)", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Called();
}
