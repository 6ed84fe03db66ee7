using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Tertulia.Bus;
using Tertulia.Connections;
using Tertulia.Hosting;
using Tertulia.Messages;
using Tertulia.Presence;
using Tertulia.Testing;

namespace Tertulia.Convergence.Tests;

/// <summary>A cluster in this process: every service with its own listeners and gRPC, one bus in memory, one SQLite file.</summary>
/// <remarks>A host that is killed ends without a farewell: its sockets are reset and what waits in it is gone. What it shares with a real process that dies is
/// what the others see of it.</remarks>
internal sealed class World : ICluster
{
    private const string Secret = "a-secret-of-the-processes-of-a-test";
    private static readonly TimeSpan ReadyWithin = TimeSpan.FromSeconds(60);

    private readonly string _folder = Directory.CreateTempSubdirectory("tertulia-world-").FullName;
    private readonly WebApplication _bus;
    private readonly string _messages;
    private readonly string _presence = Address();
    private readonly Place[] _nodes;
    private readonly Place[] _replicas;
    private readonly List<WebApplication> _others = [];
    private readonly HttpClient _http = new();

    private World(int nodes, int replicas)
    {
        var builder = WebApplication.CreateSlimBuilder(["--Bus:Kind=InProcess", "--urls=http://127.0.0.1:0"]);
        builder.Logging.ClearProviders();
        builder.Services.AddLiveBus();
        _bus = builder.Build();
        _replicas = [.. Enumerable.Range(0, replicas).Select(_ => new Place(Address(), Address(), BuildReplica))];
        _messages = string.Join(';', _replicas.Select(place => place.Http2));
        _nodes = [.. Enumerable.Range(0, nodes).Select(_ => new Place(Address(), Address(), BuildNode))];
    }

    public IReadOnlyList<Uri> Doors => [.. _nodes.Select(place => new Uri(place.Http))];

    public static async Task<World> StartAsync(int nodes, int replicas)
    {
        var world = new World(nodes, replicas);
        try
        {
            await world.StartAsync();
            return world;
        }
        catch
        {
            await world.DisposeAsync();
            throw;
        }
    }

    public Task KillNodeAsync(int number) => KillAsync(_nodes[number % _nodes.Length]);

    public Task KillReplicaAsync(int number) => KillAsync(_replicas[number % _replicas.Length]);

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        foreach (var place in _nodes.Concat(_replicas))
        {
            await place.EndAsync();
        }

        foreach (var app in _others)
        {
            await app.StopAsync();
            await app.DisposeAsync();
        }

        await _bus.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task StartAsync()
    {
        foreach (var replica in _replicas)
        {
            await BeginAsync(replica);
        }

        var builder = NewBuilder("presence",
        [
            $"--urls={Address()}", $"--Listen:Http2={_presence}", "--Presence:SettleQuiet=00:00:00", "--Store:Kind=Sqlite",
            $"--Store:Path={Path.Combine(_folder, "tertulia.db")}", "--Store:Synchronous=Normal",
        ]);
        builder.Services.AddPresenceService();
        ShareBus(builder);
        var presence = builder.Build();
        presence.MapDefaults();
        presence.MapPresenceService();
        await presence.StartAsync();
        _others.Add(presence);
        foreach (var node in _nodes)
        {
            await BeginAsync(node);
        }
    }

    private async Task KillAsync(Place place)
    {
        await place.Turn.WaitAsync();
        try
        {
            await place.EndAsync();
            await BeginAsync(place);
        }
        finally
        {
            place.Turn.Release();
        }
    }

    private async Task BeginAsync(Place place)
    {
        place.App = place.Build(place);
        await place.App.StartAsync();
        await Eventually.EqualsAsync(System.Net.HttpStatusCode.OK, async () =>
        {
            using var answer = await _http.GetAsync(new Uri(place.Http + "/health/ready"));
            return answer.StatusCode;
        }, ReadyWithin);
    }

    private WebApplication BuildReplica(Place place)
    {
        var builder = NewBuilder("message",
        [
            $"--urls={place.Http}", $"--Listen:Http2={place.Http2}", $"--Services:presence={_presence}", "--Store:Kind=Sqlite",
            $"--Store:Path={Path.Combine(_folder, "tertulia.db")}", "--Store:Synchronous=Normal",
        ]);
        builder.Services.AddMessageService();
        ShareBus(builder);
        var app = builder.Build();
        app.MapDefaults();
        app.MapMessageService();
        return app;
    }

    private WebApplication BuildNode(Place place)
    {
        var builder = NewBuilder("connection",
        [
            $"--urls={place.Http}", $"--Listen:Http2={place.Http2}", $"--Services:message={_messages}", $"--Services:presence={_presence}", $"--Services:notification={Address()}",
            "--Auth:Mode=Development",
        ]);
        builder.Services.AddConnectionService();
        ShareBus(builder);
        var app = builder.Build();
        app.MapDefaults();
        app.MapConnectionService();
        return app;
    }

    private static WebApplicationBuilder NewBuilder(string service, string[] arguments)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions
        {
            EnvironmentName = "Development",
            Args =
            [
                .. arguments, $"--Internal:Secret={Secret}", "--Bus:Kind=InProcess", "--Drain:Grace=00:00:00",
                "--Limits:EventsPerMinute=0", "--Limits:RoomsCreatedPerHour=0", "--Limits:RoomsPerConnection=0",
            ],
        });
        builder.AddDefaults(service);
        builder.Services.AddLiveBus();
        builder.Logging.ClearProviders();
        return builder;
    }

    // The last registration counts.
    private void ShareBus(WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton(_bus.Services.GetRequiredService<ILiveBus>());
        builder.Services.AddSingleton(_bus.Services.GetRequiredService<ISubmitQueue>());
    }

    private static string Address() => $"http://127.0.0.1:{FreePorts.Next()}";

    private sealed record Place(string Http, string Http2, Func<Place, WebApplication> Build)
    {
        public SemaphoreSlim Turn { get; } = new(1);

        public WebApplication? App { get; set; }

        public async Task EndAsync()
        {
            if (App is { } app)
            {
                App = null;
                await app.StopAsync(new CancellationToken(canceled: true));
                await app.DisposeAsync();
            }
        }
    }
}
