using System.Diagnostics;
using System.Globalization;
using MongoDB.Bson;
using MongoDB.Driver;

namespace Tertulia.Testing;

/// <summary>A MongoDB for tests and for the cluster on one machine: the server that <c>TERTULIA_TEST_MONGODB</c> names, else a replica set of one that is ours, from
/// <c>mongod</c> on the path or as a container.</summary>
public sealed class PrivateMongo : IAsyncDisposable
{
    private const string Image = "mongo:8.0";
    private const string ReplicaSet = "tertulia";
    private const int ContainerPort = 27_017;
    private static readonly TimeSpan AskEvery = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan ReadyWithin = TimeSpan.FromSeconds(60);

    private readonly string? _container;

    private PrivateMongo(MongoUrl url, ServerProcess? process, string? container) => (Url, Process, _container) = (url, process, container);

    /// <summary>How it is reached.</summary>
    public MongoUrl Url { get; }

    /// <summary>Our <c>mongod</c>; null when it is a container, or a server that is there already.</summary>
    public ServerProcess? Process { get; }

    /// <summary>It is ours, and may be killed.</summary>
    public bool IsOurs => Process is not null || _container is not null;

    /// <summary>Where one is found: <c>connection</c>, <c>mongod</c> or <c>docker</c>; else why there is none.</summary>
    public static async Task<(bool IsThere, string Word)> FindAsync(CancellationToken cancellationToken)
    {
        var (exitCode, output) = await RunAsync("bash", [Path.Combine(Repository.Root, "tests/mongodb.sh")], cancellationToken);
        return (exitCode == 0, output.Trim());
    }

    /// <summary>Starts one, or takes the one that is there.</summary>
    /// <param name="directory">Folder for its data, kept; created when absent.</param>
    /// <param name="logPath">Where its output goes.</param>
    /// <param name="cancellationToken">Stops the start.</param>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public static async Task<PrivateMongo> StartAsync(string directory, string logPath, CancellationToken cancellationToken)
    {
        var (isThere, word) = await FindAsync(cancellationToken);
        if (!isThere)
        {
            throw new InvalidOperationException($"There is no MongoDB: {word}.");
        }

        if (word == "connection")
        {
            return new PrivateMongo(MongoUrl.Create(Environment.GetEnvironmentVariable("TERTULIA_TEST_MONGODB")), process: null, container: null);
        }

        directory = Path.GetFullPath(directory);
        Directory.CreateDirectory(directory);
        var port = FreePorts.Next();
        var url = MongoUrl.Create(string.Create(CultureInfo.InvariantCulture, $"mongodb://127.0.0.1:{port}/?directConnection=true"));
        return word == "mongod"
            ? new PrivateMongo(url, await StartProcessAsync(directory, logPath, port, url, cancellationToken), container: null)
            : new PrivateMongo(url, process: null, await StartContainerAsync(directory, port, url, cancellationToken));
    }

    /// <summary>For the driver, with a database.</summary>
    public string ConnectionString(string database) => new MongoUrlBuilder(Url.Url) { DatabaseName = database }.ToString();

    /// <summary>Removes a database.</summary>
    public async Task DropAsync(string database)
    {
        using var client = new MongoClient(Url);
        await client.DropDatabaseAsync(database);
    }

    /// <summary>kill -9. What it acknowledged it has in its journal.</summary>
    public async Task KillAsync()
    {
        if (Process is not null)
        {
            await Process.KillAsync();
        }
        else
        {
            await DockerAsync(["kill", Container], CancellationToken.None);
        }
    }

    /// <summary>Starts it again after <see cref="KillAsync"/>, and waits until it takes writes.</summary>
    public async Task RestartAsync(CancellationToken cancellationToken)
    {
        if (Process is not null)
        {
            await Process.RestartAsync(cancellationToken);
        }
        else
        {
            await DockerAsync(["start", Container], cancellationToken);
            await WaitUntilPrimaryAsync(Url, cancellationToken);
        }
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        if (Process is not null)
        {
            await Process.DisposeAsync();
        }
        else if (_container is not null)
        {
            await DockerAsync(["rm", "--force", "--volumes", _container], CancellationToken.None);
        }
    }

