using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Tertulia.Testing;

namespace Tertulia.Chart.Tests;

/// <summary>The workflows of <c>.github</c> run what is there, pinned, with no more rights than named here.</summary>
public sealed partial class WorkflowTests
{
    private static readonly string Folder = Path.Combine(Repository.Root, ".github");

    private static readonly Dictionary<string, string> Texts =
        Directory.EnumerateFiles(Path.Combine(Folder, "workflows")).ToDictionary(file => Path.GetFileName(file), File.ReadAllText, StringComparer.Ordinal);

    private static readonly Dictionary<string, JsonObject> Workflows =
        Texts.ToDictionary(pair => pair.Key, pair => Manifest.Parse(pair.Value)!.AsObject(), StringComparer.Ordinal);

    // All that may write; everything else reads.
    private static readonly string[] Writers =
        ["release.yml/publish: id-token", "release.yml/publish: packages", "security.yml/codeql: security-events"];

    private static IEnumerable<(string Workflow, string Name, JsonObject Job)> Jobs =>
        Workflows.SelectMany(workflow => workflow.Value["jobs"]!.AsObject().Select(job => (workflow.Key, job.Key, job.Value!.AsObject())));

    private static IEnumerable<(string Job, JsonObject Step)> Steps =>
        Jobs.SelectMany(job => (job.Job["steps"] as JsonArray ?? []).Select(step => ($"{job.Workflow}/{job.Name}", step!.AsObject())));

    [Fact]
    public void There_is_one_for_the_tests_the_chart_security_releases_and_upgrades() =>
        Assert.Equal(["chart.yml", "release.yml", "security.yml", "test.yml", "upgrade.yml"], Workflows.Keys.Order(StringComparer.Ordinal));

    [Fact]
    public void Actions_are_pinned_by_commit_with_the_tag_beside_it_and_the_same_one_everywhere()
    {
        var uses = Texts.SelectMany(text => Uses().Matches(text.Value).Select(match => (File: text.Key, Line: match.Groups[1].Value.Trim()))).ToArray();
        var remote = uses.Where(use => !use.Line.StartsWith("./", StringComparison.Ordinal)).ToArray();

        Assert.True(remote.Length >= 15, $"{remote.Length}");
        Assert.All(uses.Except(remote), use => Assert.True(File.Exists(Path.Combine(Repository.Root, use.Line)), $"{use.File}: {use.Line}"));
        Assert.All(remote, use => Assert.True(PinnedAction().IsMatch(use.Line), $"{use.File}: {use.Line} is not pinned like owner/name@<40 digits> # v1.2.3"));
        Assert.All(
            remote.GroupBy(use => string.Join('/', use.Line.Split('@')[0].Split('/').Take(2)), use => use.Line.Split('@')[1], StringComparer.Ordinal),
            action => Assert.True(action.Distinct(StringComparer.Ordinal).Count() == 1, $"{action.Key}: {string.Join(", ", action.Distinct())}"));
    }

    [Theory]
    [InlineData("actions/checkout@v7", false)]
    [InlineData("actions/checkout@main # v7.0.1", false)]
    [InlineData("actions/checkout@3d3c42e # v7.0.1", false)]
    [InlineData("actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1", false)]
    [InlineData("actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7", false)]
    [InlineData("actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", true)]
    public void What_is_pinned(string use, bool isPinned) => Assert.Equal(isPinned, PinnedAction().IsMatch(use));

    [Fact]
    public void Every_job_names_its_rights_and_only_those_that_must_may_write()
    {
        Assert.All(Workflows, workflow => Assert.True(workflow.Value["permissions"] is JsonObject { Count: 0 }, $"{workflow.Key} must begin with permissions: {{}}"));
        Assert.All(Jobs, job => Assert.True(job.Job["permissions"] is JsonObject { Count: > 0 }, $"{job.Workflow}/{job.Name} names no permissions"));
        Assert.Equal(
            Writers,
            Jobs.SelectMany(job => job.Job["permissions"]!.AsObject().Where(right => right.Value!.ToString() != "read")
                .Select(right => $"{job.Workflow}/{job.Name}: {right.Key}")).Order(StringComparer.Ordinal));
        Assert.All(
            Steps.Where(step => ((string?)step.Step["uses"])?.StartsWith("actions/checkout@", StringComparison.Ordinal) == true),
            step => Assert.True(step.Step["with"]?["persist-credentials"]?.ToJsonString() == "false",
                $"{step.Job}: the checkout leaves its token behind"));
    }

