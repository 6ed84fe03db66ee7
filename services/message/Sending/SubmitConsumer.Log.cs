namespace Tertulia.Messages.Sending;

internal sealed partial class SubmitConsumer
{
    [LoggerMessage(Level = LogLevel.Information, Message = "Partition {Partition} is written by this replica now")]
    private partial void LogTaken(int partition);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The store does not answer; {Deliveries} batches wait for it")]
    private partial void LogUnavailable(Exception exception, int deliveries);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Conflicts} conflicts in one flush: another writer has the same rooms")]
    private partial void LogContended(int conflicts);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A flush of {Deliveries} batches cannot be written; they are written one by one")]
    private partial void LogDivided(Exception exception, int deliveries);

    [LoggerMessage(Level = LogLevel.Error, Message = "Partition {Partition}: a batch cannot be written; it goes to the dead-letter queue")]
    private partial void LogPoison(Exception exception, int partition);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Stopped with work under way, which is delivered again")]
    private partial void LogStopped();
}
