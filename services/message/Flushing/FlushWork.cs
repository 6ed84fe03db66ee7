using Tertulia.Contracts;

namespace Tertulia.Messages.Flushing;

/// <summary>What waits for a flush loop, in the order in which it is to be done. With nothing set the loop looks at what has become due.</summary>
/// <param name="Batch">Commands of a node; of this service itself when it names none.</param>
/// <param name="Places">That the batch holds while it waits.</param>
/// <param name="Move">A partition to be taken or given up.</param>
/// <param name="Settled">Completed when all before it is written and published.</param>
internal readonly record struct FlushWork(SubmitBatch? Batch = null, int Places = 0, PartitionMove? Move = null, TaskCompletionSource? Settled = null);

/// <summary>This replica becomes a partition's writer, again under a newer epoch if it is already, or no longer is.</summary>
internal sealed record PartitionMove(int Partition, bool Take);
