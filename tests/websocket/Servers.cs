using Tertulia.Testing;

namespace Tertulia.WebSocket.Tests;

/// <summary>A node, and gateways in front of it that carry WebSockets in each of the two ways. One set for all classes.</summary>
public sealed class Servers : IAsyncLifetime
{
    /// <summary>What the cases are run against.</summary>
    public static readonly string[] Targets = ["node", "gateway, links", "gateway, proxy"];

    /// <summary>Bytes of a message at most: the largest that can be configured, so that the sizes of the cases fit.</summary>
    public const int MaxMessageBytes = 16 * 1024 * 1024;

    private readonly string _logs = Directory.CreateTempSubdirectory("tertulia-ws-").FullName;
    private readonly List<ServerProcess> _gateways = [];
    private AllInOneProcess? _node;

    /// <summary>Where a target listens.</summary>
    public Uri Of(string target) => Array.IndexOf(Targets, target) switch
    {
        0 => _node!.Url,
        var gateway => _gateways[gateway - 1].Url,
    };

    /// <inheritdoc />
    public async Task InitializeAsync()
    {
        var secret = new string('s', 32);
        var port2 = $"http://127.0.0.1:{FreePorts.Next()}";
        var environment = new Dictionary<string, string>
        {
            ["Internal__Secret"] = secret,
            ["Listen__Http2"] = port2,
            ["Services__message"] = port2,
            ["Services__presence"] = port2,
            ["Services__notification"] = port2,
            ["Sockets__Compression"] = "true",
            ["Sockets__CloseTimeout"] = "00:00:00.2", // Some cases break off within a frame: the client's close frame is taken for the rest of it.
            ["Sockets__HardLimitBytes"] = (64 * 1024 * 1024).ToString(System.Globalization.CultureInfo.InvariantCulture),
            ["Limits__FrameBytes"] = MaxMessageBytes.ToString(System.Globalization.CultureInfo.InvariantCulture),
            ["Limits__EventsPerMinute"] = "0",
            ["Limits__ConnectionsPerUser"] = "0",
        };
        _node = await AllInOneProcess.StartAsync(environment, CancellationToken.None);
        foreach (var way in new[] { "Link", "Proxy" })
        {
            var url = new Uri($"http://127.0.0.1:{FreePorts.Next()}");
            var start = new ServerStart(
                $"gateway-{way}", "dotnet", [Repository.Program("gateway", "Tertulia.Gateway")], Path.Combine(_logs, $"gateway-{way}.log"),
                Ready.Answers(new Uri(url, "/health/ready")))
            {
                Url = url,
                Environment = new Dictionary<string, string>
                {
                    ["urls"] = url.OriginalString,
                    ["Internal__Secret"] = secret,
                    ["Gateway__Nodes"] = port2,
                    ["Gateway__WebSockets"] = way,
                    ["Gateway__HealthInterval"] = "00:00:00.2",
                    ["Gateway__Limits__RequestsPerSecond"] = "0",
                },
            };
            _gateways.Add(await ServerProcess.StartAsync(start, CancellationToken.None));
        }
    }

    /// <inheritdoc />
    public async Task DisposeAsync()
    {
        foreach (var gateway in _gateways)
        {
            await gateway.DisposeAsync();
        }

        if (_node is not null)
        {
            await _node.DisposeAsync();
        }

        Directory.Delete(_logs, recursive: true);
    }
}

/// <summary>Shares the servers.</summary>
[CollectionDefinition(Name)]
public sealed class ServersCollection : ICollectionFixture<Servers>
{
    public const string Name = "servers";
}
