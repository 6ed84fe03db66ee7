using System.Net;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Testing;

namespace Tertulia.Presence.Tests;

/// <summary>The service as it runs: listeners, readiness, gRPC.</summary>
public sealed class PresenceServiceTests : IAsyncLifetime
{
    private const string Secret = "a-secret-of-the-processes-of-a-test";

    private readonly string _http = $"http://127.0.0.1:{FreePorts.Next()}";
    private readonly string _http2 = $"http://127.0.0.1:{FreePorts.Next()}";
    private readonly string _folder = Directory.CreateTempSubdirectory("tertulia-presence-").FullName;
    private WebApplication _app = null!;

    public async Task InitializeAsync()
    {
        var builder = WebApplication.CreateBuilder([$"--urls={_http}", $"--Listen:Http2={_http2}", "--Bus:Kind=InProcess", "--Presence:SettleQuiet=00:00:00",
            "--Store:Kind=Sqlite", $"--Store:Path={Path.Combine(_folder, "tertulia.db")}", $"--Internal:Secret={Secret}"]);
        builder.AddDefaults("presence");
        builder.Services.AddLiveBus().AddPresenceService();
        builder.Logging.ClearProviders();
        _app = builder.Build();
        _app.MapDefaults();
        _app.MapPresenceService();
        await _app.StartAsync();
    }

    public async Task DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task It_answers_from_what_the_nodes_report()
    {
        using var http = new HttpClient();
        HttpStatusCode status;
        using var deadline = new CancellationTokenSource(Eventually.Deadline);
        do
        {
            using var answer = await http.GetAsync($"{_http}/health/ready", deadline.Token);
            status = answer.StatusCode;
        }
        while (status != HttpStatusCode.OK);

        var auth = _app.Services.GetRequiredService<InternalAuth>();
        using var channel = GrpcChannel.ForAddress(_http2, new GrpcChannelOptions { HttpHandler = auth.Around(new SocketsHttpHandler()), DisposeHttpClient = true });
        var presence = new PresenceService.PresenceServiceClient(channel);
        await using var a = await TestNode.StartAsync(_app.Services.GetRequiredService<ILiveBus>(), "node-a");
        await using var b = await TestNode.StartAsync(_app.Services.GetRequiredService<ILiveBus>(), "node-b");
        await a.OpenAsync("a1", "ana", "lobby");
        await a.OpenAsync("a2", "bruno", "lobby");
        await a.NextChangeAsync();
        await b.OpenAsync("b1", "ana", "lobby", "garden");
        await b.UserNodes.NextAsync();

        var room = await presence.GetRoomAsync(new GetRoomRequest { RoomId = "lobby", Limit = 2 }, cancellationToken: deadline.Token);
        Assert.Equal(2u, room.Online);
        Assert.Equal(["ana ANA online", "bruno BRUNO online"],
            room.Users.Select(user => $"{user.UserId} {user.Username} {user.Status}").Order(StringComparer.Ordinal));

        var large = await presence.GetRoomAsync(new GetRoomRequest { RoomId = "lobby", Limit = 1 }, cancellationToken: deadline.Token);
        Assert.Equal((2u, 0), (large.Online, large.Users.Count));

        var nobody = await presence.GetRoomAsync(new GetRoomRequest { RoomId = "attic", Limit = 10 }, cancellationToken: deadline.Token);
        Assert.Equal(("attic", 0u, 0), (nobody.RoomId, nobody.Online, nobody.Users.Count));

        var user = await presence.GetUserAsync(new GetUserRequest { UserId = "ana" }, cancellationToken: deadline.Token);
        Assert.Equal(2u, user.Connections);
        Assert.Equal(["node-a", "node-b"], user.NodeIds);

        var chosen = await presence.SetStatusAsync(
            new SetStatusRequest { UserId = "bruno", Status = "busy", Text = "in a call" }, cancellationToken: deadline.Token);
        await a.CloseAsync("a1");
        await b.CloseAsync("b1");
        await b.OpenAsync("b2", "carla", "lobby", "garden");
        await a.OpenAsync("a3", "carla", "lobby");
        await b.UserNodes.NextAsync();
        var shown = await presence.GetUsersAsync(new GetUsersRequest { UserIds = { "zoe", "bruno", "ana", "ana" } }, cancellationToken: deadline.Token);
        Assert.Equal(["zoe offline ", "bruno busy in a call", "ana offline ", "ana offline "], shown.Users.Select(one => $"{one.UserId} {one.Status} {one.Text}"));
        Assert.Equal([false, false, true, true], shown.Users.Select(one => one.LastSeenMs > 0));
        Assert.True(chosen.Stamp > 0);

        var stats = await presence.GetStatsAsync(new GetStatsRequest(), cancellationToken: deadline.Token);
        Assert.Equal(3u, stats.TotalConnections);
        Assert.Equal(new RoomStats { Connections = 3, Users = 2 }, stats.Rooms["lobby"]);
        Assert.Equal(new RoomStats { Connections = 1, Users = 1 }, stats.Rooms["garden"]);
    }
}
