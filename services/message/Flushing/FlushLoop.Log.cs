namespace Tertulia.Messages.Flushing;

internal sealed partial class FlushLoop
{
    [LoggerMessage(Level = LogLevel.Debug, Message = "Partition {Partition} is written by this replica now")]
    private partial void LogTaken(int partition);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Partition {Partition} is not written by this replica any more")]
    private partial void LogGivenUp(int partition);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The store does not answer; trying again")]
    private partial void LogUnavailable(Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A flush of {Commands} commands cannot be written; it is divided")]
    private partial void LogDivided(Exception exception, int commands);

    [LoggerMessage(Level = LogLevel.Error, Message = "A batch of node {NodeId} cannot be written; it goes to the dead-letter queue")]
    private partial void LogPoison(Exception exception, string nodeId);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Nothing was taken for {Patience}, and no more can wait: what comes is dropped, and sent again when the partitions are taken again")]
    private partial void LogDropped(TimeSpan patience);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The store's epoch is {Epoch} now: the partitions are taken again")]
    private partial void LogNewEpoch(string epoch);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Stopped with work under way, which the nodes send again")]
    private partial void LogStopped();
}
