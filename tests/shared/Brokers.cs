using System.Globalization;

namespace Tertulia.Testing;

/// <summary>A RabbitMQ of our own, in a container or as a process: one node, loopback only, everything it writes below one folder.</summary>
public sealed class PrivateRabbitMq : IAsyncDisposable
{
    // The Debian wrapper in sbin changes the user and uses fixed folders; this one does neither.
    private const string Program = "/usr/lib/rabbitmq/bin/rabbitmq-server";

    // No busy waiting of idle schedulers (https://www.rabbitmq.com/docs/runtime#scheduler-busy-waiting).
    private const string Schedulers = "+sbwt none +sbwtdcpu none +sbwtdio none";

    private PrivateRabbitMq(ServerProcess process, Uri uri)
    {
        Process = process;
        Uri = uri;
    }

    /// <summary>The broker; survives kill and restart with its queues.</summary>
    public ServerProcess Process { get; }

    /// <summary><c>amqp://guest:guest@127.0.0.1:port</c>.</summary>
    public Uri Uri { get; }

    /// <summary>Starts a broker; 5 to 10 seconds.</summary>
    /// <param name="directory">Folder for its data, created when absent.</param>
    /// <param name="logPath">Where its start output goes; its own log is <c>rabbit.log</c> below the folder.</param>
    /// <param name="cancellationToken">Stops the start.</param>
    /// <param name="settings">More lines of its configuration file.</param>
    public static async Task<PrivateRabbitMq> StartAsync(string directory, string logPath, CancellationToken cancellationToken, params string[] settings)
    {
        directory = Path.GetFullPath(directory);
        Directory.CreateDirectory(directory);
        var port = FreePorts.Next();
        var start = new ServerStart("rabbitmq", Program, [], logPath, Ready.Amqp(port)) { ReadyWithin = TimeSpan.FromSeconds(120) };
        var process = await Servers.InContainersAsync()
            ? await ContainerProcess.StartAsync(start, Container(directory, port, settings), cancellationToken)
            : await ServerProcess.StartAsync(start with { Environment = await EnvironmentAsync(directory, port, settings, cancellationToken) }, cancellationToken);
        return new PrivateRabbitMq(process, new Uri(string.Create(CultureInfo.InvariantCulture, $"amqp://guest:guest@127.0.0.1:{port}")));
    }

    /// <summary>How it is started in a container.</summary>
    /// <param name="directory">Its data, on this machine.</param>
    /// <param name="port">Where it is reached.</param>
    /// <param name="settings">More lines of its configuration file.</param>
    public static ContainerStart Container(string directory, int port, IReadOnlyList<string> settings) => new(Servers.RabbitMqImage, 5672, port, directory, "/var/lib/rabbitmq")
    {
        Environment = new Dictionary<string, string>
        {
            ["RABBITMQ_NODENAME"] = "rabbit@localhost", // The data belong to the name; the host's is another one in each container.
            ["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"] = Schedulers,
        },
        Files = new Dictionary<string, string> { ["/etc/rabbitmq/conf.d/90-tertulia.conf"] = $"loopback_users = none\n{string.Join('\n', settings)}\n" },
    };

    /// <inheritdoc />
    public ValueTask DisposeAsync() => Process.DisposeAsync();

    private static async Task<Dictionary<string, string>> EnvironmentAsync(string directory, int port, string[] settings, CancellationToken cancellationToken)
    {
        var name = await NodeNameAsync(directory, cancellationToken);
        await File.WriteAllTextAsync(Path.Combine(directory, "enabled_plugins"), "[].", cancellationToken);
        await File.WriteAllTextAsync(Path.Combine(directory, "rabbitmq.conf"), string.Create(CultureInfo.InvariantCulture, $"""
            listeners.tcp.1 = 127.0.0.1:{port}
            loopback_users = none
            log.file = rabbit.log
            log.console = false
            {string.Join('\n', settings)}

            """), cancellationToken);

        return new Dictionary<string, string>
        {
            ["HOME"] = directory,
            ["RABBITMQ_NODENAME"] = name,
            ["RABBITMQ_MNESIA_BASE"] = Path.Combine(directory, "mnesia"),
            ["RABBITMQ_LOG_BASE"] = Path.Combine(directory, "log"),
            ["RABBITMQ_CONFIG_FILE"] = Path.Combine(directory, "rabbitmq.conf"),
            ["RABBITMQ_ENABLED_PLUGINS_FILE"] = Path.Combine(directory, "enabled_plugins"),
            ["RABBITMQ_PID_FILE"] = Path.Combine(directory, "pid"),
            ["RABBITMQ_DIST_PORT"] = FreePorts.Next().ToString(CultureInfo.InvariantCulture),
            ["RABBITMQ_CONF_ENV_FILE"] = "/dev/null",
            ["ERL_EPMD_ADDRESS"] = "127.0.0.1",
            ["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"] = Schedulers,
        };
    }

    /// <summary>Unique on this machine, as all brokers share its name server, and kept with the data, which belongs to the name.</summary>
    private static async Task<string> NodeNameAsync(string directory, CancellationToken cancellationToken)
    {
        var path = Path.Combine(directory, "name");
        if (!File.Exists(path))
        {
            await File.WriteAllTextAsync(path, $"tertulia-{Guid.NewGuid():N}@localhost", cancellationToken);
        }

        return await File.ReadAllTextAsync(path, cancellationToken);
    }
}

/// <summary>A Redis of our own, without persistence: only the rivals of the benchmark use one.</summary>
public sealed class PrivateRedis : IAsyncDisposable
{
    private PrivateRedis(ServerProcess process, Uri uri)
    {
        Process = process;
        Uri = uri;
    }

    /// <summary>The server.</summary>
    public ServerProcess Process { get; }

    /// <summary><c>redis://127.0.0.1:port</c>.</summary>
    public Uri Uri { get; }

    /// <summary>Starts a server.</summary>
    public static async Task<PrivateRedis> StartAsync(string logPath, CancellationToken cancellationToken)
    {
        var port = FreePorts.Next();
        string[] arguments = ["--port", port.ToString(CultureInfo.InvariantCulture), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        var process = await ServerProcess.StartAsync(
            new ServerStart("redis", "redis-server", arguments, logPath, Ready.Port(port)), cancellationToken);
        return new PrivateRedis(process, new Uri(string.Create(CultureInfo.InvariantCulture, $"redis://127.0.0.1:{port}")));
    }

    /// <inheritdoc />
    public ValueTask DisposeAsync() => Process.DisposeAsync();
}
