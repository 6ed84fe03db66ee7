using System.Net.Http.Headers;
using System.Text.Json;
using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>Why did somebody not see a message: the nodes say what became of it.</summary>
[Collection(LimitedCollection.Name)]
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class TrailTests(LimitedCluster fixture)
{
    private const string Room = "trail";

    [Fact]
    public async Task Every_node_of_the_room_tells_what_became_of_a_message()
    {
        var nodes = fixture.Cluster.NodeUrls;
        await using var ana = await ChatClient.JoinAsync(nodes[0], Room, "ana");
        await using var bruno = await ChatClient.JoinAsync(nodes[1], Room, "bruno");
        var messageId = (await ana.SayAsync("hola @bruno")).Text("message_id");
        await bruno.WaitForAsync("message");

        var trail = await AskAsync(messageId);
        Assert.Equal((Room, messageId), (trail.GetProperty("room_id").GetString(), trail.GetProperty("message_id").GetString()));
        Assert.Equal(2, trail.GetProperty("nodes").GetArrayLength());
        Assert.All(trail.GetProperty("nodes").EnumerateArray(), node => Assert.Equal(1, node.GetProperty("connections_then").GetInt32()));
        Assert.Equal(["ana sent", "bruno sent"], Outcomes(trail));

        await bruno.CloseAsync();
        await using var carla = await ChatClient.JoinAsync(nodes[1], Room, "carla");

        await Eventually.EqualsAsync("ana sent, bruno sent_then_gone, carla shown_on_entering", async () => string.Join(", ", Outcomes(await AskAsync(messageId))));
    }

    [Fact]
    public async Task It_is_told_who_was_notified_and_who_was_not_and_why()
    {
        await using var ana = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[0], "trail-2", "ana");
        await (await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[1], "trail-2", "bruno")).DisposeAsync();
        var messageId = (await ana.SayAsync("hola @bruno @nadie")).Text("message_id");

        await Eventually.EqualsAsync("bruno mention notified not_pushed no_device", () => ToldAsync("bruno"));
        Assert.Equal("nadie none not_member", await ToldAsync("nadie"));

        async Task<string> ToldAsync(string userId)
        {
            var decisions = (await AskAsync(messageId, $"?user_id={userId}")).GetProperty("notifications").EnumerateArray();
            return string.Join(", ", decisions.Select(one => string.Join(' ', WordsOf(one).Where(word => word.Length > 0))));
        }

        static string[] WordsOf(JsonElement one) => [Text(one, "user_id"), Text(one, "kind"), Text(one, "outcome"), Text(one, "reason"), PushOf(one)];

        static string PushOf(JsonElement one) => one.TryGetProperty("push", out var push) ? $"{Text(push, "outcome")} {Text(push, "reason")}" : "";

        static string Text(JsonElement one, string name) => one.TryGetProperty(name, out var text) ? text.GetString()! : "";
    }

    private async Task<JsonElement> AskAsync(string messageId, string query = "")
    {
        using var http = new HttpClient();
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Tokens.For("root", TimeSpan.FromHours(1), role: "admin"));
        var body = await http.GetStringAsync(new Uri(fixture.Cluster.GatewayUrl, $"/api/v1/messages/{messageId}/trail{query}"));
        using var document = JsonDocument.Parse(body);
        return document.RootElement.Clone();
    }

    private static IEnumerable<string> Outcomes(JsonElement trail) =>
    [
        .. trail.GetProperty("nodes").EnumerateArray().SelectMany(node => node.GetProperty("connections").EnumerateArray())
            .Select(connection => $"{connection.GetProperty("user_id").GetString()} {connection.GetProperty("outcome").GetString()}").Order(StringComparer.Ordinal),
    ];
}
