using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>Who is kicked or banned leaves the room on every node within two seconds, receives nothing after the entry, and stays out if banned.</summary>
[Collection(TrafficCollection.Name)]
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class ModerationTests(FaultCluster fixture)
{
    private static readonly TimeSpan Promise = TimeSpan.FromSeconds(2);

    private readonly string _room = $"moderation-{Guid.NewGuid():N}";

    private IReadOnlyList<Uri> Nodes => fixture.Cluster.NodeUrls;

    [Fact]
    public async Task A_ban_puts_all_sessions_of_the_user_out_on_all_nodes_and_lasts()
    {
        await using var ana = await ChatClient.JoinAsync(Nodes[0], _room, "ana");
        await using var here = await OnManyAsync(Nodes[0], "bruno");
        await using var there = await OnManyAsync(Nodes[1], "bruno");
        await using var single = await ChatClient.JoinAsync(Nodes[1], _room, "bruno");
        await using var carla = await ChatClient.JoinAsync(Nodes[1], _room, "carla");

        var banned = await ana.AskAsync("\"type\":\"ban\",\"user_id\":\"bruno\",\"reason\":\"spam\"");
        Assert.Equal(("member", "banned"), (banned.Type, banned.Text("action")));
        foreach (var session in new[] { here, there, single })
        {
            Assert.Equal("banned", (await session.WaitForAsync(frame => frame.Type == "left", "the end of the room", Promise)).Text("reason"));
        }

        Assert.Equal(4503, await single.WaitForCloseAsync());
        await ana.SayAsync("after");
        await carla.WaitForAsync(frame => frame.Text("content") == "after", "what Ana says");
        Assert.Equal(40304, (await here.AskAsync($"\"type\":\"join\",\"room_id\":\"{_room}\"")).Code);
        Assert.Equal(40304, (await there.AskAsync($"\"type\":\"history\",\"room_id\":\"{_room}\"")).Code);
        Assert.Equal(40302, (await there.AskAsync($"\"type\":\"message\",\"content\":\"hola\",\"room_id\":\"{_room}\"")).Code);
        Assert.DoesNotContain(here.Frames.Concat(there.Frames).Concat(single.Frames), frame => frame.Text("content") == "after");
        Assert.Contains(carla.Frames, frame => frame.Type == "member" && frame.Text("user_id") == "bruno" && frame.Text("reason") == "spam");

        await ana.AskAsync("\"type\":\"unban\",\"user_id\":\"bruno\"");
        Assert.Equal("joined", (await there.AskAsync($"\"type\":\"join\",\"room_id\":\"{_room}\"")).Type);
    }

    [Fact]
    public async Task Who_is_kicked_may_come_back_where_the_room_lets_anyone_in()
    {
        await using var ana = await ChatClient.JoinAsync(Nodes[0], _room, "ana");
        await using var single = await ChatClient.JoinAsync(Nodes[1], _room, "bruno");
        await using var many = await OnManyAsync(Nodes[0], "bruno");

        await ana.AskAsync("\"type\":\"kick\",\"user_id\":\"bruno\"");

        Assert.Equal("kicked", (await many.WaitForAsync(frame => frame.Type == "left", "the end of the room", Promise)).Text("reason"));
        Assert.Equal(4506, await single.WaitForCloseAsync(Promise));
        Assert.Equal("joined", (await many.AskAsync($"\"type\":\"join\",\"room_id\":\"{_room}\"")).Type);
    }

    [Fact]
    public async Task A_deleted_room_ends_everywhere()
    {
        await using var ana = await ChatClient.JoinAsync(Nodes[0], _room, "ana");
        await using var many = await OnManyAsync(Nodes[1], "bruno");

        Assert.Equal("room_deleted", (await ana.AskAsync("\"type\":\"room_delete\"")).Type);

        Assert.Equal("deleted", (await many.WaitForAsync(frame => frame.Type == "left", "the end of the room", Promise)).Text("reason"));
        Assert.Equal(40401, (await many.AskAsync($"\"type\":\"join\",\"room_id\":\"{_room}\"")).Code);
    }

    private async Task<ChatClient> OnManyAsync(Uri node, string userId)
    {
        var client = await ChatClient.ConnectAsync(node, $"/ws?user_id={userId}&username={userId}");
        await client.WaitForAsync("connected");
        await client.AskAsync($"\"type\":\"join\",\"room_id\":\"{_room}\"");
        return client;
    }
}
