using Tertulia.Contracts;
using Tertulia.Messages.Rooms;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Sending;

/// <summary>Decides a flush's commands one after the other, against the cached rooms. No I/O.</summary>
internal sealed partial class FlushDecider(SendHandler sends, JoinHandler joins, IMessageStore store, TimeProvider time, ILogger<FlushDecider> logger)
{
    private const int MaxUserIdLength = 512;

    /// <summary>From the start, also after a conflict: the rooms are as the store has them.</summary>
    public void Decide(Flush flush)
    {
        flush.ResetDecisions(time.GetUtcNow().ToUnixTimeMilliseconds());
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

    /// <summary>The keys of everything that a flush may have written before.</summary>
    public static HashSet<EntryKey> KeysOf(Flush flush)
    {
        HashSet<EntryKey> keys = [];
        foreach (var submitted in flush.Commands)
        {
            if (!IsComplete(submitted.Command))
            {
                continue;
            }

            if (submitted.Command.BodyCase == Command.BodyOneofCase.Send)
            {
                keys.Add(SendHandler.KeyOf(submitted));
            }
            else if (submitted.Command.BodyCase == Command.BodyOneofCase.Join)
            {
                JoinHandler.AddKeys(submitted, keys);
            }
        }

        return keys;
    }

    /// <summary>Whether the command names an actor where it needs one, with ids that any store can hold.</summary>
    public static bool IsComplete(Command command) => command.BodyCase switch
    {
        Command.BodyOneofCase.Send or Command.BodyOneofCase.Join =>
            command.Actor is { UserId.Length: > 0 and <= MaxUserIdLength } actor && !actor.UserId.Contains('\0') && !actor.Username.Contains('\0'),
        _ => true,
    };

    private void Decide(in Submitted submitted, Flush flush)
    {
        switch (submitted.Command.BodyCase)
        {
            case Command.BodyOneofCase.Send or Command.BodyOneofCase.Join when submitted.Member is null:
                flush.Refuse(submitted, ErrorCode.BadRequest);
                break;
            case Command.BodyOneofCase.Send:
                sends.Decide(submitted, flush);
                break;
            case Command.BodyOneofCase.Join:
                joins.Decide(submitted, flush, store.Epoch);
                break;
            case Command.BodyOneofCase.Subscribe:
                SubscribeHandler.Subscribe(submitted, flush, store.Epoch);
                break;
            case Command.BodyOneofCase.Unsubscribe:
                SubscribeHandler.Unsubscribe(submitted, flush);
                break;
            default:
                // From a node that is newer than this service: kept for the replica that knows it.
                flush.Refuse(submitted, ErrorCode.UnknownType);
                flush.Poison[submitted.Batch] = "unknown command";
                break;
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Room {RoomId}: {Command} could not be decided; its batch goes to the dead-letter queue")]
    private partial void LogFailed(Exception exception, string roomId, Command.BodyOneofCase command);
}
