using BenchmarkDotNet.Attributes;
using Tertulia.Connections.Events;

namespace Tertulia.MicroBench;

/// <summary>Events that others have encoded before go into one client's outbox and leave it in one write.</summary>
public class OutboxWrites
{
    private readonly Outbox _outbox = new(SharedWire.Instance, new OutboxOptions(), TimeProvider.System);

    [Params(1, 16)]
    public int Events { get; set; }

    [Benchmark]
    public void Enqueue_and_flush()
    {
        using var batch = DeliveryBatch.Begin();
        for (var count = 0; count < Events; count++)
        {
            _outbox.TryEnqueue(Lobby.Event);
        }
    }
}
