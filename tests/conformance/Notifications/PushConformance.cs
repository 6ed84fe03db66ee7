using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Tertulia.Notifications.Egress;
using Tertulia.Notifications.Jobs;
using Tertulia.Notifications.Push;
using Tertulia.Notifications.Storage;

namespace Tertulia.Conformance.Notifications;

/// <summary>What Web Push keeps: keys, devices, and what users are to be shown.</summary>
public abstract class PushConformance(NotificationDatabase database) : IAsyncLifetime
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(2);

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 27, 8, 0, 0, TimeSpan.Zero));
    private NotificationStore _store = null!;
    private PushSubscriptions _subscriptions = null!;

    private static CancellationToken Deadline => new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token;

    public async Task InitializeAsync()
    {
        _store = await database.OpenAsync();
        await _store.InitializeAsync(Deadline);
        _subscriptions = new PushSubscriptions(
            _store, new EgressRules(Options.Create(new EgressOptions())), Options.Create(new PushOptions { DevicesPerUser = 2 }), _time);
    }

    public async Task DisposeAsync()
    {
        await _store.DisposeAsync();
        await database.DropAsync();
    }

    [Fact]
    public async Task Replicas_that_need_keys_at_once_have_the_same()
    {
        var replicas = Enumerable.Range(0, 5).Select(_ => new Vapid(_store, Options.Create(new PushOptions()), _time)).ToArray();

        var keys = await Task.WhenAll(replicas.Select(replica => replica.PublicKeyAsync(Deadline)));

        Assert.Single(keys.Distinct(StringComparer.Ordinal));
        Assert.All(replicas, replica => replica.Dispose());
    }

    [Fact]
    public async Task The_oldest_device_gives_way_and_an_endpoint_belongs_to_one()
    {
        foreach (var device in new[] { "a", "b", "a", "c" })
        {
            await _subscriptions.PutAsync(Device("ana", device), Deadline);
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(["a", "c"], await DevicesAsync("ana"));
        await _subscriptions.PutAsync(Device("bruno", "x") with { Endpoint = Device("ana", "a").Endpoint }, Deadline);
        Assert.Equal(["c"], await DevicesAsync("ana"));
        Assert.Equal(Device("ana", "c"), await _subscriptions.FindAsync("ana", "c", Deadline));
        Assert.Null(await _subscriptions.FindAsync("ana", "a", Deadline));

        await _subscriptions.RemoveGoneAsync(Device("ana", "c"), Deadline);
        Assert.True(await _subscriptions.RemoveAsync("bruno", "x", Deadline));
        Assert.False(await _subscriptions.RemoveAsync("bruno", "x", Deadline));
        Assert.Empty(await DevicesAsync("ana"));
    }

    [Fact]
    public async Task What_waits_for_a_user_is_one_row_for_each_tag_and_one_job()
    {
        await _subscriptions.PutAsync(Device("ana", "a"), Deadline);
        await AddAsync("ana", "room:1", 1);
        await AddAsync("ana", "room:1", 2);
        await AddAsync("ana", "room:2", 3);
        await AddAsync("nobody", "room:1", 1);

        Assert.Equal(["room:1 n2 2 -", "room:2 n3 1 -"], await RowsAsync());
        Assert.Equal(["push-user:ana"], (await new JobStore(_store, _time).ClaimAsync(Lease, 10, Deadline)).Select(job => job.Key));
    }

    [Fact]
    public async Task What_was_read_or_retracted_waits_no_longer_and_what_was_shown_is_replaced()
    {
        await _subscriptions.PutAsync(Device("ana", "a"), Deadline);
        for (var number = 1; number <= 4; number++)
        {
            await AddAsync("ana", $"room:{number}", number);
        }

        await WriteAsync(async round => await round.Pushes.TakeAsync("ana", (await round.Pushes.WaitingAsync("ana")).Single(one => one.Tag == "room:4"), "n4"));
        await WriteAsync(round => round.Pushes.ReadUpToAsync("ana", 1));
        await WriteAsync(round => round.Pushes.ReadAsync("ana", "n2"));
        await RetractAsync("room:3", "other");
        Assert.Equal(["room:3 n3 1 -", "room:4 n4 0 n4"], await RowsAsync());
        await RetractAsync("room:3", "n3");
        await RetractAsync("room:4", "n4");

        Assert.Equal(["room:4 n4 1 n4"], await RowsAsync());
    }

    [Fact]
    public async Task What_comes_while_a_push_is_made_goes_on_waiting()
    {
        await _subscriptions.PutAsync(Device("ana", "a"), Deadline);
        await AddAsync("ana", "room:1", 1);
        var taken = Assert.Single(await _store.ReadAsync(round => round.Pushes.WaitingAsync("ana"), Deadline));
        await AddAsync("ana", "room:1", 2);

        await WriteAsync(round => round.Pushes.TakeAsync("ana", taken, "n1"));

        Assert.Equal(["room:1 n2 1 n1"], await RowsAsync());
    }

    private static PushSubscription Device(string userId, string deviceId) => new(userId, deviceId, $"https://push.example.net/{userId}/{deviceId}", "key", "auth");

    private Task AddAsync(string userId, string tag, long useq) => WriteAsync(round => PendingPushes.AddAsync(
        round, userId, new PushContent(tag, "mention", "Ana", "Hola", "", "", "", $"n{useq}", useq, 1, 0), Window, _time.GetUtcNow()));

    private Task RetractAsync(string tag, string id) => WriteAsync(round => PendingPushes.RetractAsync(round, "ana", tag, id, PendingPushes.RemovedBody, Window, _time.GetUtcNow()));

    private Task WriteAsync(Func<IRound, Task> work) => _store.WriteAsync(async round =>
    {
        await work(round);
        return true;
    }, Deadline);

    private async Task<string[]> DevicesAsync(string userId) =>
        [.. (await _subscriptions.OfAsync(userId, Deadline)).Select(device => device.DeviceId).Order(StringComparer.Ordinal)];

    private Task<List<string>> RowsAsync() => _store.ReadAsync(
        async round =>
        {
            List<string> rows = [];
            for (var room = 1; room <= 4; room++)
            {
                if (await round.Pushes.FindAsync("ana", $"room:{room}") is { } push)
                {
                    rows.Add($"room:{room} {push.NewestId} {push.Waiting} {push.ShownId ?? "-"}");
                }
            }

            return rows;
        },
        Deadline);
}
