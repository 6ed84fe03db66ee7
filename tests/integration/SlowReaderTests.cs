using System.Diagnostics;
using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>Who reads too slowly hurts nobody else, is sent away with 4003, and comes back complete.</summary>
[Collection(TrafficCollection.Name)]
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class SlowReaderTests(FaultCluster fixture)
{
    // Six megabytes, more than the kernel takes off the node's hands, in few messages: for each costs more than its bytes.
    private static readonly string Long = new('x', 15_900);
    private const int Messages = 400;
    private const int AtOnce = 20;

    // Then a few more until the node must have given the slow client up: it stands still for two seconds (FaultCluster), which is looked at once a second.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    [Fact]
    public Task A_client_of_a_node_that_stops_reading_is_closed_with_4003_while_the_others_go_on_and_resumes_complete() =>
        StopsReadingAsync(fixture.Cluster.NodeUrls[0]);

    [Fact]
    public Task A_client_behind_the_gateway_that_stops_reading_is_closed_with_4003_while_the_others_go_on_and_resumes_complete() =>
        StopsReadingAsync(fixture.Gateways[0]);

    private async Task StopsReadingAsync(Uri door)
    {
        var room = $"slow-{Guid.NewGuid():N}";
        await using var ana = new ResumingClient([fixture.Cluster.NodeUrls[1]], room, "ana", new Random(1));
        await using var bruno = new ResumingClient([door], room, "bruno", new Random(2));
        await using var slow = new ResumingClient([door], room, "slow", new Random(3)) { ReceiveBufferBytes = 4096 };
        await ana.StartAsync();
        await bruno.StartAsync();
        await slow.StartAsync();

        slow.Connection!.PauseReading();
        long last = 0;
        var number = 0;
        for (; number < Messages; number += AtOnce)
        {
            var sent = await Task.WhenAll(Enumerable.Range(number, AtOnce).Select(i => ana.SendAsync($"{i} {Long}")));
            last = sent.Max(message => message.Seq);
        }

        var full = Stopwatch.StartNew();
        using var pause = new PeriodicTimer(Pause);
        while (full.Elapsed < Patience && await pause.WaitForNextTickAsync())
        {
            last = (await ana.SendAsync($"{++number}")).Seq;
        }

        await ana.Transcript.WaitForSeqAsync(last, ChatClient.Deadline);
        await bruno.Transcript.WaitForSeqAsync(last, ChatClient.Deadline);
        Assert.True(slow.Transcript.LastSeq < last);
        Assert.Empty(bruno.CloseCodes);

        slow.ReceiveBufferBytes = null; // It reads slowly, it does not come back slowly.
        slow.Connection!.ContinueReading();
        await slow.Transcript.WaitForSeqAsync(last, TimeSpan.FromSeconds(60));
        Assert.Equal([4003], slow.CloseCodes);
        Guarantees.Held(HistoryChecker.Check([await ana.ObserveAsync(), await bruno.ObserveAsync(), await slow.ObserveAsync()]));
    }
}
