using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Tertulia.Bus;
using Tertulia.Hosting;
using Tertulia.Presence.Emitting;
using Tertulia.Presence.Tracking;

namespace Tertulia.Presence.Tests;

/// <summary>Rooms that may have missed a change are told their users: little by little, and never before what is news.</summary>
public sealed class ReviewTests : IAsyncDisposable
{
    private const int Users = 60;
    private const int Rooms = 400;
    private const int InFirstSecond = 328; // 20,000 users, and one for the room itself.

    private readonly ServiceProvider _services = new ServiceCollection()
        .AddSingleton<IConfiguration>(new ConfigurationBuilder().Build())
        .AddLogging()
        .AddSingleton<TimeProvider>(new FakeTimeProvider())
        .AddSingleton(new ProcessIdentity("presence"))
        .AddSingleton<ILiveBus>(TestPresence.NewBus())
        .AddPresenceService()
        .BuildServiceProvider();

    private readonly NodeEntry _node = new("node-a");

    public async ValueTask DisposeAsync() => await _services.DisposeAsync();

    [Fact]
    public void A_second_takes_a_part_of_very_many_rooms_and_what_changes_meanwhile_is_told_at_once()
    {
        var (map, changes, sender) = (_services.GetRequiredService<PresenceMap>(), _services.GetRequiredService<PendingChanges>(), _services.GetRequiredService<ChangeSender>());
        for (var user = 0; user < Users; user++)
        {
            map.Open(_node, $"c{user}", $"user-{user}", $"User {user}");
            for (var room = 0; room < Rooms; room++)
            {
                map.Enter(_node, $"c{user}", $"room-{room}");
            }
        }

        changes.Clear();
        foreach (var roomId in map.Rooms.Keys)
        {
            changes.Review(roomId);
        }

        Assert.Empty(Take(withCounts: false));
        var first = Take(withCounts: true);
        Assert.Equal((InFirstSecond, 0), (first.Count(told => told.EndsWith(" all", StringComparison.Ordinal)), first.Count(told => !told.EndsWith(" all", StringComparison.Ordinal))));

        map.Leave(_node, "c0", "room-399");
        Assert.Equal(["room-399 -user-0"], Take(withCounts: false));
        var second = Take(withCounts: true);
        Assert.Equal(Rooms - InFirstSecond, second.Count);
        Assert.Equal(Rooms, first.Concat(second).Distinct().Count());
        Assert.Empty(Take(withCounts: true));

        List<string> Take(bool withCounts) => [.. sender.Take(withCounts).SelectMany(send => send.Batch.Presence)
            .Select(change => $"{change.RoomId}{(change.Complete ? " all" : string.Concat(change.Left.Select(user => $" -{user.UserId}")))}")];
    }
}
