using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>Presence follows the nodes: what dies is gone soon, what comes back knows all.</summary>
[Collection(FaultCollection.Name)]
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class PresenceTests(FaultCluster fixture)
{
    private readonly string _room = $"presence-{Guid.NewGuid():N}";

    [Fact]
    public async Task The_users_of_a_node_that_died_leave_within_its_heartbeat_time_out()
    {
        await using var ana = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[1], _room, "ana");
        await using var bruno = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[0], _room, "bruno");
        await ana.WaitForAsync(frame => frame.Type == "user_joined" && frame.Text("user_id") == "bruno", "Bruno's coming");

        await fixture.Cluster.Connections[0].KillAsync();
        await ana.WaitForAsync(frame => frame.Type == "user_left" && frame.Text("user_id") == "bruno", "Bruno's leaving", TimeSpan.FromSeconds(25));

        await fixture.RestartAsync(fixture.Cluster.Connections[0]);
    }

    [Fact]
    public async Task Replicas_that_were_killed_know_everybody_again_soon_after_they_are_back()
    {
        await using var ana = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[0], _room, "ana");
        await using var bruno = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[1], _room, "bruno");

        var user = $"eva-{Guid.NewGuid():N}";
        await using (var eva = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[1], $"{_room}-eva", user))
        {
            await eva.AskAsync("\"type\":\"presence_set\",\"status\":\"busy\",\"text\":\"in a call\"");
        }

        await Eventually.EqualsAsync("offline", () => ShownAsync(ana, user));
        foreach (var replica in fixture.Cluster.Presences)
        {
            await replica.KillAsync();
        }

        await ana.SayAsync("messages go on");
        await bruno.WaitForAsync("message");
        foreach (var replica in fixture.Cluster.Presences)
        {
            await fixture.RestartAsync(replica);
        }

        await Eventually.EqualsAsync("ana bruno carla", ActiveUsersAsync);
        await using var back = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[0], $"{_room}-eva", user);
        await Eventually.EqualsAsync("busy", () => ShownAsync(ana, user));
    }

    [Fact]
    public async Task Who_came_and_went_while_no_replica_ran_is_told_to_those_who_stayed()
    {
        await using var ana = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[0], _room, "ana");
        await using var bruno = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[1], _room, "bruno");
        await ana.WaitForAsync(frame => frame.Type == "user_joined" && frame.Text("user_id") == "bruno", "Bruno's coming");

        foreach (var replica in fixture.Cluster.Presences)
        {
            await replica.KillAsync();
        }

        await bruno.CloseAsync();
        await using var carla = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[1], _room, "carla");
        await fixture.RestartAsync(fixture.Cluster.Presences[0]);
        await ana.WaitForAsync(IsWhole, "the users of the room");
        await carla.WaitForAsync(IsWhole, "the users of the room, of whom Carla was shown only those of her node");
        await fixture.RestartAsync(fixture.Cluster.Presences[1]);

        static bool IsWhole(Frame frame) => frame.Type == "presence_state"
            && string.Join(' ', frame.Items("users").Select(user => user.GetProperty("user_id").GetString()).Order()) == "ana carla";
    }

    [Fact]
    public async Task What_a_user_chooses_is_seen_on_other_nodes_by_its_rooms_and_by_who_watches_it()
    {
        var user = $"ana-{Guid.NewGuid():N}";
        await using var ana = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[0], _room, user);
        await using var bruno = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[1], _room, "bruno");
        await using var carla = await ChatClient.ConnectAsync(fixture.Cluster.NodeUrls[1], "/ws?user_id=carla&username=carla");
        await carla.WaitForAsync("connected");
        var state = await carla.AskAsync($"\"type\":\"presence_watch\",\"user_ids\":[\"{user}\"]");
        Assert.Equal("online", state.Items("users").Single().GetProperty("status").GetString());

        var answer = await ana.AskAsync("\"type\":\"presence_set\",\"status\":\"busy\",\"text\":\"in a call\",\"emoji\":\"📞\"");
        Assert.Equal(("presence", "busy"), (answer.Type, answer.Text("status")));
        var told = await bruno.WaitForAsync(frame => frame.Type == "presence", "the status, in the room");
        Assert.Equal((_room, user, "busy", "in a call"), (told.Root.GetProperty("room_id").GetString(), told.Text("user_id"), told.Text("status"), told.Text("text")));
        told = await carla.WaitForAsync(frame => frame.Type == "presence", "the status, of who is watched");
        Assert.Equal((user, "busy", "📞"), (told.Text("user_id"), told.Text("status"), told.Text("emoji")));

        await ana.AskAsync("\"type\":\"presence_set\",\"status\":\"invisible\"");
        await bruno.WaitForAsync(frame => frame.Type == "user_left" && frame.Text("user_id") == user, "Ana is out of sight");
        await carla.WaitForAsync(frame => frame.Type == "presence" && frame.Text("status") == "offline", "Ana is offline");
        Assert.Equal("bruno carla", await ActiveUsersAsync());
        await ana.SayAsync("still here");
        await bruno.WaitForAsync("message");
    }

    [Fact]
    public async Task Nothing_that_an_invisible_user_does_not_mean_to_say_tells_that_it_is_there()
    {
        var user = $"ana-{Guid.NewGuid():N}";
        await using var bruno = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[1], _room, "bruno");
        await using (var ana = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[0], _room, user))
        {
            await bruno.WaitForAsync(frame => frame.Type == "user_joined" && frame.Text("user_id") == user, "Ana comes");
            await ana.AskAsync("\"type\":\"presence_set\",\"status\":\"invisible\"");
            await bruno.WaitForAsync(frame => frame.Type == "user_left" && frame.Text("user_id") == user, "Ana is out of sight");
        }

        var told = bruno.Frames.Count;
        var seq = (await bruno.SayAsync("hola")).Seq;
        await using var back = await ChatClient.ConnectAsync(fixture.Cluster.NodeUrls[0], $"/ws/{_room}?user_id={user}&username=Ana");
        await back.WaitForAsync("connected");
        await using var other = await ChatClient.ConnectAsync(fixture.Cluster.NodeUrls[0], $"/ws?user_id={user}&username=Ana");
        await Eventually.EqualsAsync("invisible", () => ShownAsync(other, user)); // So the node knows.
        await back.AskAsync("\"type\":\"typing\",\"is_typing\":true");
        using var http = new HttpClient();
        using var body = new StringContent($$"""{"seq":{{seq - 1}}}""", System.Text.Encoding.UTF8, "application/json");
        using var read = await http.PutAsync(new Uri(fixture.Gateways[1], $"/api/v1/rooms/{_room}/read?user_id={user}"), body);
        Assert.Equal(System.Net.HttpStatusCode.OK, read.StatusCode);
        await back.AskAsync($"\"type\":\"read\",\"seq\":{seq}");
        Assert.Equal("bruno carla", await ActiveUsersAsync());
        await using var zoe = await ChatClient.ConnectAsync(fixture.Cluster.NodeUrls[1], "/ws?user_id=zoe&username=zoe");
        Assert.Equal("offline", await ShownAsync(zoe, user));
        var present = await http.GetStringAsync(new Uri(fixture.Gateways[0], $"/api/v1/presence/rooms/{_room}?user_id=bruno"));
        Assert.DoesNotContain(user, present, StringComparison.Ordinal);
        var stats = System.Text.Json.JsonDocument.Parse(await http.GetStringAsync(new Uri(fixture.Gateways[0], "/ws/stats"))).RootElement.GetProperty("rooms").GetProperty(_room);
        Assert.Equal((1, 2), (stats.GetProperty("users").GetInt32(), stats.GetProperty("connections").GetInt32()));

        await back.AskAsync("\"type\":\"presence_set\",\"status\":\"online\"");
        await bruno.WaitForAsync(frame => frame.Type == "user_joined" && frame.Text("username") == "Ana", "Ana is seen again");
        Assert.DoesNotContain(bruno.Frames.Skip(told).TakeWhile(frame => frame.Type != "user_joined" || frame.Text("username") != "Ana"),
            frame => frame.Raw.Contains(user, StringComparison.Ordinal));
    }

    /// <summary>How a user is shown to who watches it from now on.</summary>
    private static async Task<string> ShownAsync(ChatClient client, string userId)
    {
        var shown = (await client.AskAsync($"\"type\":\"presence_watch\",\"user_ids\":[\"{userId}\"]")).Items("users").Single();
        return shown.GetProperty("status").GetString()!;
    }

    /// <summary>As somebody sees it who enters now.</summary>
    private async Task<string> ActiveUsersAsync()
    {
        await using var carla = await ChatClient.JoinAsync(fixture.Gateways[0], _room, "carla");
        var connected = await carla.WaitForAsync("connected");
        await carla.CloseAsync();
        return string.Join(' ', connected.Items("active_users").Select(user => user.GetProperty("user_id").GetString()).Order());
    }
}
