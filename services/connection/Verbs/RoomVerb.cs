using System.Diagnostics;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Submitting;
using Tertulia.Contracts;

namespace Tertulia.Connections.Verbs;

/// <summary>What became of a command that is in the room's log.</summary>
/// <param name="RoomId">The room.</param>
/// <param name="Epoch">Epoch of the seq.</param>
/// <param name="Submitted">The command as it was sent.</param>
/// <param name="Seq">Its entry's place in the log.</param>
/// <param name="CreatedAtMs">Unix milliseconds of the write.</param>
/// <param name="Entry">The entry, when it was told; else empty.</param>
/// <param name="First">The first result, when the command was sent again under the client's own id; else null.</param>
internal readonly record struct VerbOutcome(string RoomId, string Epoch, Command Submitted, long Seq, long CreatedAtMs, RoomEvent Entry, Stored? First);

/// <summary>A command that becomes an entry of a room's log: how it is submitted, how its outcome is told, and how its entry is shown.</summary>
/// <remarks>A verb needs nothing else on a node but the frame's type and the encodings of its events (<c>Doors</c>).</remarks>
internal abstract class RoomVerb<TCommand>(SubmitBatcher batcher) : MemberHandler<TCommand>, IEntryView, IRoomVerb
    where TCommand : RoomCommand
{
    /// <summary>Which entries are this verb's.</summary>
    public abstract EntryKind Entries { get; }

    /// <summary>What members are shown of an entry.</summary>
    public abstract ServerEvent Show(string roomId, string epoch, RoomEvent entry);

    /// <summary>Fills in the command's body.</summary>
    /// <param name="command">What the client asks for.</param>
    /// <param name="submitted">Room, actor and trace are there.</param>
    /// <returns>Why it is refused; null when it is not.</returns>
    protected abstract Refusal? Fill(TCommand command, Command submitted);

    /// <summary>Whether a session's client that gave no <c>ref</c> is told the outcome, too; errors always are.</summary>
    protected virtual bool TellsWithoutRef => true;

    /// <summary>What the client is told when it is done.</summary>
    protected abstract ServerEvent Tell(TCommand command, VerbOutcome outcome);

    /// <summary>The id by which the entry is known when it is read back from the log, where entries do not name their command; null when it has none.</summary>
    protected virtual string? EntryId(Command submitted) => null;

    /// <inheritdoc />
    public ErrorEvent? Submit(Caller caller, string roomId, RoomCommand command, IOutcomeSink sink)
    {
        var trace = CommandTrace.Receive(command);
        var submitted = new Command { RoomId = roomId, Actor = caller.ToActor(roomId) };
        if (Fill((TCommand)command, submitted) is { } refusal)
        {
            CommandTrace.Answered(trace, "refused", refusal.Code);
            return ErrorEvent.Of(refusal, command.Ref, roomId);
        }

        if (batcher.TrySubmit(submitted, PendingOf(sink, (TCommand)command, submitted, trace)))
        {
            return null;
        }

        CommandTrace.Answered(trace, "refused", ErrorCode.Overloaded);
        Telemetry.Messages.Add(1, Telemetry.Failed);
        return new ErrorEvent(ErrorCode.Overloaded, Ref: command.Ref, RetryAfterMs: (int)batcher.RetryAfter.TotalMilliseconds, RoomId: roomId);
    }

    /// <inheritdoc />
    protected sealed override void Handle(RoomMember member, Caller caller, TCommand command)
    {
        IOutcomeSink sink = command.Ref is null && !TellsWithoutRef ? new ErrorsOnly(member) : member;
        if (Submit(caller, member.Room.RoomId, command, sink) is { } refusal)
        {
            member.Session.Send(refusal);
        }
    }

    /// <summary>What the client can do nothing about.</summary>
    private static bool IsOurs(ErrorCode code) => code is ErrorCode.Unavailable or ErrorCode.Overloaded or ErrorCode.Internal;

    private Pending PendingOf(IOutcomeSink sink, TCommand command, Command submitted, Activity? trace)
    {
        if (trace is null)
        {
            return new Pending(this, sink, command, submitted);
        }

        CommandTrace.Create(trace, submitted);
        return new TracedPending(this, sink, command, submitted, trace);
    }

    /// <summary>A command on its way: whoever gave it is told the outcome.</summary>
    private class Pending(RoomVerb<TCommand> verb, IOutcomeSink sink, TCommand command, Command submitted) : PendingCommand
    {
        public override string? MessageId => verb.EntryId(submitted);

        public override void OnEvent(string roomId, string epoch, RoomEvent entry)
        {
            Telemetry.Messages.Add(1, Telemetry.Stored);
            sink.Tell(verb.Tell(command, new VerbOutcome(roomId, epoch, submitted, entry.Seq, entry.CreatedAtMs, entry, First: null)));
        }

        public override void OnReply(CommandReply reply)
        {
            switch (reply.OutcomeCase)
            {
                case CommandReply.OutcomeOneofCase.Stored:
                    OnStored(reply.Stored);
                    break;
                case CommandReply.OutcomeOneofCase.Refused:
                    OnRefused(reply.Refused);
                    break;
                default:
                    OnRefused(new Refusal { Code = ErrorCode.Internal });
                    break;
            }
        }

        public override void OnRefused(Refusal refusal)
        {
            Telemetry.Messages.Add(1, IsOurs(refusal.Code) ? Telemetry.Failed : Telemetry.Refused);
            sink.Tell(ErrorEvent.Of(refusal, command.Ref, submitted.RoomId));
        }

        /// <summary>The client has sent it before, and is told what became of it then.</summary>
        protected bool IsDuplicate(Stored stored) => stored.Duplicate && stored.MessageId != MessageId;

        private void OnStored(Stored stored)
        {
            // The batch may have gone twice because a confirm was lost. Stored under the id of this very command, it is no duplicate of the client's.
            var duplicate = IsDuplicate(stored);
            Telemetry.Messages.Add(1, duplicate ? Telemetry.Duplicate : Telemetry.Stored);
            sink.Tell(verb.Tell(command, new VerbOutcome(
                submitted.RoomId, stored.Epoch, submitted, stored.Seq, stored.CreatedAtMs, stored.Entry ?? new RoomEvent(), duplicate ? stored : null)));
        }
    }

    /// <summary>One whose span ends when its outcome is told.</summary>
    private sealed class TracedPending(RoomVerb<TCommand> verb, IOutcomeSink sink, TCommand command, Command submitted, Activity trace)
        : Pending(verb, sink, command, submitted)
    {
        public override void OnEvent(string roomId, string epoch, RoomEvent entry)
        {
            base.OnEvent(roomId, epoch, entry);
            CommandTrace.Answered(trace, "stored");
        }

        public override void OnReply(CommandReply reply)
        {
            base.OnReply(reply);
            if (reply.Stored is { } stored)
            {
                CommandTrace.Answered(trace, IsDuplicate(stored) ? "duplicate" : "stored");
            }
        }

        public override void OnRefused(Refusal refusal)
        {
            base.OnRefused(refusal);
            CommandTrace.Answered(trace, "refused", refusal.Code);
        }
    }

    /// <summary>A client that did not ask for the outcome.</summary>
    private sealed class ErrorsOnly(IOutcomeSink sink) : IOutcomeSink
    {
        public void Tell(ServerEvent outcome)
        {
            if (outcome is ErrorEvent)
            {
                sink.Tell(outcome);
            }
        }
    }
}
