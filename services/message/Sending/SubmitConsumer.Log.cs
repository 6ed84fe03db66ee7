namespace Tertulia.Messages.Sending;

internal sealed partial class SubmitConsumer
{
    [LoggerMessage(Level = LogLevel.Information, Message = "Partition {Partition} is written by this replica now")]
    private partial void LogTaken(int partition);

    [LoggerMessage(Level = LogLevel.Information, Message = "Partition {Partition} is not written by this replica any more")]
    private partial void LogGivenUp(int partition);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The store does not answer; {Batches} batches wait for it")]
    private partial void LogUnavailable(Exception exception, int batches);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Conflicts} conflicts in one flush: another writer has the same rooms")]
    private partial void LogContended(int conflicts);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A flush of {Batches} batches cannot be written; they are written one by one")]
    private partial void LogDivided(Exception exception, int batches);

    [LoggerMessage(Level = LogLevel.Error, Message = "A batch of node {NodeId} cannot be written; it goes to the dead-letter queue")]
    private partial void LogPoison(Exception exception, string nodeId);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Stopped with work under way, which the nodes send again")]
    private partial void LogStopped();
}
