using Tertulia.Connections.Sessions;

namespace Tertulia.Connections.Verbs;

/// <summary>From which allowance of PROTOCOL §6 a command is taken.</summary>
internal enum Allowance
{
    /// <summary>Of the session, for what is free.</summary>
    Free,

    /// <summary>Of the session, for entering and leaving rooms.</summary>
    Move,

    /// <summary>Of the user, on all nodes together.</summary>
    Event,
}

/// <summary>What the node does about one kind of command. Each is one class and one line of <see cref="VerbSetup"/>.</summary>
internal interface ICommandHandler
{
    /// <summary>The kind of command.</summary>
    Type Command { get; }

    /// <summary>What it costs.</summary>
    Allowance Allowance { get; }

    /// <summary>Carries it out. Does not wait for the broker: answers come through the session's outbox. Calls for one session never overlap.</summary>
    ValueTask HandleAsync(Session session, ClientCommand command, CancellationToken cancellationToken);
}
