namespace Tertulia.Connections.Submitting;

/// <summary>How much may be without an outcome: of one partition, or of the process. Any thread.</summary>
/// <param name="maxCommands">Commands.</param>
/// <param name="maxBytes">Bytes of all of them. A single command may be larger.</param>
internal sealed class SubmitBudget(int maxCommands, long maxBytes)
{
    private long _commands;
    private long _bytes;

    /// <summary>Commands without an outcome.</summary>
    public long Commands => Interlocked.Read(ref _commands);

    /// <summary>Bytes of these commands.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <returns>False when it is used up.</returns>
    public bool TryTake(int bytes)
    {
        var commands = Interlocked.Increment(ref _commands);
        var all = Interlocked.Add(ref _bytes, bytes);
        if (commands <= maxCommands && (all <= maxBytes || all == bytes))
        {
            return true;
        }

        Return(bytes);
        return false;
    }

    /// <summary>The command has an outcome.</summary>
    public void Return(int bytes)
    {
        Interlocked.Decrement(ref _commands);
        Interlocked.Add(ref _bytes, -bytes);
    }
}
