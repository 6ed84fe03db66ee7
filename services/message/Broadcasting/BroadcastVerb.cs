using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Verbs;

namespace Tertulia.Messages.Broadcasting;

/// <summary>An application tells something to those who are in a room. Nothing is written; it is told at most once.</summary>
internal sealed class BroadcastVerb : IVerb
{
    /// <summary>UTF-8 bytes of a payload at most (PROTOCOL §6).</summary>
    public const int MaxPayloadBytes = 16 * 1024;

    private const int MaxEventLength = 64;

    public Command.BodyOneofCase Body => Command.BodyOneofCase.Broadcast;

    public void Decide(in Submitted submitted, Flush flush)
    {
        var refusal = Check(submitted);
        if (refusal != ErrorCode.Unspecified)
        {
            flush.Refuse(submitted, refusal);
            return;
        }

        // What comes again may have been told: once more would be twice.
        if (!flush.Batches[submitted.Batch].Again)
        {
            var actor = submitted.Command.Actor;
            flush.Tell(submitted.Room, new Ephemeral
            {
                RoomId = submitted.Room.RoomId, UserId = actor.UserId, Username = actor.Username, Broadcast = submitted.Command.Broadcast.Broadcast,
            });
        }

        flush.Reply(submitted, new CommandReply { Told = new Told() });
    }

    private static ErrorCode Check(in Submitted submitted)
    {
        if (!submitted.Room.Exists)
        {
            return ErrorCode.RoomNotFound;
        }

        var refusal = RoomPermissions.Check(submitted, RoomAction.Broadcast);
        return refusal != ErrorCode.Unspecified ? refusal : submitted.Command.Broadcast.Broadcast switch
        {
            null or { Event.Length: 0 or > MaxEventLength } => ErrorCode.BadRequest,
            { Payload.Length: > MaxPayloadBytes } => ErrorCode.TooLarge,
            _ => ErrorCode.Unspecified,
        };
    }
}
