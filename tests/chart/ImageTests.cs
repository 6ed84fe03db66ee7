using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Tertulia.Testing;

namespace Tertulia.Chart.Tests;

/// <summary>Images are the official ones, of a version that is named; the compose file configures what the services read.</summary>
public sealed partial class ImageTests
{
    private static readonly string Docker = Path.Combine(Repository.Root, "deploy/docker");

    private static readonly string[] Files =
    [
        .. ((string[])["deploy", "tilt", "tests/container", "tests/chart/golden"]).Select(folder => Path.Combine(Repository.Root, folder))
            .Where(Directory.Exists)
            .SelectMany(folder => Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)),
        .. ((string[])["Tiltfile"]).Select(file => Path.Combine(Repository.Root, file)).Where(File.Exists),
    ];

    // Of others than this project: where they come from, and what they may be called.
    private static readonly string[] Official =
        ["rabbitmq", "postgres", "mongo", "coturn/coturn", "grafana/otel-lgtm", "debian", "mcr.microsoft.com/dotnet/sdk", "mcr.microsoft.com/dotnet/aspnet",
            "kindest/node", "registry"];

    private static readonly string[] Ours = ["ghcr.io/tertulia/tertulia", "tertulia", "registry.example.org/tertulia", "registry.example.org/sidecar",
        "localhost:5005/tertulia"];

    [Fact]
    public void Every_image_is_an_official_one_of_a_named_version()
    {
        var images = Files.SelectMany(file => ImagesOf(File.ReadAllText(file)).Select(image => (File: Path.GetRelativePath(Repository.Root, file),
            Image: image))).ToArray();

        Assert.True(images.Length >= 10, $"{images.Length}");
        Assert.All(images, found =>
        {
            var (name, version) = Split(found.Image);
            Assert.True(Official.Contains(name) || Ours.Contains(name), $"{found.File}: {found.Image} is nobody's that we know");
            Assert.True(Ours.Contains(name) ? version.Length > 0 : Pinned().IsMatch(version), $"{found.File}: {found.Image} floats");
        });
    }

    [Theory]
    [InlineData("rabbitmq", false)]
    [InlineData("rabbitmq:latest", false)]
    [InlineData("mongo:8", false)]
    [InlineData("postgres:alpine", false)]
    [InlineData("rabbitmq:management", false)]
    [InlineData("mongo:8.0", true)]
    [InlineData("rabbitmq:4.2-management", true)]
    public void A_version_names_major_and_minor_at_least(string image, bool isPinned) => Assert.Equal(isPinned, Pinned().IsMatch(Split(image).Version));

    [Fact]
    public void The_tests_and_the_compose_file_start_the_images_of_the_chart()
    {
        var values = Manifest.Parse(File.ReadAllText(Path.Combine(Repository.Root, "deploy/helm/tertulia/values.yaml")))!;
        var chart = ((string[])["rabbitmq", "postgresql", "mongodb"]).Select(server => values[server]!["embedded"]!["image"]!)
            .Select(image => $"{image["repository"]}:{image["tag"]}").ToArray();
        var compose = Manifest.Parse(File.ReadAllText(Path.Combine(Docker, "compose.yaml")))!["services"]!;

        Assert.Equal([Servers.RabbitMqImage, Servers.PostgresImage, Servers.MongoImage], chart);
        Assert.Equal([compose["rabbitmq"]!["image"]!.ToString(), compose["postgres"]!["image"]!.ToString()], chart[..2]);
    }

    [Fact]
    public void Nothing_comes_from_Bitnami() =>
        Assert.DoesNotContain(Files, file => ImagesOf(File.ReadAllText(file)).Any(image => image.Contains("bitnami", StringComparison.OrdinalIgnoreCase)));

    [Fact]
    public void The_image_has_every_program_and_each_of_them_is_published()
    {
        var dockerfile = File.ReadAllText(Path.Combine(Docker, "Dockerfile"));
        var projects = PublishedProject().Matches(File.ReadAllText(Path.Combine(Docker, "publish.sh"))).Select(match => match.Groups[1].Value).ToArray();

        Assert.All(projects, project => Assert.True(File.Exists(Path.Combine(Repository.Root, project)), project));
        Assert.Equal(
            projects.Select(project => Path.GetFileNameWithoutExtension(project)).Order(StringComparer.Ordinal),
            Program().Matches(dockerfile).Select(match => match.Groups[1].Value).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_image_that_runs_is_not_root_and_has_no_shell()
    {
        var runtime = File.ReadAllText(Path.Combine(Docker, "Dockerfile")).Split("\nFROM ")[^1];

        Assert.StartsWith("mcr.microsoft.com/dotnet/aspnet:10.0-noble-chiseled AS runtime", runtime, StringComparison.Ordinal);
        Assert.Contains("\nUSER 1654\n", runtime, StringComparison.Ordinal);
        Assert.DoesNotContain("\nRUN ", runtime, StringComparison.Ordinal); // Nothing could run it.
        Assert.All(["title", "description", "licenses", "source", "version", "revision"], label => Assert.Contains($"org.opencontainers.image.{label}=",
            runtime, StringComparison.Ordinal));
    }

    [Fact]
    [Trait(Needs.Trait, Needs.Helm)]
    public async Task The_Dockerfile_is_one()
    {
        var said = await Helm.NodeAsync("dockerfile.cjs", File.ReadAllText(Path.Combine(Docker, "Dockerfile")));

        Assert.Equal("build sdk\ndev aspnet\nruntime aspnet\n", said.All);
    }

    [Fact]
    public void Compose_starts_every_service_with_keys_that_it_reads()
    {
        var compose = Manifest.Parse(File.ReadAllText(Path.Combine(Docker, "compose.yaml")))!;
        foreach (var (name, service) in compose["services"]!.AsObject().Where(service => Command(service.Value) is not null))
        {
            var keys = service!["environment"]!.AsObject().Select(pair => pair.Key).ToArray();
            if (name == "verify")
            {
                Assert.Equal(["TERTULIA_VERIFY_SECRET"], keys);
                continue;
            }

            var read = ServiceKeys.Of(name);
            Assert.Equal($"dotnet {ServiceKeys.Programs[name].Program}.dll", string.Join(' ', Command(service)!.Select(word => word!.ToString())));
            Assert.All(keys, key => Assert.True(read.IsMatch(key), $"{name} does not read {key}"));
            Assert.All(ServiceKeys.NeededBy(name), key => Assert.Contains(key, keys));
        }
    }

    [Fact]
    public void Compose_gives_no_secret_and_opens_ports_on_this_machine_only()
    {
        var text = File.ReadAllText(Path.Combine(Docker, "compose.yaml"));
        var services = Manifest.Parse(text)!["services"]!.AsObject();

        Assert.All(SecretVariable().Matches(text), match => Assert.EndsWith(":?}", match.Value, StringComparison.Ordinal));
        Assert.All(services.SelectMany(service => service.Value!["ports"] as JsonArray ?? []), port => Assert.StartsWith("127.0.0.1:", port!.ToString(),
            StringComparison.Ordinal));
    }

    private static JsonArray? Command(JsonNode? service) => service!["command"] as JsonArray;

    private static IEnumerable<string> ImagesOf(string text) =>
        Image().Matches(text).Select(match => match.Groups[1].Value)
            .Concat(Repositories().Matches(text).Where(match => match.Groups[2].Value.Length > 0).Select(match =>
                $"{match.Groups[1].Value}:{match.Groups[2].Value}"));

    private static (string Name, string Version) Split(string image)
    {
        var at = image.IndexOf('@', StringComparison.Ordinal) is >= 0 and var digest ? digest : image.LastIndexOf(':');
        return at < 0 || image[at..].Contains('/', StringComparison.Ordinal) ? (image, "") : (image[..at], image[(at + 1)..]);
    }

    // FROM name:tag and image: name:tag; a stage of the same Dockerfile has no tag and no slash.
    [GeneratedRegex("(?:^FROM (?:--platform=\\S+ )?|^\\s*(?:- )?image: [\"']?)([a-z0-9./:@_-]+[:/][a-z0-9./:@_-]+)", RegexOptions.Multiline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Image();

    // repository and tag of values.yaml.
    [GeneratedRegex("repository: (\\S+)\\n(?: *#.*\\n)* *tag: \"?([^\"\\s]*)\"?", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Repositories();

    [GeneratedRegex("^v?\\d+\\.\\d+|^sha256:", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Pinned();

    [GeneratedRegex("^  ([a-zA-Z/.]+\\.csproj)$", RegexOptions.Multiline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex PublishedProject();

    [GeneratedRegex("(Tertulia\\.[A-Za-z]+)\\.dll", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Program();

    [GeneratedRegex("\\$\\{[A-Z_]+[^}]*\\}", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex SecretVariable();
}
