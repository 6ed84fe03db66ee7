using System.Diagnostics;
using System.Globalization;
using Tertulia.Load.Dialects;
using Tertulia.Testing;

namespace Tertulia.Load.Contenders;

/// <summary>How a contender is started.</summary>
/// <param name="Folder">For data and logs.</param>
/// <param name="Cluster">Numbers of processes, for the cluster.</param>
/// <param name="Settings">Added to the environment of every process but broker and store.</param>
internal sealed record ContenderStart(string Folder, ClusterLayout Cluster, IReadOnlyDictionary<string, string> Settings)
{
    public string Log(string process) => Path.Combine(Folder, "logs", process + ".log");
}

/// <summary>The systems under test and how each is started.</summary>
internal static class Lineup
{
    private static readonly Dictionary<string, string> Unlimited = new()
    {
        ["Limits__EventsPerMinute"] = "0",
        ["Limits__RoomsCreatedPerHour"] = "0",
        ["Limits__RoomsCreatedPerUser"] = "0",
        ["Limits__ConnectionsPerUser"] = "0",
        ["Limits__ConnectionsPerAddress"] = "0",
        ["Limits__ConnectionsPerNode"] = "0",
    };

    /// <summary>By the name on the command line, in the order of the tables.</summary>
    public static IReadOnlyDictionary<string, Func<ContenderStart, CancellationToken, Task<Contender>>> All { get; } =
        new Dictionary<string, Func<ContenderStart, CancellationToken, Task<Contender>>>
        {
            ["socketio"] = StartSocketIoAsync,
            ["signalr"] = StartSignalRAsync,
            ["allinone"] = StartAllInOneAsync,
            ["cluster"] = StartClusterAsync,
        };

    /// <summary>Those that have rooms with a memory.</summary>
    public static IReadOnlyList<string> Ours { get; } = ["allinone", "cluster"];

    /// <summary>What the tables call them.</summary>
    public static IReadOnlyDictionary<string, string> Titles { get; } = new Dictionary<string, string>
    {
        ["socketio"] = "socket.io 4.8 × 2 + Redis",
        ["signalr"] = "SignalR hub",
        ["allinone"] = "Tertulia all-in-one",
        ["cluster"] = "Tertulia cluster",
    };

    private static async Task<Contender> StartAllInOneAsync(ContenderStart start, CancellationToken cancellationToken)
    {
        var url = Local(FreePorts.Next());
        var program = Repository.Program("services/allinone", "Tertulia.AllInOne");
        string[] arguments = [program, "--urls", url.OriginalString, "--data", Path.Combine(start.Folder, "data")];
        var process = await ServerProcess.StartAsync(
            new ServerStart("allinone", "dotnet", arguments, start.Log("allinone"), Ready.Answers(new Uri(url, "/health/ready")))
            {
                Environment = With(start.Settings, new(Unlimited) { ["ASPNETCORE_ENVIRONMENT"] = "Development", ["Auth__Mode"] = "Development" }),
            }, cancellationToken);
        return new Contender(new TertuliaDialect(), [url], [process], [process]);
    }

    private static async Task<Contender> StartClusterAsync(ContenderStart start, CancellationToken cancellationToken)
    {
        var layout = start.Cluster with { Directory = start.Folder, Environment = With(start.Settings, new(Unlimited)) };
        var cluster = await ClusterProcesses.StartAsync(layout, cancellationToken);
        return new Contender(new TertuliaDialect(), [.. cluster.Gateways.Select(gateway => gateway.Url)], cluster.All, [cluster]);
    }

    private static async Task<Contender> StartSignalRAsync(ContenderStart start, CancellationToken cancellationToken)
    {
        var url = Local(FreePorts.Next());
        string[] arguments = [Repository.Program("bench/rivals/signalr", "Tertulia.Rival.SignalR"), "--urls", url.OriginalString];
        var process = await ServerProcess.StartAsync(
            new ServerStart("signalr", "dotnet", arguments, start.Log("signalr"), Ready.Port(url.Port))
            {
                Environment = start.Settings,
            }, cancellationToken);
        return new Contender(new SignalRDialect(), [url], [process], [process]);
    }

    /// <summary>While it is profiled, node writes a log of its own, by default into the current folder.</summary>
    internal static string[] NodeArguments(string log, string program) => [$"--logfile={Path.ChangeExtension(log, "v8.log")}", "--no-logfile-per-isolate", program];

    private static async Task<Contender> StartSocketIoAsync(ContenderStart start, CancellationToken cancellationToken)
    {
        var program = Path.Combine(Repository.Root, "bench", "rivals", "socketio", "server.mjs");
        await InstallAsync(Path.GetDirectoryName(program)!, cancellationToken);
        var redis = await PrivateRedis.StartAsync(start.Log("redis"), cancellationToken);
        List<ServerProcess> parts = [redis.Process];
        try
        {
            List<Uri> doors = [];
            for (var number = 1; number <= 2; number++)
            {
                var url = Local(FreePorts.Next());
                var name = string.Create(CultureInfo.InvariantCulture, $"socketio-{number}");
                var server = new ServerStart(name, "node", NodeArguments(start.Log(name), program), start.Log(name), Ready.Port(url.Port))
                {
                    Environment = With(start.Settings, new()
                    {
                        ["PORT"] = url.Port.ToString(CultureInfo.InvariantCulture),
                        ["REDIS_URL"] = redis.Uri.OriginalString,
                        ["NODE_ENV"] = "production",
                    }),
                };
                parts.Add(await ServerProcess.StartAsync(server, cancellationToken));
                doors.Add(url);
            }

            return new Contender(new SocketIoDialect(), doors, parts, parts);
        }
        catch
        {
            foreach (var part in parts)
            {
                await part.DisposeAsync();
            }

            throw;
        }
    }

    private static Dictionary<string, string> With(IReadOnlyDictionary<string, string> settings, Dictionary<string, string> own)
    {
        foreach (var (name, value) in settings)
        {
            own[name] = value;
        }

        return own;
    }

    /// <summary>What its lock file names, once per clone.</summary>
    private static async Task InstallAsync(string folder, CancellationToken cancellationToken)
    {
        if (Directory.Exists(Path.Combine(folder, "node_modules")))
        {
            return;
        }

        using var npm = Process.Start(new ProcessStartInfo("npm", ["ci", "--no-audit", "--no-fund"]) { WorkingDirectory = folder })!;
        await npm.WaitForExitAsync(cancellationToken);
        if (npm.ExitCode != 0)
        {
            throw new InvalidOperationException($"npm ci in {folder} ended with {npm.ExitCode}");
        }
    }

    private static Uri Local(int port) => new(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}"));
}
