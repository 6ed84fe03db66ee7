using System.Text.Json;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Tertulia.Contracts;
using Tertulia.Notifications.Jobs;
using Tertulia.Notifications.Storage;
using Tertulia.Notifications.Webhooks;

namespace Tertulia.Conformance.Notifications;

/// <summary>What webhooks are told of rooms and users that come and go: once, in turn, and in the end the truth.</summary>
public abstract class PresenceWebhookConformance(NotificationDatabase database) : IAsyncLifetime
{
    private static readonly TimeSpan Delay = TimeSpan.FromSeconds(5);

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 27, 8, 0, 0, TimeSpan.Zero));
    private NotificationStore _store = null!;
    private WebhookStore _webhooks = null!;

    private static CancellationToken Deadline => new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token;

    public async Task InitializeAsync()
    {
        _store = await database.OpenAsync();
        await _store.InitializeAsync(Deadline);
        _webhooks = new WebhookStore(_store, Options.Create(new WebhookOptions()), _time);
        await PutAsync("a");
    }

    public async Task DisposeAsync()
    {
        await _store.DisposeAsync();
        await database.DropAsync();
    }

    [Fact]
    public async Task Who_comes_is_told_at_once_and_who_goes_when_it_did_not_come_back_in_time()
    {
        var replica = await FollowAsync("first");
        await TellAsync(replica, new ExistencePart { OccupiedRooms = { "lobby" }, OnlineUsers = { "ana", "bruno" } });
        Assert.Equal(["@ana user.online", "@bruno user.online", "lobby room.occupied"], await ToldAsync("a"));

        await TellAsync(replica, new ExistencePart { VacatedRooms = { "lobby" }, OfflineUsers = { "ana", "bruno" } });
        _time.Advance(Delay / 2);
        await TellAsync(replica, new ExistencePart { OccupiedRooms = { "lobby" }, OnlineUsers = { "bruno" } });
        await TellAsync(replica, new ExistencePart { OfflineUsers = { "bruno" } });
        _time.Advance(Delay / 2);
        await TellAsync(replica);
        Assert.Equal(["@ana user.offline"], await ToldAsync("a"));

        _time.Advance(Delay / 2);
        await TellAsync(replica);
        await TellAsync(replica, new ExistencePart { OnlineUsers = { "ana" } });
        Assert.Equal(["@ana user.online", "@bruno user.offline"], await ToldAsync("a"));
    }

    [Fact]
    public async Task A_replica_that_takes_over_tells_the_difference_and_the_one_before_tells_nothing_any_more()
    {
        var first = await FollowAsync("first", new ExistencePart { OccupiedRooms = { "lobby", "team" }, OnlineUsers = { "ana" } });
        await ToldAsync("a");

        var second = await FollowAsync("second", new ExistencePart { OccupiedRooms = { "lobby", "new" } });
        first.Apply(new ExistencePart { OccupiedRooms = { "stale" } });
        Assert.False(await first.TellAsync("first", Deadline));
        Assert.Equal(["new room.occupied"], await ToldAsync("a"));

        _time.Advance(Delay);
        await TellAsync(second, replicaId: "second");
        Assert.Equal(["@ana user.offline", "team room.vacated"], await ToldAsync("a"));
    }

    [Fact]
    public async Task Nothing_is_told_before_presence_has_told_all()
    {
        await FollowAsync("first", new ExistencePart { OccupiedRooms = { "lobby" } });
        await ToldAsync("a");

        var second = await FollowAsync("second", new ExistencePart(), isComplete: false);
        _time.Advance(Delay);
        await TellAsync(second, replicaId: "second");
        Assert.Empty(await ToldAsync("a"));

        await TellAsync(second, new ExistencePart { OccupiedRooms = { "lobby" }, Complete = true }, "second");
        _time.Advance(Delay);
        await TellAsync(second, replicaId: "second");
        Assert.Empty(await ToldAsync("a"));
    }

    [Fact]
    public async Task A_webhook_that_is_new_or_enabled_again_is_told_what_it_does_not_know()
    {
        var replica = await FollowAsync("first", new ExistencePart { OccupiedRooms = { "lobby", "team-1" }, OnlineUsers = { "ana" } });
        await PutAsync("teams", rooms: ["team-*"]);
        await PutAsync("offline", events: [WebhookEvents.UserOffline]);
        await TellAsync(replica);
        Assert.Equal(["team-1 room.occupied"], await ToldAsync("teams"));
        Assert.Empty(await ToldAsync("offline"));

        await _webhooks.DisableAsync("teams", "no", Deadline);
        await TellAsync(replica, new ExistencePart { VacatedRooms = { "team-1" }, OccupiedRooms = { "team-2" }, OfflineUsers = { "ana" } });
        _time.Advance(Delay);
        await TellAsync(replica);
        Assert.Empty(await ToldAsync("teams"));
        Assert.Equal(["@ana user.offline"], await ToldAsync("offline"));

        await _webhooks.EnableAsync("teams", Deadline);
        await TellAsync(replica);
        _time.Advance(Delay);
        await TellAsync(replica);
        Assert.Equal(["team-1 room.vacated", "team-2 room.occupied"], await ToldAsync("teams"));
    }

    [Fact]
    public async Task Nobody_is_asked_when_no_webhook_wants_to_know()
    {
        var replica = await FollowAsync("first", new ExistencePart { OccupiedRooms = { "lobby" } });
        await _webhooks.RemoveAsync("a", Deadline);
        await PutAsync("messages", events: ["message.created"]);

        Assert.False(await replica.AreWantedAsync(Deadline));
        Assert.False(await replica.TellAsync("first", Deadline));
        Assert.Empty(await _webhooks.ToldPresentAsync("", 10, Deadline));
    }

    [Fact]
    public async Task A_round_that_died_halfway_is_done_again_and_tells_each_once()
    {
        foreach (var isPresent in (bool[])[true, false])
        {
            await Assert.ThrowsAsync<InvalidOperationException>(() => _store.WriteAsync<bool>(
                async round =>
                {
                    await _webhooks.AddPresenceAsync(round, [PresenceSubject.User("ana"), PresenceSubject.Room("lobby")], isPresent);
                    throw new InvalidOperationException("killed");
                },
                Deadline));
            await _store.WriteAsync(
                async round =>
                {
                    await _webhooks.AddPresenceAsync(round, [PresenceSubject.User("ana"), PresenceSubject.Room("lobby")], isPresent);
                    return true;
                },
                Deadline);

            Assert.Equal(isPresent ? ["@ana user.online", "lobby room.occupied"] : ["@ana user.offline", "lobby room.vacated"], await ToldAsync("a"));
            Assert.Equal(isPresent ? ["r:lobby", "u:ana"] : [], (await _webhooks.ToldPresentAsync("", 10, Deadline)).Select(one => one.Key));
        }
    }

    private Task PutAsync(string id, string[]? events = null, string[]? rooms = null) => _webhooks.PutAsync(
        new WebhookEndpoint { Id = id, Url = "https://example.org/hook", Secret = "0123456789abcdef", Events = events ?? [], Rooms = rooms ?? [] }, Deadline);

    private async Task<PresenceWebhooks> FollowAsync(string replicaId, ExistencePart? all = null, bool isComplete = true)
    {
        var replica = new PresenceWebhooks(
            _store, _webhooks, new JobStore(_store, _time), Options.Create(new WebhookOptions { PresenceDelay = Delay }), _time);
        await replica.TakeAsync(replicaId, Deadline);
        replica.Begin();
        all ??= new ExistencePart();
        all.Complete = isComplete;
        replica.Apply(all);
        Assert.True(await replica.TellAsync(replicaId, Deadline));
        return replica;
    }

    private static async Task TellAsync(PresenceWebhooks replica, ExistencePart? part = null, string replicaId = "first")
    {
        replica.Apply(part ?? new ExistencePart());
        Assert.True(await replica.TellAsync(replicaId, Deadline));
    }

    /// <summary>What waits for a webhook, by lane, which is then told.</summary>
    private async Task<string[]> ToldAsync(string id)
    {
        List<string> told = [];
        var lanes = await _store.ReadAsync(round => round.Webhooks.LanesAsync(id), Deadline);
        foreach (var lane in lanes)
        {
            foreach (var one in await _webhooks.WaitingAsync(id, lane, 10, Deadline))
            {
                var body = JsonDocument.Parse(one.Body).RootElement;
                Assert.Equal(one.EventId, body.GetProperty("id").GetString());
                Assert.Equal(lane.TrimStart('@'), body.GetProperty("data").GetProperty(lane.StartsWith('@') ? "user_id" : "room_id").GetString());
                told.Add($"{lane} {body.GetProperty("type").GetString()}");
                await _webhooks.ToldAsync(id, lane, one, Deadline);
            }
        }

        return [.. told];
    }
}
