using System.Globalization;
using System.Net;
using System.Runtime.Versioning;
using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>What the person who starts the product sees.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class StartTests : IDisposable
{
    // Not CreateTempSubdirectory: PostgreSQL's own user has to get into it.
    private readonly string _folder = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), $"tertulia-start-{Guid.NewGuid():N}")).FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_start_ends_with_the_few_lines_that_a_person_needs_and_the_rest_is_in_a_file()
    {
        var port = FreePorts.Next();
        await using var product = Start(port, Path.Combine(_folder, "data"), "--Log:Folder", Path.Combine(_folder, "logs"));

        await product.WaitForLineAsync("Ctrl-C stops it");

        Assert.Contains(product.Lines, line => line.EndsWith($"http://127.0.0.1:{port}/", StringComparison.Ordinal));
        Assert.Contains(product.Lines, line => line.Contains($"./dev chat 1 --name Ana --url ws://127.0.0.1:{port}", StringComparison.Ordinal));
        Assert.Contains(product.Lines, line => line.Contains($"ws://127.0.0.1:{port}/ws/1?user_id=1", StringComparison.Ordinal));
        Assert.Equal(7, product.Lines.Count(line => line.Length > 0));
        var log = Path.Combine(_folder, "logs/tertulia.log");
        Assert.Contains(product.Lines, line => line.EndsWith(log, StringComparison.Ordinal));
        await Eventually.HoldsAsync(() => Read(log).Contains("info: Tertulia.", StringComparison.Ordinal), "the log file has what the console has not", () => Read(log));
    }

    [Fact]
    [Trait(Needs.Trait, Needs.RabbitMq)]
    [Trait(Needs.Trait, Needs.Postgres)]
    public async Task The_start_of_a_cluster_ends_with_the_same_lines_and_its_gateway_serves_the_same_page()
    {
        var port = FreePorts.Next();
        var output = Path.Combine(_folder, "output");
        string[] command =
        [
            Repository.Program("tools/cluster", "Tertulia.Cluster"), "--connections", "1", "--messages", "1",
            "--port", port.ToString(CultureInfo.InvariantCulture), "--data", _folder,
        ];
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        await using var cluster = await ServerProcess.StartAsync(
            new ServerStart("cluster", "dotnet", command, output, _ => Task.FromResult(Read(output).Contains("Ctrl-C stops all", StringComparison.Ordinal)))
            {
                ReadyWithin = TimeSpan.FromMinutes(3),
            },
            deadline.Token);

        var lines = Read(output).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains(lines, line => line.EndsWith($"http://127.0.0.1:{port}/", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Contains($"./dev chat 1 --name Ana --url ws://127.0.0.1:{port}", StringComparison.Ordinal));
        Assert.Equal(9, lines.Length);
        Assert.Equal(7, File.ReadLines(Path.Combine(_folder, "logs/processes.txt")).Count());
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        using var page = await http.GetAsync(new Uri("/", UriKind.Relative));
        Assert.Equal((HttpStatusCode.OK, "text/html"), (page.StatusCode, page.Content.Headers.ContentType?.MediaType));
        Assert.Contains("/start/chat.js", await page.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Contains("default-src 'none'", page.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        Assert.Equal("nosniff", page.Headers.GetValues("X-Content-Type-Options").Single());
        using var script = await http.GetAsync(new Uri("/start/chat.js", UriKind.Relative));
        Assert.Equal((HttpStatusCode.OK, "text/javascript"), (script.StatusCode, script.Content.Headers.ContentType?.MediaType));
        Assert.Equal(0, await cluster.TerminateAsync(TimeSpan.FromMinutes(1), deadline.Token));
    }

    [Fact]
    [Trait(Needs.Trait, Needs.RabbitMq)]
    [Trait(Needs.Trait, Needs.Postgres)]
    public async Task A_cluster_whose_data_folder_is_closed_to_the_user_of_PostgreSQL_says_which_folder_is()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            return; // Then PostgreSQL runs as the caller, who may enter.
        }

        var closed = Path.Combine(_folder, "closed");
        Directory.CreateDirectory(closed, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await using var cluster = PipedProgram.Start(
            "dotnet", [Repository.Program("tools/cluster", "Tertulia.Cluster"), "--port", FreePorts.Next().ToString(CultureInfo.InvariantCulture), "--data", Path.Combine(closed, "data")]);

        Assert.Equal(1, await cluster.WaitForExitAsync());

        Assert.Equal(
            [
                "Starting: about 20 seconds.",
                $"PostgreSQL does not run as root, and its user postgres may not enter {closed}: choose a folder outside of it with --data, or allow it with chmod o+x {closed}.",
            ],
            cluster.Lines);
    }

    [Fact]
    public async Task A_second_process_on_the_data_folder_is_told_who_has_it()
    {
        var data = Path.Combine(_folder, "data");
        using var first = new FileStream(Directory.CreateDirectory(data).FullName + "/lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        await File.WriteAllTextAsync(Path.Combine(data, "pid"), "4711");
        await using var second = Start(FreePorts.Next(), data);

        Assert.Equal(1, await second.WaitForExitAsync());

        Assert.Equal([$"The data folder {data} is used by another process (pid 4711): stop it, or choose another folder with --data."], second.Lines);
    }

    [Fact]
    public async Task A_process_whose_port_is_taken_says_so()
    {
        var port = FreePorts.Next();
        using var other = new System.Net.Sockets.TcpListener(IPAddress.Loopback, port);
        other.Start();
        await using var product = Start(port, Path.Combine(_folder, "data"));

        Assert.Equal(1, await product.WaitForExitAsync());

        Assert.Equal([$"http://127.0.0.1:{port} is in use by another process: stop it, or choose another port with --urls."], product.Lines);
    }

    [Fact]
    public async Task Bad_configuration_is_said_in_a_sentence_for_each_key()
    {
        await using var product = Start(FreePorts.Next(), Path.Combine(_folder, "data"), "--Drain:Grace=02:00:00", "--Bus:Partitions=0");

        Assert.Equal(1, await product.WaitForExitAsync());

        Assert.Equal(2, product.Lines.Count);
        Assert.All(product.Lines, line => Assert.StartsWith("Bad configuration: ", line, StringComparison.Ordinal));
        Assert.Contains(product.Lines, line => line.Contains("Grace", StringComparison.Ordinal));
        Assert.Contains(product.Lines, line => line.Contains("Partitions", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_value_that_is_no_value_is_said_in_a_sentence()
    {
        await using var product = Start(FreePorts.Next(), Path.Combine(_folder, "data"), "--Bus:Partitions=many");

        Assert.Equal(1, await product.WaitForExitAsync());

        var line = Assert.Single(product.Lines);
        Assert.StartsWith("Bad configuration: Failed to convert configuration value 'many' at 'Bus:Partitions'", line, StringComparison.Ordinal);
    }

    private static PipedProgram Start(int port, string data, params string[] more) => PipedProgram.Start(
        "dotnet",
        [Repository.Program("services/allinone", "Tertulia.AllInOne"), "--urls", string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}"), "--data", data, .. more],
        new Dictionary<string, string> { ["ASPNETCORE_ENVIRONMENT"] = "Development", ["Auth__Mode"] = "Development" });

    private static string Read(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var reader = new StreamReader(file);
        return reader.ReadToEnd();
    }
}
