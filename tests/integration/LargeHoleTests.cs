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
    private static readonly string Text = new('x', 15_000);

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
        for (var number = 0; number < Messages; number++) // One by one: the broker drops whole batches, and hands some out before it does.
        {
            await ana.SendAsync($"{number} {Text}").WaitAsync(deadline.Token);
        }

        await cluster.Connections[1].ContinueAsync();
        var last = (await ana.SendAsync("the last one")).Seq;
        await ana.Transcript.WaitForSeqAsync(last, TimeSpan.FromSeconds(30));
        await bruno.Transcript.WaitForSeqAsync(last, TimeSpan.FromSeconds(60));

        Guarantees.Held(HistoryChecker.Check([await ana.ObserveAsync(), await bruno.ObserveAsync()]));
        var log = await File.ReadAllTextAsync(Path.Combine(cluster.LogDirectory, "connection-2.log"), deadline.Token);
        var repairs = RepairedEntries().Matches(log).Select(line => int.Parse(line.Groups["count"].Value, CultureInfo.InvariantCulture)).ToArray();
        Assert.InRange(repairs.Sum() * Text.Length, LargestReply, Messages * Text.Length);
        Assert.All(repairs, entries => Assert.InRange(entries * Text.Length, 0, Page));
    }

    [GeneratedRegex(@"(?<count>\d+) entries from the log", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex RepairedEntries();
}
