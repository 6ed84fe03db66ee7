using System.Diagnostics;
using Tertulia.Testing;
using Xunit.Abstractions;

namespace Tertulia.Integration.Tests;

/// <summary>A presence service that hangs is worse than one that died: nothing refuses, nothing answers. People still come in and talk.</summary>
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
[Collection(FaultCollection.Name)]
public sealed class FrozenPresenceTests(FaultCluster fixture, ITestOutputHelper output)
{
    private const int Newcomers = 200;

    // Waiting 2 seconds each for the hung service, in 64 places, they would take 8 seconds.
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(5);

    [Fact]
    public async Task Joins_do_not_wait_for_a_presence_service_that_hangs()
    {
        var room = $"frozen-{Guid.NewGuid():N}";
        await using var ana = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[0], room, "ana");
        foreach (var presence in fixture.Cluster.Presences)
        {
            await presence.FreezeAsync();
        }

        var clients = new ChatClient[Newcomers];
        try
        {
            var started = Stopwatch.GetTimestamp();
            clients = await Task.WhenAll(Enumerable.Range(0, Newcomers).Select(number =>
                ChatClient.ConnectAsync(fixture.Cluster.NodeUrls[0], $"/ws/{room}-{number % 20}?user_id=user-{number}&username=user-{number}")));
            await Task.WhenAll(clients.Select(client => client.WaitForAsync("connected")));
            var took = Stopwatch.GetElapsedTime(started);
            await ana.SayAsync("hola");

            output.WriteLine($"{Newcomers} joins took {took}");
            Assert.True(took < Within, $"{Newcomers} joins took {took}");
        }
        finally
        {
            foreach (var presence in fixture.Cluster.Presences)
            {
                await presence.ContinueAsync();
            }

            await Task.WhenAll(clients.Where(client => client is not null).Select(client => client.DisposeAsync().AsTask()));
        }
    }

    [Fact]
    public async Task Who_came_in_meanwhile_is_told_all_users_when_it_goes_on()
    {
        var room = $"frozen-{Guid.NewGuid():N}";
        await using var ana = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[1], room, "ana");
        foreach (var presence in fixture.Cluster.Presences)
        {
            await presence.FreezeAsync();
        }

        ChatClient bruno;
        try
        {
            bruno = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[0], room, "bruno");
        }
        finally
        {
            foreach (var presence in fixture.Cluster.Presences)
            {
                await presence.ContinueAsync();
            }
        }

        await using (bruno)
        {
            Assert.Equal(["bruno"], Users(await bruno.WaitForAsync("connected"), "active_users"));
            await bruno.WaitForAsync(frame => frame.Type == "presence_state" && Users(frame, "users").SequenceEqual(["ana", "bruno"]), "all users of the room");
        }

        static IEnumerable<string?> Users(Frame frame, string list) => frame.Items(list).Select(user => user.GetProperty("user_id").GetString()).Order();
    }
}
