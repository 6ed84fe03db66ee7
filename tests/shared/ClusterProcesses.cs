using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;

namespace Tertulia.Testing;

/// <summary>The real topology on one machine: gateways, nodes and services from the built programs, a real broker and a real store.</summary>
/// <remarks>One log per process in <see cref="LogDirectory"/>. Every process can be killed, stopped and started again by its handle;
/// ports and addresses stay the same across restarts.</remarks>
public sealed class ClusterProcesses : IAsyncDisposable
{
    private static readonly Dictionary<string, (string Project, string Assembly)> Programs = new(StringComparer.Ordinal)
    {
        ["message"] = ("services/message", "Tertulia.Messages"),
        ["presence"] = ("services/presence", "Tertulia.Presence"),
        ["notification"] = ("services/notification", "Tertulia.Notifications"),
        ["connection"] = ("services/connection", "Tertulia.Connections"),
        ["gateway"] = ("gateway", "Tertulia.Gateway"),
    };

    private readonly ClusterLayout _layout;
    private readonly string _directory;
    private readonly bool _ownsDirectory;
    private readonly ConcurrentBag<ServerProcess> _services = [];
    private readonly string _database; // On a MongoDB that may be somebody else's.
    private PrivateRabbitMq? _broker;
    private PrivatePostgres? _store;
    private PrivateMongo? _mongo;

    private ClusterProcesses(ClusterLayout layout)
    {
        _layout = layout;
        _ownsDirectory = layout.Directory is null;
        _database = _ownsDirectory ? $"tertulia_test_{Guid.NewGuid():N}"[..30] : "tertulia";
        _directory = Path.GetFullPath(layout.Directory ?? Path.Combine(Path.GetTempPath(), $"tertulia-{Guid.NewGuid():N}"[..24]));
    }

    /// <summary>The doors.</summary>
    public IReadOnlyList<ServerProcess> Gateways { get; private set; } = [];

    /// <summary>The connection nodes.</summary>
    public IReadOnlyList<ServerProcess> Connections { get; private set; } = [];

    /// <summary>Replicas of the message service.</summary>
    public IReadOnlyList<ServerProcess> Messages { get; private set; } = [];

    /// <summary>Replicas of the presence service.</summary>
    public IReadOnlyList<ServerProcess> Presences { get; private set; } = [];

    /// <summary>Replicas of the notification service.</summary>
    public IReadOnlyList<ServerProcess> Notifications { get; private set; } = [];

    /// <summary>The private broker's process.</summary>
    /// <exception cref="InvalidOperationException">The layout named a broker of its own.</exception>
    public ServerProcess Broker => _broker?.Process ?? throw new InvalidOperationException("The broker is not ours");

    /// <summary>The private store's process.</summary>
    /// <exception cref="InvalidOperationException">The layout named a store of its own, or the MongoDB is somebody else's.</exception>
    public ServerProcess Store => _store?.Process ?? _mongo?.Process ?? throw new InvalidOperationException("The store is not ours");

    /// <summary>The private store.</summary>
    /// <exception cref="InvalidOperationException">The layout named a store of its own.</exception>
    public PrivatePostgres Postgres => _store ?? throw new InvalidOperationException("The store is not ours");

    /// <summary>The MongoDB of the cluster.</summary>
    /// <exception cref="InvalidOperationException">The layout is not on MongoDB.</exception>
    public PrivateMongo Mongo => _mongo ?? throw new InvalidOperationException("The store is no MongoDB");

    /// <summary>Connection string of the store.</summary>
    public string StoreConnectionString => _layout.OnMongo ? Mongo.ConnectionString(_database) : _layout.Store ?? _store!.ConnectionString();

    /// <summary>Every process that runs on behalf of this cluster, broker and store included.</summary>
    public IReadOnlyList<ServerProcess> All => [.. _services, .. new[] { _broker?.Process, _store?.Process, _mongo?.Process }.OfType<ServerProcess>()];

    /// <summary>Where clients connect: the first gateway.</summary>
    public Uri GatewayUrl => Gateways[0].Url;

    /// <summary>The nodes' own doors, past the gateway.</summary>
    public IReadOnlyList<Uri> NodeUrls => [.. Connections.Select(node => node.Url)];

    /// <summary>Where the services and nodes take calls of each other.</summary>
    public IReadOnlyList<int> InternalPorts { get; private set; } = [];

