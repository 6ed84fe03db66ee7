namespace Tertulia.Messages.Flushing;

/// <summary>The partitions that one flush loop writes: every <paramref name="Loops"/>th one.</summary>
/// <param name="Index">0 to <paramref name="Loops"/> - 1.</param>
/// <param name="Loops">Flush loops of the process.</param>
internal readonly record struct LoopShare(int Index, int Loops)
{
    /// <summary>The loop of a partition.</summary>
    public static int LoopOf(int partition, int loops) => partition % loops;

    /// <summary>Whether this loop writes the partition, when this replica owns it.</summary>
    public bool Has(int partition) => LoopOf(partition, Loops) == Index;
}
