using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;
using Tertulia.Bus;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Presence.Emitting;
using Tertulia.Presence.Existence;
using Tertulia.Presence.Querying;
using Tertulia.Presence.Status;
using Tertulia.Presence.Storage;
using Tertulia.Presence.Tracking;
using Tertulia.Testing;

namespace Tertulia.Presence.Tests;

/// <summary>One presence replica without a server: the loop on a bus, with time that stands still.</summary>
internal sealed class TestPresence : IAsyncDisposable
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(100);

    private readonly ServiceProvider _services;
    private readonly FakeTimeProvider _time;
    private readonly string _folder = Directory.CreateTempSubdirectory("tertulia-presence-").FullName;
    private bool _stopped;

    private TestPresence(FaultyBus bus, FakeTimeProvider time, string[] settings)
    {
        _time = time;
        string[] store = ["Store:Kind=Sqlite", $"Store:Path={Path.Combine(_folder, "tertulia.db")}"];
        var configuration = store.Concat(settings).Select(setting => setting.Split('=', 2)).Reverse().DistinctBy(pair => pair[0]).ToDictionary(pair => pair[0], pair => (string?)pair[1]);
        _services = new ServiceCollection()
            .AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(configuration).Build())
            .AddLogging()
            .AddSingleton<TimeProvider>(time)
            .AddSingleton(new ProcessIdentity("presence"))
            .AddSingleton<ILiveBus>(bus)
            .AddPresenceService()
            .BuildServiceProvider();
    }

    /// <summary>Replicas that share the work, as this one sees it.</summary>
    public int Lives => _services.GetRequiredService<PresenceReplicas>().Live.Count;

    /// <summary>Whether this one tells the changes of a room.</summary>
    public bool Owns(string roomId) => _services.GetRequiredService<PresenceReplicas>().Owns(roomId);

    public IPresenceStore Store => _services.GetRequiredService<IPresenceStore>();

    public ExistenceStream Existence => _services.GetRequiredService<ExistenceStream>();

    public PresenceLoop Loop => _services.GetRequiredService<PresenceLoop>();

    /// <summary>A bus for replicas and nodes to share.</summary>
    public static FaultyBus NewBus()
    {
        var services = new ServiceCollection()
            .AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?> { ["Bus:Kind"] = "InProcess" }).Build())
            .AddLogging().AddSingleton(TimeProvider.System).AddSingleton(new ProcessIdentity("test")).AddLiveBus().BuildServiceProvider();
        return new FaultyBus(services.GetRequiredService<ILiveBus>());
    }

    /// <summary>Starts a replica and lets time pass until its picture is complete.</summary>
    public static async Task<TestPresence> StartAsync(FaultyBus bus, FakeTimeProvider time, params string[] settings)
    {
        var presence = await StartUnsettledAsync(bus, time, settings);
        await presence.SettleAsync();
        return presence;
    }

    public static async Task<TestPresence> StartUnsettledAsync(FaultyBus bus, FakeTimeProvider time, params string[] settings)
    {
        var presence = new TestPresence(bus, time, settings);
        foreach (var service in presence._services.GetServices<IHostedService>())
        {
            await service.StartAsync(CancellationToken.None);
        }

        await Eventually.HoldsAsync(() => presence.Loop.StatusesRead, "the stored statuses are read"); // Before any time passes.
        return presence;
    }

    public Task SettleAsync() => Eventually.HoldsAsync(
        () =>
        {
            _time.Advance(Step);
            return Loop.Settled;
        },
        "the picture is complete");

    /// <summary>A user chooses a status.</summary>
    /// <returns>What counts now.</returns>
    public Task<ChosenStatus> ChooseAsync(string userId, string status, string text = "", string emoji = "", DateTimeOffset? until = null) =>
        _services.GetRequiredService<StatusSetter>().SetAsync(
            new SetStatusRequest { UserId = userId, Status = status, Text = text, Emoji = emoji, UntilMs = until?.ToUnixTimeMilliseconds() ?? 0 },
            CancellationToken.None);

    /// <summary>How a user is shown, in words.</summary>
    public Task<string> ShownAsync(string userId) => Loop.AskAsync(map => TestNode.Words(map.Shown(userId)), CancellationToken.None);

    /// <summary>Waits until a question has this answer, for what makes no event.</summary>
    public async Task KnowsAsync(Func<Stats, bool> condition, string what)
    {
        using var deadline = new CancellationTokenSource(Eventually.Deadline);
        for (var stats = await StatsAsync(); !condition(stats); stats = await StatsAsync())
        {
            if (deadline.IsCancellationRequested)
            {
                throw new TimeoutException($"{what}; instead {stats}");
            }

            await Task.Yield();
        }
    }

    /// <summary>Waits until the picture is so.</summary>
    public async Task HasAsync(Func<PresenceMap, bool> condition, string what)
    {
        using var deadline = new CancellationTokenSource(Eventually.Deadline);
        while (!await Loop.AskAsync(condition, CancellationToken.None))
        {
            if (deadline.IsCancellationRequested)
            {
                throw new TimeoutException(what);
            }

            await Task.Yield();
        }
    }

    /// <summary>Waits until everything that changed was given to the bus. An answer comes before the flush of what was taken with the question.</summary>
    public async Task ToldAsync()
    {
        var changes = _services.GetRequiredService<PendingChanges>();
        using var deadline = new CancellationTokenSource(Eventually.Deadline);
        while (!await Loop.AskAsync(_ => changes.IsEmpty, deadline.Token))
        {
            await Task.Yield();
        }
    }

    /// <summary>A second passes, and its tick has been handled: none is left over that could count for a later one.</summary>
    public async Task PassSecondAsync()
    {
        _time.Advance(TimeSpan.FromSeconds(1));
        var now = _time.GetTimestamp();
        await Eventually.HoldsAsync(() => Loop.LastTick == now, "the tick of the second is handled");
        await ToldAsync();
    }

    public Task<Stats> StatsAsync() => Loop.AskAsync(map => StatsReply.From(map, 10_000), CancellationToken.None);

    /// <summary>What a node is answered that asks who is in a room.</summary>
    public Task<RoomPresence> RoomAsync(string roomId, string asker = "") => Loop.AskAsync(
        map => PresenceGrpc.Room(map, roomId, (uint)_services.GetRequiredService<PendingChanges>().LargeRoomUsers, asker), CancellationToken.None);

    /// <summary>The users of a room, in order.</summary>
    public Task<string[]> UsersAsync(string roomId) => Loop.AskAsync(
        map => map.Rooms.TryGetValue(roomId, out var room)
            ? room.Users.ToArray().Select(user => user.UserId).Order(StringComparer.Ordinal).ToArray()
            : [],
        CancellationToken.None);

    public async Task StopAsync()
    {
        if (!_stopped)
        {
            _stopped = true;
            foreach (var service in _services.GetServices<IHostedService>().Reverse())
            {
                await service.StopAsync(CancellationToken.None);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await _services.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
