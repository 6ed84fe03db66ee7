using System.Globalization;
using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>What a room keeps no longer is gone on all nodes, from all that is read, and from the store.</summary>
[Collection(TrafficCollection.Name)]
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class RetentionTests(FaultCluster fixture)
{
    private readonly string _room = $"kept-{Guid.NewGuid():N}";
    private readonly string _word = $"word{Guid.NewGuid():N}";

    private IReadOnlyList<Uri> Nodes => fixture.Cluster.NodeUrls;

    [Fact]
    public async Task What_is_kept_no_longer_is_gone_everywhere_also_when_a_message_replica_dies()
    {
        await using var ana = await ChatClient.JoinAsync(Nodes[0], _room, "ana");
        await using var bruno = await ChatClient.JoinAsync(Nodes[1], _room, "bruno");
        var old = await ana.SayAsync($"@bruno {_word}");
        await bruno.WaitForAsync(frame => frame.Type == "notification" && frame.Text("room_id") == _room, "what is to be gone later");
        await ana.AskAsync($"\"type\":\"pin\",\"message_id\":\"{old.Text("message_id")}\"");
        var edited = await ana.SayAsync("to be edited");
        var last = (await ana.AskAsync($"\"type\":\"message_edit\",\"message_id\":\"{edited.Text("message_id")}\",\"content\":\"{_word} too\"")).Seq;
        await ana.AskAsync("\"type\":\"room_update\",\"retention_days\":1");
        await ana.SayAsync("young");
        await Eventually.EqualsAsync(2, FoundAsync);

        await fixture.Cluster.Messages[0].KillAsync();
        await StoreDoesAsync(string.Create(
            CultureInfo.InvariantCulture, $"update room_log set created_at_ms = created_at_ms - 2 * 86400000 where room_id = '{_room}' and seq <= {last}"));

        foreach (var client in (ChatClient[])[ana, bruno])
        {
            var expired = await client.WaitForAsync(frame => frame.Type == "messages_expired", "the room keeps less", TimeSpan.FromSeconds(60));
            Assert.Equal(last + 1, expired.Number("first_seq"));
        }

        await bruno.WaitForAsync(frame => frame.Type == "notification_read" && frame.Flag("removed"), "the notification is gone");
        Assert.Equal(["young"], (await bruno.AskAsync("\"type\":\"history\"")).Messages("items").Select(message => message.Content));
        Assert.Empty((await bruno.AskAsync("\"type\":\"pins\"")).Items("items"));
        Assert.Equal(1, (await bruno.AskAsync("\"type\":\"mark_unread\",\"seq\":1")).Number("unread"));
        Assert.Equal(40402, (await ana.AskAsync($"\"type\":\"message_edit\",\"message_id\":\"{old.Text("message_id")}\",\"content\":\"x\"")).Code);
        await Eventually.EqualsAsync(0, FoundAsync);
        await Eventually.EqualsAsync(false, StoreSaysAsync);
        await using var again = await ChatClient.ConnectAsync(
            Nodes[0], $"/ws/{_room}?user_id=bruno&username=bruno&last_seq=2&epoch={(await bruno.WaitForAsync("connected")).Epoch}");
        var greeting = await again.WaitForAsync("connected");
        Assert.Equal((true, last + 1), (greeting.Flag("recovered"), greeting.Number("first_seq")));
        Assert.Equal(["young"], greeting.Messages("history").Select(message => message.Content));
        await fixture.RestartAsync(fixture.Cluster.Messages[0]);

        async Task<int> FoundAsync() => (await bruno.AskAsync($"\"type\":\"search\",\"query\":\"{_word}\"")).Items("items").Count;
    }

    private Task StoreDoesAsync(string sql) => fixture.Cluster.Postgres.ExecuteAsync(sql, CancellationToken.None);

    // psql ends with an error when the text is there.
    private async Task<bool> StoreSaysAsync()
    {
        try
        {
            await StoreDoesAsync(
                $"select 1 / (1 - count(*)) from (select body from room_log where room_id = '{_room}' and position('{_word}'::bytea in body) > 0 limit 1) found");
            return false;
        }
        catch (InvalidOperationException)
        {
            return true;
        }
    }
}
