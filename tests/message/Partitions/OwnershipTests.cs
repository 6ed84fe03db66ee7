using Tertulia.Contracts;
using Tertulia.Messages.Partitions;
using Tertulia.Messages.Storage;
using Tertulia.Testing;

namespace Tertulia.Messages.Tests.Partitions;

/// <summary>Replicas share the partitions, and hand them over while commands keep coming.</summary>
public sealed class OwnershipTests : IAsyncLifetime
{
    private readonly Backbone _backbone = new();
    private TestNode _node = null!;

    public async Task InitializeAsync() => _node = await _backbone.NodeAsync("node-1");

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        await _backbone.DisposeAsync();
    }

    [Fact]
    public async Task A_replica_alone_takes_all_partitions_though_nobody_sends_and_says_so()
    {
        await using var replica = await MessageReplica.StartAsync(_backbone);

        await _node.OwnersAsync(owners => owners.Select(owner => owner.Partition).Distinct().Count() == Partitioner.DefaultPartitions);

        Assert.All(_node.Owners, owner => Assert.True(owner.OwnerEpoch > 0));
    }

    [Fact]
    public async Task Two_replicas_share_the_partitions_and_the_second_ones_epochs_are_larger()
    {
        await using var first = await MessageReplica.StartAsync(_backbone);
        await _node.OwnersAsync(owners => owners.Select(owner => owner.Partition).Distinct().Count() == Partitioner.DefaultPartitions);
        var before = first.Get<OwnedPartitions>().Owned().ToDictionary(owner => owner.Partition, owner => owner.OwnerEpoch);

        await using var second = await MessageReplica.StartAsync(_backbone);

        await Eventually.HoldsAsync(
            () => Owned(first).Count + Owned(second).Count == Partitioner.DefaultPartitions && Owned(second).Count > 0 && !Owned(first).Overlaps(Owned(second)),
            "the replicas share the partitions",
            () => $"{Owned(first).Count} and {Owned(second).Count}");
        Assert.All(second.Get<OwnedPartitions>().Owned(), owner => Assert.True(owner.OwnerEpoch > before[owner.Partition]));
    }

    [Fact]
    public async Task While_replicas_come_and_go_no_message_is_lost_doubled_or_out_of_order()
    {
        const int Rooms = 24;
        const int Rounds = 120;
        var rooms = Enumerable.Range(0, Rooms).Select(i => $"room-{i}").ToArray();
        await using var first = await MessageReplica.StartAsync(_backbone, settings: new() { ["Limits:RoomsCreatedPerHour"] = "0" });
        foreach (var room in rooms)
        {
            await _node.AskAsync(Commands.Join(room, "ana"));
        }

        MessageReplica? second = null;
        for (var round = 0; round < Rounds; round++)
        {
            foreach (var room in rooms)
            {
                await _node.SubmitAsync(Commands.Send(room, "ana", $"{round}", $"c{round}"));
            }

            if (round == 30)
            {
                second = await MessageReplica.StartAsync(_backbone);
                await Eventually.HoldsAsync(() => Owned(second).Count > 0, "the second replica owns something");
            }
            else if (round == 80)
            {
                await second!.DisposeAsync();
            }
        }

        foreach (var room in rooms)
        {
            await _node.AskAsync(Commands.Join(room, "bruno")); // Behind everything else in its partition.
            var log = await first.Store.ReadEventsAsync(room, 3, Rounds + 2, ReadLimit.Of(1_000), CancellationToken.None);
            Assert.Equal(Enumerable.Range(0, Rounds).Select(round => $"{round}"), log!.Events.Select(found => found.Message.Content));
        }

        // What a takeover published to all nodes, and what the owner published to the subscriber, is together everything.
        await _node.EventsAsync(rooms[0], 1, 32);
    }

    private static HashSet<uint> Owned(MessageReplica replica) => [.. replica.Get<OwnedPartitions>().Owned().Select(owner => owner.Partition)];
}
