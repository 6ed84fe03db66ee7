using System.Globalization;
using MongoDB.Bson;
using MongoDB.Driver;

namespace Tertulia.Testing;

/// <summary>A MongoDB for tests and for the cluster on one machine: the server that <c>TERTULIA_TEST_MONGODB</c> names, else a replica set of one that is ours, from
/// <c>mongod</c> on the path or as a container.</summary>
public sealed class PrivateMongo : IAsyncDisposable
{
    private const string ReplicaSet = "tertulia";
    private const int ContainerPort = 27_017;

    private PrivateMongo(MongoUrl url, ServerProcess? process) => (Url, Process) = (url, process);

    /// <summary>How it is reached.</summary>
    public MongoUrl Url { get; }

    /// <summary>Our <c>mongod</c>, as a process or in a container; null when it is a server that is there already.</summary>
    public ServerProcess? Process { get; }

    /// <summary>It is ours, and may be killed.</summary>
    public bool IsOurs => Process is not null;

    /// <summary>Where one is found: <c>connection</c>, <c>mongod</c> or <c>docker</c>; else why there is none.</summary>
    public static async Task<(bool IsThere, string Word)> FindAsync(CancellationToken cancellationToken)
    {
        var (exitCode, output) = await Servers.RunAsync("bash", [Path.Combine(Repository.Root, "tests/mongodb.sh")], cancellationToken);
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
            return new PrivateMongo(MongoUrl.Create(Environment.GetEnvironmentVariable("TERTULIA_TEST_MONGODB")), process: null);
        }

        directory = Path.GetFullPath(directory);
        Directory.CreateDirectory(directory);
        var port = FreePorts.Next();
        var url = MongoUrl.Create(string.Create(CultureInfo.InvariantCulture, $"mongodb://127.0.0.1:{port}/?directConnection=true"));
        return new PrivateMongo(url, word == "mongod" ? await StartProcessAsync(directory, logPath, port, url, cancellationToken)
            : await ContainerProcess.StartAsync(
                new ServerStart("mongodb", "mongod", [], logPath, token => IsPrimaryAsync(url, ContainerPort, token)), Container(directory, port), cancellationToken));
    }

    /// <summary>How it is started in a container.</summary>
    /// <param name="directory">Its data, on this machine.</param>
    /// <param name="port">Where it is reached.</param>
    public static ContainerStart Container(string directory, int port) => new(Servers.MongoImage, ContainerPort, port, directory, "/data/db")
    {
        Command = ["--replSet", ReplicaSet, "--bind_ip_all", "--oplogSize", "128", "--wiredTigerCacheSizeGB", "0.25"],
    };

    /// <summary>For the driver, with a database.</summary>
    public string ConnectionString(string database) => new MongoUrlBuilder(Url.Url) { DatabaseName = database }.ToString();

    /// <summary>Removes a database.</summary>
    public async Task DropAsync(string database)
    {
        using var client = new MongoClient(Url);
        await client.DropDatabaseAsync(database);
    }

    /// <summary>kill -9. What it acknowledged it has in its journal.</summary>
    public Task KillAsync() => Ours.KillAsync();

    /// <summary>Starts it again after <see cref="KillAsync"/>, and waits until it takes writes.</summary>
    public Task RestartAsync(CancellationToken cancellationToken) => Ours.RestartAsync(cancellationToken);

    /// <inheritdoc />
    public ValueTask DisposeAsync() => Process?.DisposeAsync() ?? ValueTask.CompletedTask;

    private ServerProcess Ours => Process ?? throw new InvalidOperationException("The MongoDB is not ours");

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
}
