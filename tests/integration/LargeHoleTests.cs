using System.Globalization;
using System.Text.RegularExpressions;
using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>A node that stood still for a while missed more than one reply of gRPC can hold, and repairs it in pages.</summary>
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed partial class LargeHoleTests
{
    private const int Messages = 500;
    private const int LargestReply = 4 * 1024 * 1024; // The default of gRPC.
    private const int Page = 1024 * 1024;
    private const int Small = 10; // Changes, and the messages whose text they took, are next to nothing.
    private const int ChangedAt = 100; // In the middle of the hole, whatever the queue keeps of its end.
    private static readonly string Text = new('x', 15_000);

    // What everybody in a room is told of with a seq.
    private static readonly string[] Entries = ["message", "message_updated", "message_deleted", "reaction", "pinned", "member", "room_updated"];

    [Fact]
    public async Task A_hole_of_more_than_four_mebibytes_is_filled_and_everybody_on_the_node_sees_all_of_it()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        var layout = new ClusterLayout
        {
            Environment = new Dictionary<string, string>
            {
                ["Limits__EventsPerMinute"] = "0",
                ["Limits__ContentLength"] = "16000",
                ["Bus__RabbitMq__NodeQueueBytes"] = "65536",
                ["Outbox__SoftLimitBytes"] = "16777216", // Whoever is told of a gap pages, which is not what this is about.
                ["Outbox__HardLimitBytes"] = "33554432",
                ["Logging__LogLevel__Tertulia"] = "Debug",
            },
        };
        await using var cluster = await ClusterProcesses.StartAsync(layout, deadline.Token);
        var room = $"hole-{Guid.NewGuid():N}";
        await using var ana = new ResumingClient([cluster.NodeUrls[0]], room, "ana", new Random(1));
        await using var bruno = new ResumingClient([cluster.NodeUrls[1]], room, "bruno", new Random(2));
        await ana.StartAsync();
        await bruno.StartAsync();

        await cluster.Connections[1].FreezeAsync();
        List<string> sent = [];
        for (var number = 0; number < Messages; number++) // One by one: the broker drops whole batches, and hands some out before it does.
        {
            sent.Add((await ana.SendAsync($"{number} {Text}").WaitAsync(deadline.Token)).MessageId);
            if (number == ChangedAt)
            {
                await ChangeAsync(ana, sent);
            }
        }

        await cluster.Connections[1].ContinueAsync();
        var last = (await ana.SendAsync("the last one")).Seq;
        await ana.Transcript.WaitForSeqAsync(last, TimeSpan.FromSeconds(30));
        await bruno.Transcript.WaitForSeqAsync(last, TimeSpan.FromSeconds(60));

        HashSet<string> changed = [.. sent[..3]];
        Guarantees.Held(HistoryChecker.Check([(await ana.ObserveAsync()).Without(changed), (await bruno.ObserveAsync()).Without(changed)]));
        Assert.Equal(ana.Picture.Messages, bruno.Picture.Messages);
        Assert.Equal([("edited", false, "👍×1"), ("", true, ""), ($"2 {Text}", false, "")], bruno.Picture.Messages
            .Where(message => changed.Contains(message.Id)).Select(message => (message.Content, message.IsDeleted, message.Reactions)));
        var seqs = bruno.Connection!.Frames.Where(frame => Entries.Contains(frame.Type)).Select(frame => frame.Seq).ToArray();
        Assert.Equal(Enumerable.Range((int)seqs[0], seqs.Length).Select(seq => (long)seq), seqs);
        var log = await File.ReadAllTextAsync(Path.Combine(cluster.LogDirectory, "connection-2.log"), deadline.Token);
        var repairs = RepairedEntries().Matches(log).Select(line => int.Parse(line.Groups["count"].Value, CultureInfo.InvariantCulture)).ToArray();
        Assert.InRange(repairs.Sum() * Text.Length, LargestReply, Messages * Text.Length);
        Assert.All(repairs, entries => Assert.InRange((entries - Small) * Text.Length, -Page, Page));
    }

    // All kinds of entries, in the hole as well.
    private static async Task ChangeAsync(ResumingClient ana, List<string> sent)
    {
        string[] changes =
        [
            $"\"type\":\"message_edit\",\"message_id\":\"{sent[0]}\",\"content\":\"edited\"",
            $"\"type\":\"reaction_add\",\"message_id\":\"{sent[0]}\",\"emoji\":\"👍\"",
            $"\"type\":\"message_delete\",\"message_id\":\"{sent[1]}\"",
            $"\"type\":\"pin\",\"message_id\":\"{sent[2]}\"",
            "\"type\":\"member_add\",\"user_id\":\"carla\"",
            "\"type\":\"kick\",\"user_id\":\"carla\"",
            "\"type\":\"room_update\",\"topic\":\"holes\"",
        ];
        foreach (var change in changes)
        {
            var answer = await ana.AskAsync(change);
            Assert.True(answer.Type != "error", answer.Raw);
        }
    }

    [GeneratedRegex(@"(?<count>\d+) entries from the log", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex RepairedEntries();
}
