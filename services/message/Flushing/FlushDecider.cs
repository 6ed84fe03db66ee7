using Tertulia.Contracts;

namespace Tertulia.Messages.Flushing;

/// <summary>Decides a flush's commands one after the other, against the cached rooms. No I/O.</summary>
internal sealed partial class FlushDecider(TimeProvider time, ILogger<FlushDecider> logger)
{
    /// <summary>Decides the flush's commands; the rooms are as the store has them.</summary>
    public void Decide(Flush flush)
    {
        flush.NowMs = time.GetUtcNow().ToUnixTimeMilliseconds();
        for (var i = 0; i < flush.Commands.Count; i++)
        {
            var submitted = flush.Commands[i];
            try
            {
                Decide(submitted, flush);
            }
            catch (Exception exception)
            {
                LogFailed(exception, submitted.Room.RoomId, submitted.Command.BodyCase);
                flush.Refuse(submitted, ErrorCode.Internal);
                flush.Poison[submitted.Batch] = exception.GetType().Name;
            }
        }
    }

    private static void Decide(in Submitted submitted, Flush flush)
    {
        if (submitted.Verb is not { } verb)
        {
            // From a node that is newer than this service: kept for the replica that knows it.
            flush.Refuse(submitted, ErrorCode.UnknownType);
            flush.Poison[submitted.Batch] = "unknown command";
        }
        else if (verb.HasActor && submitted.Member is null)
        {
            flush.Refuse(submitted, ErrorCode.BadRequest);
        }
        else
        {
            verb.Decide(submitted, flush);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Room {RoomId}: {Command} could not be decided; its batch goes to the dead-letter queue")]
    private partial void LogFailed(Exception exception, string roomId, Command.BodyOneofCase command);
}
