namespace Tertulia.Testing;

/// <summary>What a cluster on one machine consists of.</summary>
public sealed record ClusterLayout
{
    /// <summary>Gateways; default 1.</summary>
    public int Gateways { get; init; } = 1;

    /// <summary>Connection nodes; default 2.</summary>
    public int Connections { get; init; } = 2;

    /// <summary>Replicas of the message service; default 1.</summary>
    public int Messages { get; init; } = 1;

    /// <summary>Replicas of the presence service; default 1.</summary>
    public int Presences { get; init; } = 1;

    /// <summary>Replicas of the notification service; default 1.</summary>
    public int Notifications { get; init; } = 1;

    /// <summary>Programs that run in the place of a service's own, by the service's name, which is their first argument.</summary>
    public IReadOnlyDictionary<string, string> Hosts { get; init; } = new Dictionary<string, string>();

    /// <summary>Another checkout whose programs are started, built in the configuration of this one; see <see cref="ClusterProcesses.UpgradeAsync"/>. Default this one.</summary>
    public string? BuiltIn { get; init; }

    /// <summary>Port of the first gateway; default a free one. The others always take free ones.</summary>
    public int? GatewayPort { get; init; }

    /// <summary>Folder for data and logs; default a new one below the temporary folder, removed at the end.</summary>
    public string? Directory { get; init; }

    /// <summary>A broker that is there already; default a private one.</summary>
    public Uri? Broker { get; init; }

    /// <summary>All services keep their data on MongoDB (<see cref="PrivateMongo"/>); default PostgreSQL.</summary>
    public bool OnMongo { get; init; }

    /// <summary>Npgsql connection string of an existing database; default a private server.</summary>
    public string? Store { get; init; }

    /// <summary>A folder with <c>tls.crt</c>, <c>tls.key</c> and <c>ca.crt</c>: then the processes speak TLS among themselves.</summary>
    public string? InternalTls { get; init; }

    /// <summary>Added to the environment of every process of ours: configuration keys such as <c>Limits__EventsPerMinute</c>.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>Longest time from SIGTERM to the exit of a process when the cluster is stopped; it is also the drain grace of the processes.</summary>
    /// <value>Default 5 seconds.</value>
    public TimeSpan StopWithin { get; init; } = TimeSpan.FromSeconds(5);
}
