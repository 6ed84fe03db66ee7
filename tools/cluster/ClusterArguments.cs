using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Tertulia.Testing;

namespace Tertulia.Cluster;

/// <summary>The command line of <c>./dev cluster</c>.</summary>
internal static class ClusterArguments
{
    private const string Usage = """
        ./dev cluster [--connections 2] [--messages 2] [--presences 1] [--notifications 1] [--gateways 1] [--store postgres|mongodb] [--port 8000]
            [--data .dev/cluster]
        The real topology on this machine, from private processes: gateways, connection nodes, message, presence and notification replicas, RabbitMQ, PostgreSQL.
        RabbitMQ and PostgreSQL are containers where a Docker engine answers and TERTULIA_TEST_CONTAINERS is not 0, else processes.
        MongoDB is the server that TERTULIA_TEST_MONGODB names, else mongod on the path, else a container.
        Clients connect to ws://127.0.0.1:8000. Ctrl-C stops everything; what was stored is there the next time.
        """;

    /// <param name="args">The command line.</param>
    /// <param name="layout">When it returns true; with a folder of its own.</param>
    /// <param name="problem">When it returns false.</param>
    public static bool TryParse(
        IReadOnlyList<string> args, [NotNullWhen(true)] out ClusterLayout? layout, [NotNullWhen(false)] out string? problem)
    {
        (problem, layout) = (null, null);
        var wanted = new ClusterLayout { Messages = 2, GatewayPort = 8000, Directory = Path.Combine(Repository.Root, ".dev", "cluster") };
        for (var i = 0; i < args.Count; i += 2)
        {
            var value = i + 1 < args.Count ? args[i + 1] : "";
            var isNumber = int.TryParse(value, CultureInfo.InvariantCulture, out var number) && number > 0;
            switch (args[i])
            {
                case "--connections" when isNumber:
                    wanted = wanted with { Connections = number };
                    break;
                case "--messages" when isNumber:
                    wanted = wanted with { Messages = number };
                    break;
                case "--presences" when isNumber:
                    wanted = wanted with { Presences = number };
                    break;
                case "--notifications" when isNumber:
                    wanted = wanted with { Notifications = number };
                    break;
                case "--gateways" when isNumber:
                    wanted = wanted with { Gateways = number };
                    break;
                case "--store" when value is "postgres" or "mongodb":
                    wanted = wanted with { OnMongo = value == "mongodb" };
                    break;
                case "--port" when isNumber:
                    wanted = wanted with { GatewayPort = number };
                    break;
                case "--data" when value.Length > 0:
                    wanted = wanted with { Directory = Path.GetFullPath(value) };
                    break;
                default:
                    problem = $"Unknown or incomplete argument: {args[i]}\n{Usage}";
                    return false;
            }
        }

        layout = wanted;
        return true;
    }
}
