using System.Globalization;
using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>What the person who starts the product sees.</summary>
public sealed class StartTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tertulia-start-").FullName;

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
        using var other = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, port);
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