    /// <summary>One file per process: <c>connection-1.log</c>.</summary>
    public string LogDirectory => Path.Combine(_directory, "logs");

    /// <summary>Which process is which: a line for each with its name, id, address and log.</summary>
    public string ListPath => Path.Combine(LogDirectory, "processes.txt");

    /// <summary>Starts everything and waits until all of it is ready.</summary>
    /// <exception cref="InvalidOperationException">A process did not become ready; the message has the end of its log. Nothing is left running.</exception>
    public static async Task<ClusterProcesses> StartAsync(ClusterLayout layout, CancellationToken cancellationToken)
    {
        var cluster = new ClusterProcesses(layout);
        try
        {
            await cluster.StartAsync(cancellationToken);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>SIGTERM to all of ours, doors first, and waits; then the broker and the store.</summary>
    /// <exception cref="AggregateException">Some did not end in time; they have been killed.</exception>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        List<Exception> failures = [];
        // Each tier serves the one before it, so it may leave only after it. The grace is the process's own; the rest is for exiting.
        foreach (var tier in (IReadOnlyList<ServerProcess>[])[Gateways, Connections, Notifications, Messages, Presences])
        {
            var running = tier.Where(process => !process.HasExited).ToArray();
            foreach (var stop in running.Select(process => process.TerminateAsync(_layout.StopWithin + TimeSpan.FromSeconds(15), cancellationToken)).ToArray())
            {
                try
                {
                    await stop;
                }
                catch (TimeoutException late)
                {
                    failures.Add(late);
                }
            }
        }

        if (failures.Count > 0)
        {
            throw new AggregateException(failures);
        }
    }

    /// <summary>Kills a process when it runs, starts this checkout's build in its place and waits until it is ready.</summary>
    public Task UpgradeAsync(ServerProcess process, CancellationToken cancellationToken) =>
        process.RestartAsync([ProgramOf(process.Name.Split('-')[0], root: null)], cancellationToken);

    /// <summary>Kills what still runs; removes the folder when it is a temporary one.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var process in All)
        {
            await process.DisposeAsync();
        }

        if (_mongo is { IsOurs: false } && _ownsDirectory)
        {
            await _mongo.DropAsync(_database);
        }

        if (_ownsDirectory && Directory.Exists(_directory))
        {
            Directory.Delete(_directory, recursive: true);
        }
    }

    private async Task StartAsync(CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(LogDirectory);
        var brokerStart = StartBrokerAsync(cancellationToken);
        var storeStart = StartStoreAsync(cancellationToken);
        await Task.WhenAll(brokerStart, storeStart);

        // Every address is known before anything starts: services name each other.
        var messages = Plans("message", _layout.Messages);
        var presences = Plans("presence", _layout.Presences);
        var notifications = Plans("notification", _layout.Notifications);
        var connections = Plans("connection", _layout.Connections);
        var gateways = Plans("gateway", _layout.Gateways);
        InternalPorts = [.. messages.Concat(presences).Concat(notifications).Concat(connections).Select(plan => plan.Http2Port)];
        if (_layout.GatewayPort is { } port && gateways.Length > 0)
        {
            gateways[0] = gateways[0] with { Port = port };
        }

        var environment = new Dictionary<string, string>
        {
            ["ASPNETCORE_ENVIRONMENT"] = "Development",
            ["DOTNET_ENVIRONMENT"] = "Development",
            ["Auth__Mode"] = "Development",
            ["Internal__Secret"] = RandomNumberGenerator.GetHexString(64),
            ["Bus__Kind"] = "RabbitMq",
            ["Bus__RabbitMq__Uri"] = (_layout.Broker ?? _broker!.Uri).ToString(),
            ["Store__Kind"] = _layout.OnMongo ? "MongoDb" : "Postgres",
            ["Store__ConnectionString"] = StoreConnectionString,
            ["Services__message"] = Addresses(messages),
            ["Services__presence"] = Addresses(presences),
            ["Services__notification"] = Addresses(notifications),
            ["Gateway__Nodes"] = Addresses(connections),
            ["Drain__Grace"] = _layout.StopWithin.ToString("c", CultureInfo.InvariantCulture),
        };
        if (_layout.InternalTls is { } certificates)
        {
            environment["Internal__Tls__Certificate"] = Path.Combine(certificates, "tls.crt");
            environment["Internal__Tls__Key"] = Path.Combine(certificates, "tls.key");
            environment["Internal__Tls__Authority"] = Path.Combine(certificates, "ca.crt");
        }

        foreach (var (name, value) in _layout.Environment)
        {
            environment[name] = value;
        }

        // Services that are asked come first; a gateway is ready only when a node is.
        var askedFirst = await StartAllAsync([.. messages, .. presences, .. notifications], environment, cancellationToken);
        Messages = [.. askedFirst.Take(messages.Length)];
        Presences = [.. askedFirst.Skip(messages.Length).Take(presences.Length)];
        Notifications = [.. askedFirst.Skip(messages.Length + presences.Length)];
        Connections = await StartAllAsync(connections, environment, cancellationToken);
        Gateways = await StartAllAsync(gateways, environment, cancellationToken);
        await WriteListAsync(cancellationToken);
    }

