using Microsoft.Extensions.Logging.Abstractions;
using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Rooms;

namespace Tertulia.Messages.Tests.Flushing;

/// <summary>Allocated bytes are exact: what deciding and sealing a message costs is the event itself.</summary>
public sealed class DecidingAllocationTests
{
    private const int Messages = 1_000;

    [Fact]
    public void A_message_costs_its_event_and_nothing_besides()
    {
        var flush = Deciding.NewFlush();
        var decider = new FlushDecider(TimeProvider.System, NullLogger<FlushDecider>.Instance);
        var room = Deciding.Room(lastSeq: 0);
        room.Subscribe("node-1");
        var commands = Enumerable.Range(0, Messages).Select(i => Commands.Send("lobby", "ana", "hola", $"c{i}").By(room)).ToArray();
        Run(flush, decider, commands); // Lists grow, code is compiled.
        Run(flush, decider, commands);

        var before = GC.GetAllocatedBytesForCurrentThread();
        Run(flush, decider, commands);
        var perMessage = (GC.GetAllocatedBytesForCurrentThread() - before) / (double)Messages;

        before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < Messages; i++)
        {
            GC.KeepAlive(new RoomEvent { Message = new MessageCreated() });
        }

        var perEvent = (GC.GetAllocatedBytesForCurrentThread() - before) / (double)Messages;

        // Of the flush: RoomEvents, its array and the outgoing. Of the message: its place in that array.
        Assert.InRange(perMessage, perEvent, perEvent + 32);
    }

    private static void Run(Flush flush, FlushDecider decider, Submitted[] commands)
    {
        flush.Begin("epoch");
        flush.Commands.AddRange(commands);
        decider.Decide(flush);
        flush.Seal("epoch");
    }
}
