using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;

namespace Tertulia.Connections.Users;

/// <summary>What a node does about one kind of event that concerns all devices of a user. Each is one class and one line of <see cref="UserEventSetup"/>.</summary>
internal interface IUserEventHandler
{
    /// <summary>The kind of event.</summary>
    UserEvent.BodyOneofCase Kind { get; }

    /// <summary>Does it. Called on the receiving loop: return quickly.</summary>
    /// <param name="told">What happened.</param>
    /// <param name="sessions">The user's, without the one the event is not for. At least one.</param>
    void Handle(UserEvent told, ReadOnlySpan<Session> sessions);
}

/// <summary>An event that the user's devices are shown.</summary>
internal abstract class UserEventView : IUserEventHandler
{
    /// <inheritdoc />
    public abstract UserEvent.BodyOneofCase Kind { get; }

    /// <inheritdoc />
    public void Handle(UserEvent told, ReadOnlySpan<Session> sessions)
    {
        var shown = Show(told); // Once for all.
        foreach (var session in sessions)
        {
            session.Send(shown);
        }
    }

    /// <summary>What the devices are told.</summary>
    protected abstract ServerEvent Show(UserEvent told);
}