    /// <summary>Writes <see cref="ListPath"/>: at the start, and for who restarted some.</summary>
    public Task WriteListAsync(CancellationToken cancellationToken) => File.WriteAllLinesAsync(
        ListPath,
        All.OrderBy(process => process.Name, StringComparer.Ordinal)
            .Select(process => $"{process.Name,-16} process {process.Id,-8} {(process.HasUrl ? process.Url.GetLeftPart(UriPartial.Authority) : "-"),-24} {process.LogPath}"),
        cancellationToken);

    private async Task StartBrokerAsync(CancellationToken cancellationToken) =>
        _broker = _layout.Broker is null
            ? await PrivateRabbitMq.StartAsync(Path.Combine(_directory, "rabbitmq"), Path.Combine(LogDirectory, "rabbitmq.log"), cancellationToken)
            : null;

    private async Task StartStoreAsync(CancellationToken cancellationToken)
    {
        if (_layout.OnMongo)
        {
            _mongo = await PrivateMongo.StartAsync(Path.Combine(_directory, "mongodb"), Path.Combine(LogDirectory, "mongodb.log"), cancellationToken);
        }
        else if (_layout.Store is null)
        {
            _store = await PrivatePostgres.StartAsync(Path.Combine(_directory, "postgres"), Path.Combine(LogDirectory, "postgres.log"), cancellationToken);
        }
    }

    private Plan[] Plans(string service, int count) =>
        count == 0 ? [] : [.. Enumerable.Range(1, count).Select(number =>
            new Plan(
                $"{service}-{number}", _layout.Hosts.TryGetValue(service, out var host) ? [host, service] : [ProgramOf(service, _layout.BuiltIn)], FreePorts.Next(), FreePorts.Next()))];

    private static string ProgramOf(string service, string? root) => Repository.Program(Programs[service].Project, Programs[service].Assembly, root);

    private string Addresses(Plan[] plans) => string.Join(';', plans.Select(plan => Internal(plan.Http2Port)));

    private string Internal(int port) => string.Create(CultureInfo.InvariantCulture, $"{(_layout.InternalTls is null ? "http" : "https")}://127.0.0.1:{port}");

    private static string Local(int port) => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}");

    private async Task<IReadOnlyList<ServerProcess>> StartAllAsync(
        Plan[] plans, Dictionary<string, string> environment, CancellationToken cancellationToken) =>
        await Task.WhenAll(plans.Select(plan => StartOneAsync(Start(plan, environment), cancellationToken)));

    private async Task<ServerProcess> StartOneAsync(ServerStart start, CancellationToken cancellationToken)
    {
        var process = await ServerProcess.StartAsync(start, cancellationToken);
        _services.Add(process);
        return process;
    }

    private ServerStart Start(Plan plan, Dictionary<string, string> environment)
    {
        var own = new Dictionary<string, string>(environment)
        {
            ["urls"] = Local(plan.Port),
            ["Listen__Http2"] = Internal(plan.Http2Port),
        };
        return new ServerStart(
            plan.Name, "dotnet", plan.Arguments, Path.Combine(LogDirectory, plan.Name + ".log"), Ready.Answers(new Uri(Local(plan.Port) + "/health/ready")))
        {
            Environment = own,
            Url = new Uri(Local(plan.Port)),
        };
    }

    private sealed record Plan(string Name, IReadOnlyList<string> Arguments, int Port, int Http2Port);
}
