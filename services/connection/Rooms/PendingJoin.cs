using Tertulia.Connections.Submitting;
using Tertulia.Contracts;

namespace Tertulia.Connections.Rooms;

/// <summary>A member on its way into a room.</summary>
internal sealed class PendingJoin : PendingCommand
{
    private readonly TaskCompletionSource<CommandReply> _outcome = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary><c>joined</c> or <c>refused</c>.</summary>
    public Task<CommandReply> Outcome => _outcome.Task;

    public override void OnReply(CommandReply reply)
    {
        if (reply.OutcomeCase is CommandReply.OutcomeOneofCase.Joined or CommandReply.OutcomeOneofCase.Refused)
        {
            _outcome.TrySetResult(reply);
        }
        else
        {
            OnRefused(new Refusal { Code = ErrorCode.Internal });
        }
    }

    // A join is always answered by a reply: entries do not say who may be in the room.
    public override void OnEvent(string roomId, string epoch, RoomEvent entry) => OnRefused(new Refusal { Code = ErrorCode.Internal });

    public override void OnRefused(Refusal refusal) => _outcome.TrySetResult(new CommandReply { Refused = refusal });
}
