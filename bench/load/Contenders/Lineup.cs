using System.Diagnostics;
using System.Globalization;
using Tertulia.Load.Dialects;
using Tertulia.Testing;

namespace Tertulia.Load.Contenders;

/// <summary>The systems under test and how each is started.</summary>
internal static class Lineup
{
    private static readonly Dictionary<string, string> Unlimited = new()
    {
        ["Limits__EventsPerMinute"] = "0",
        ["Limits__ConnectionsPerUser"] = "0",
        ["Limits__ConnectionsPerAddress"] = "0",
        ["Limits__ConnectionsPerNode"] = "0",
    };

    /// <summary>By the name on the command line, in the order of the tables; the folder is for data and logs.</summary>
    public static IReadOnlyDictionary<string, Func<string, CancellationToken, Task<Contender>>> All { get; } =
        new Dictionary<string, Func<string, CancellationToken, Task<Contender>>>
        {
            ["socketio"] = StartSocketIoAsync,
            ["signalr"] = StartSignalRAsync,
            ["allinone"] = StartAllInOneAsync,
            ["cluster"] = StartClusterAsync,
        };

    /// <summary>What the tables call them.</summary>
    public static IReadOnlyDictionary<string, string> Titles { get; } = new Dictionary<string, string>
    {
        ["socketio"] = "socket.io 4.8 × 2 + Redis",
        ["signalr"] = "SignalR hub",
        ["allinone"] = "Tertulia all-in-one",
        ["cluster"] = "Tertulia cluster",
    };

    private static async Task<Contender> StartAllInOneAsync(string folder, CancellationToken cancellationToken)
    {
        var url = Local(FreePorts.Next());
        var program = Repository.Program("services/allinone", "Tertulia.AllInOne");
        string[] arguments = [program, "--urls", url.OriginalString, "--Data:Folder", Path.Combine(folder, "data")];
        var process = await ServerProcess.StartAsync(
            new ServerStart("allinone", "dotnet", arguments, Path.Combine(folder, "logs", "allinone.log"), Ready.Answers(new Uri(url, "/health/ready")))
            {
                Environment = new Dictionary<string, string>(Unlimited) { ["ASPNETCORE_ENVIRONMENT"] = "Development", ["Auth__Mode"] = "Development" },
            }, cancellationToken);
        return new Contender(new TertuliaDialect(), [url], [process], [process]);
    }

    private static async Task<Contender> StartClusterAsync(string folder, CancellationToken cancellationToken)
    {
        var layout = new ClusterLayout { Directory = folder, Environment = Unlimited };
        var cluster = await ClusterProcesses.StartAsync(layout, cancellationToken);
        return new Contender(new TertuliaDialect(), [.. cluster.Gateways.Select(gateway => gateway.Url)], cluster.All, [cluster]);
    }

    private static async Task<Contender> StartSignalRAsync(string folder, CancellationToken cancellationToken)
    {
        var url = Local(FreePorts.Next());
        string[] arguments = [Repository.Program("bench/rivals/signalr", "Tertulia.Rival.SignalR"), "--urls", url.OriginalString];
        var process = await ServerProcess.StartAsync(
            new ServerStart("signalr", "dotnet", arguments, Path.Combine(folder, "logs", "signalr.log"), Ready.Port(url.Port)), cancellationToken);
        return new Contender(new SignalRDialect(), [url], [process], [process]);
    }

    private static async Task<Contender> StartSocketIoAsync(string folder, CancellationToken cancellationToken)
    {
        var program = Path.Combine(Repository.Root, "bench", "rivals", "socketio", "server.mjs");
        await InstallAsync(Path.GetDirectoryName(program)!, cancellationToken);
        var redis = await PrivateRedis.StartAsync(Path.Combine(folder, "logs", "redis.log"), cancellationToken);
        List<ServerProcess> parts = [redis.Process];
        try
        {
            List<Uri> doors = [];
            for (var number = 1; number <= 2; number++)
            {
                var url = Local(FreePorts.Next());
                var name = string.Create(CultureInfo.InvariantCulture, $"socketio-{number}");
                var start = new ServerStart(name, "node", [program], Path.Combine(folder, "logs", name + ".log"), Ready.Port(url.Port))
                {
                    Environment = new Dictionary<string, string>
                    {
                        ["PORT"] = url.Port.ToString(CultureInfo.InvariantCulture),
                        ["REDIS_URL"] = redis.Uri.OriginalString,
                        ["NODE_ENV"] = "production",
                    },
                };
                parts.Add(await ServerProcess.StartAsync(start, cancellationToken));
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
