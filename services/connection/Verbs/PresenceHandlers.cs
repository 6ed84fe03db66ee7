using Tertulia.Connections.Announcing;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Watching;
using Tertulia.Contracts;

namespace Tertulia.Connections.Verbs;

/// <summary>What an authenticated client asks, in no room.</summary>
internal abstract class CallerHandler<TCommand> : ICommandHandler
    where TCommand : ClientCommand
{
    /// <inheritdoc />
    public Type Command => typeof(TCommand);

    /// <inheritdoc />
    public virtual Allowance Allowance => Allowance.Event;

    /// <inheritdoc />
    public ValueTask HandleAsync(Session session, ClientCommand command, CancellationToken cancellationToken)
    {
        if (session.Caller is { } caller)
        {
            Handle(session, caller, (TCommand)command);
        }
        else
        {
            session.Send(new ErrorEvent(ErrorCode.AuthRequired, Ref: command.Ref));
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>Carries it out.</summary>
    protected abstract void Handle(Session session, Caller caller, TCommand command);

    /// <summary>Says that the command is not valid.</summary>
    protected static void Refuse(Session session, ClientCommand command, string detail) =>
        session.Send(new ErrorEvent(ErrorCode.BadRequest, detail, command.Ref));
}

/// <summary><c>presence_set</c>: of the user, or of one device.</summary>
internal sealed class PresenceSetHandler(PresenceFlow presence, PresenceReporter reporter, TimeProvider time) : CallerHandler<PresenceSetCommand>
{
    /// <inheritdoc />
    protected override void Handle(Session session, Caller caller, PresenceSetCommand command)
    {
        if (command.IsOfDevice)
        {
            SetDevice(session, caller, command);
        }
        else if (!PresenceStatus.CanBeChosen(command.Status))
        {
            Refuse(session, command, "status must be online, away, busy or invisible");
        }
        else if (command.Until is { } until && until <= time.GetUtcNow())
        {
            Refuse(session, command, "until must be in the future");
        }
        else
        {
            presence.Choose(session, caller, command);
        }
    }

    private void SetDevice(Session session, Caller caller, PresenceSetCommand command)
    {
        if (command.Status is not (PresenceStatus.Online or PresenceStatus.Away) || (command.Text ?? command.Emoji) is not null || command.Until is not null)
        {
            Refuse(session, command, "a device is online or away, without text, emoji and until");
            return;
        }

        var isAway = command.Status == PresenceStatus.Away;
        reporter.SetAway(session.ConnectionId, isAway);
        if (command.Ref is { } reference)
        {
            session.Send(new DeviceStatusEvent(caller.UserId, isAway, reference));
        }
    }
}

/// <summary><c>presence_watch</c>.</summary>
internal sealed class PresenceWatchHandler(PresenceFlow presence) : CallerHandler<PresenceWatchCommand>
{
    /// <inheritdoc />
    protected override void Handle(Session session, Caller caller, PresenceWatchCommand command)
    {
        if (command.UserIds.Count == 0)
        {
            Refuse(session, command, "user_ids is required");
        }
        else
        {
            presence.Watch(session, command);
        }
    }
}

/// <summary><c>presence_unwatch</c>.</summary>
internal sealed class PresenceUnwatchHandler(PresenceFlow presence) : CallerHandler<PresenceUnwatchCommand>
{
    /// <inheritdoc />
    protected override void Handle(Session session, Caller caller, PresenceUnwatchCommand command) => presence.Unwatch(session, command);
}