    private string Container => _container ?? throw new InvalidOperationException("The MongoDB is not ours");

    private static Task<ServerProcess> StartProcessAsync(string directory, string logPath, int port, MongoUrl url, CancellationToken cancellationToken) =>
        ServerProcess.StartAsync(
            new ServerStart(
                "mongod", "mongod",
                [
                    "--dbpath", directory, "--port", port.ToString(CultureInfo.InvariantCulture), "--bind_ip", "127.0.0.1", "--nounixsocket", "--replSet", ReplicaSet,
                    "--oplogSize", "128", "--wiredTigerCacheSizeGB", "0.25",
                ],
                logPath, token => IsPrimaryAsync(url, url.Server.Port, token)),
            cancellationToken);

    private static async Task<string> StartContainerAsync(string directory, int port, MongoUrl url, CancellationToken cancellationToken)
    {
        var container = $"tertulia-mongodb-{Guid.NewGuid():N}"[..28];
        var (_, user) = await RunAsync("id", ["-u"], cancellationToken); // So that what it writes can be removed.
        await DockerAsync(
            [
                "run", "--detach", "--name", container, "--user", user.Trim(), "--publish", string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}:{ContainerPort}"),
                "--volume", $"{directory}:/data/db", Image, "--replSet", ReplicaSet, "--bind_ip_all", "--oplogSize", "128", "--wiredTigerCacheSizeGB", "0.25",
            ],
            cancellationToken);
        await WaitUntilPrimaryAsync(url, cancellationToken);
        return container;
    }

    private static async Task WaitUntilPrimaryAsync(MongoUrl url, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(ReadyWithin);
        while (!await IsPrimaryAsync(url, ContainerPort, deadline.Token))
        {
            await Task.Delay(AskEvery, deadline.Token);
        }
    }

    /// <summary>Makes the server a replica set of one, of which it is the primary a moment later: only there a majority means something.</summary>
    /// <param name="url">Where we reach it.</param>
    /// <param name="ownPort">Where it reaches itself: in a container it is another one.</param>
    /// <param name="cancellationToken">Ends the asking.</param>
    private static async Task<bool> IsPrimaryAsync(MongoUrl url, int ownPort, CancellationToken cancellationToken)
    {
        var settings = MongoClientSettings.FromUrl(url);
        settings.ServerSelectionTimeout = TimeSpan.FromSeconds(1);
        using var client = new MongoClient(settings);
        var admin = client.GetDatabase("admin");
        try
        {
            var hello = await admin.RunCommandAsync<BsonDocument>(new BsonDocument("hello", 1), ReadPreference.Nearest, cancellationToken);
            if (!hello.Contains("setName") && !hello.Contains("hosts"))
            {
                var self = new BsonDocument { { "_id", 0 }, { "host", string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{ownPort}") } };
                var set = new BsonDocument { { "_id", ReplicaSet }, { "members", new BsonArray { self } } };
                await admin.RunCommandAsync<BsonDocument>(new BsonDocument("replSetInitiate", set), ReadPreference.Nearest, cancellationToken);
            }

            return hello.GetValue("isWritablePrimary", false).ToBoolean();
        }
        catch (Exception exception) when (exception is MongoException or TimeoutException)
        {
            return false; // It does not answer yet, or is about to become what it is asked to.
        }
    }

    private static async Task DockerAsync(string[] arguments, CancellationToken cancellationToken)
    {
        var (exitCode, output) = await RunAsync("docker", arguments, cancellationToken);
        if (exitCode != 0)
        {
            throw new InvalidOperationException($"docker {string.Join(' ', arguments)} ended with {exitCode}: {output}");
        }
    }

    private static async Task<(int ExitCode, string Output)> RunAsync(string program, string[] arguments, CancellationToken cancellationToken)
    {
        using var process = System.Diagnostics.Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })
            ?? throw new InvalidOperationException($"{program} was not started");
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(cancellationToken), process.StandardError.ReadToEndAsync(cancellationToken));
        await process.WaitForExitAsync(cancellationToken);
        return (process.ExitCode, await output + await errors);
    }
}