    [Fact]
    public void Jobs_end_and_run_on_a_machine_of_a_named_version() => Assert.All(
        Jobs.Where(job => job.Job["uses"] is null),
        job =>
        {
            Assert.InRange((int)job.Job["timeout-minutes"]!, 1, 60);
            Assert.Equal("ubuntu-24.04", (string)job.Job["runs-on"]!);
        });

    [Fact]
    public void Strangers_changes_run_without_secrets_and_nothing_that_others_wrote_becomes_a_command()
    {
        Assert.All(Texts, text => Assert.DoesNotContain("pull_request_target", text.Value, StringComparison.Ordinal));
        Assert.All(Texts.Where(text => text.Key != "release.yml"), text => Assert.DoesNotContain("secrets.", text.Value, StringComparison.Ordinal));
        Assert.All(Runs(), run => Assert.DoesNotContain("${{", run.Command, StringComparison.Ordinal));
    }

    [Fact]
    public void What_steps_run_is_there_and_can_be_run()
    {
        var programs = Runs().Select(run => (run.Job, Program: run.Command.Trim().Split(' ')[0])).ToArray();

        Assert.NotEmpty(programs);
        Assert.All(programs, run => Assert.True(IsProgram(Path.Combine(Repository.Root, run.Program)), $"{run.Job} runs {run.Program}"));
        Assert.Equal(
            Directory.EnumerateFiles(Path.Combine(Folder, "scripts")).Select(file => $".github/scripts/{Path.GetFileName(file)}")
                .Append("./dev").Append("tests/upgrade.sh").Order(StringComparer.Ordinal),
            programs.Select(run => run.Program).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Scripts_are_scripts_and_name_only_files_that_there_are()
    {
        foreach (var script in Directory.EnumerateFiles(Path.Combine(Folder, "scripts")))
        {
            var text = await File.ReadAllTextAsync(script);
            var (exitCode, output) = await Servers.RunAsync("bash", ["-n", script]);

            Assert.True(exitCode == 0, output);
            Assert.StartsWith("#!/usr/bin/env bash\n# ", text, StringComparison.Ordinal);
            Assert.Contains("\nset -euo pipefail\n", text, StringComparison.Ordinal);
            Assert.All(Paths().Matches(text).Select(match => match.Value), path => Assert.True(Path.Exists(Path.Combine(Repository.Root, path)), $"{script}: {path}"));
        }
    }

    [Fact]
    public void Paths_of_steps_are_there()
    {
        var paths = Steps.Select(step => step.Step["with"]).OfType<JsonObject>().SelectMany(with => with)
            .Where(input => input.Key is "file" or "global-json-file" or "config").Select(input => input.Value!.ToString()).ToArray();

        Assert.True(paths.Length >= 4, $"{paths.Length}");
        Assert.All(paths, path => Assert.True(File.Exists(Path.Combine(Repository.Root, path)), path));
    }

    [Fact]
    public void The_image_is_the_charts_for_two_architectures_with_its_parts_and_its_origin_and_is_signed()
    {
        var image = Manifest.Parse(File.ReadAllText(Path.Combine(Repository.Root, "deploy/helm/tertulia/values.yaml")))!["image"]!["repository"]!.ToString();
        var builds = Steps.Where(step => ((string?)step.Step["uses"])?.StartsWith("docker/build-push-action@", StringComparison.Ordinal) == true).ToArray();
        var published = Assert.Single(builds, build => build.Step["with"]!["push"] is not null).Step["with"]!;
        var publish = File.ReadAllText(Path.Combine(Folder, "scripts/publish.sh"));

        Assert.All(builds, build => Assert.StartsWith($"{image}:", build.Step["with"]!["tags"]!.ToString(), StringComparison.Ordinal));
        Assert.Equal(image, Workflows["release.yml"]["jobs"]!["publish"]!["env"]!["IMAGE"]!.ToString());
        Assert.Contains($"IMAGE={image} ", File.ReadAllText(Path.Combine(Folder, "scripts/chart.sh")), StringComparison.Ordinal);
        Assert.Equal("linux/amd64,linux/arm64", published["platforms"]!.ToString());
        Assert.Equal(("true", "mode=max"), (published["sbom"]!.ToJsonString(), published["provenance"]!.ToString()));
        Assert.Equal("""["test","chart"]""", Workflows["release.yml"]["jobs"]!["publish"]!["needs"]!.ToJsonString());
        Assert.Contains("cosign sign --yes \"$IMAGE@${DIGEST:?}\"", publish, StringComparison.Ordinal);
        Assert.Contains("cosign sign --yes \"$CHARTS/tertulia@${digest:?}\"", publish, StringComparison.Ordinal);
        Assert.Contains($"org.opencontainers.image.source=\"https://github.com/{image["ghcr.io/".Length..]}\"",
            File.ReadAllText(Path.Combine(Repository.Root, "deploy/docker/Dockerfile")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_tag_that_is_not_the_charts_version_releases_nothing()
    {
        var chart = Manifest.Parse(await File.ReadAllTextAsync(Path.Combine(Helm.Chart, "Chart.yaml")))!;
        var right = await TagAsync($"v{chart["version"]}");
        var wrong = await TagAsync("v99.0.0");

        Assert.Equal((0, $"version={chart["version"]}\n"), right);
        Assert.Equal(1, wrong.ExitCode);
        Assert.Contains("the tag is v99.0.0", wrong.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Updates_are_looked_for_wherever_versions_are_named()
    {
        var updates = Manifest.Parse(File.ReadAllText(Path.Combine(Folder, "dependabot.yml")))!["updates"]!.AsArray();
        var places = updates.SelectMany(update => (update!["directories"] as JsonArray ?? [update["directory"]!.DeepClone()])
            .Select(directory => (Ecosystem: update["package-ecosystem"]!.ToString(), Directory: directory!.ToString().TrimStart('/')))).ToArray();

        Assert.All(places, place => Assert.True(Directory.Exists(Path.Combine(Repository.Root, place.Directory)), place.Directory));
        Assert.All(
            [("nuget", ""), ("github-actions", ""), ("docker", "deploy/docker"), ("docker", "tests/container"), ("docker", "tilt"), ("docker-compose", "deploy/docker"),
                ("npm", "bench/rivals/socketio"), ("npm", "tests/chart/tools")],
            place => Assert.Contains(place, places));
    }

    private static IEnumerable<(string Job, string Command)> Runs() =>
        Steps.Where(step => step.Step["run"] is not null)
            .SelectMany(step => step.Step["run"]!.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => (step.Job, line)));

    private static bool IsProgram(string path) =>
        File.Exists(path) && (OperatingSystem.IsWindows() || (File.GetUnixFileMode(path) & UnixFileMode.UserExecute) != 0);

    private static Task<(int ExitCode, string Output)> TagAsync(string tag) => Servers.RunAsync(
        "env", ["-u", "GITHUB_OUTPUT", $"TAG={tag}", Path.Combine(Folder, "scripts/version.sh")]);

    [GeneratedRegex("^\\s*(?:- )?uses: (.+)$", RegexOptions.Multiline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Uses();

    [GeneratedRegex("^[A-Za-z0-9_-]+/[A-Za-z0-9_./-]+@[0-9a-f]{40} # v\\d+\\.\\d+\\.\\d+$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex PinnedAction();

    [GeneratedRegex("\\b(?:deploy|tests|bench|tools|services|\\.github)/[A-Za-z0-9._/-]+[A-Za-z0-9_]|\\bMicroservices\\.sln", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Paths();
}
