using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Verbs;

/// <summary>One thing that can be asked of a room: who may do it, what it writes, what is answered.</summary>
/// <remarks>
/// A verb is one class in a folder of its own, and one line in <see cref="VerbSetup"/>. It has no state and does no I/O: all flush loops use the same
/// object at the same time. What it decides is kept in the <see cref="Flush"/> and in the room, and may be undone and decided again.
/// A verb that writes one entry derives from <see cref="EntryVerb"/>, or from <see cref="ChangeVerb"/> when it changes an older message: both are idempotent.
/// </remarks>
internal interface IVerb
{
    /// <summary>The member of a command's body that carries it.</summary>
    Command.BodyOneofCase Body { get; }

    /// <summary>Its name when <see cref="Body"/> is <see cref="Command.BodyOneofCase.Extension"/>; else empty.</summary>
    string ExtensionName => "";

    /// <summary>A user acts. Such a command is decided only with a complete actor, whose membership is loaded; the others are of the node itself.</summary>
    bool HasActor => true;

    /// <summary>What is in memory of a loaded room cannot be right: it is read again before the command is decided.</summary>
    bool Doubts(in Submitted submitted) => false;

    /// <summary>With the room loaded: names the users whose created rooms must be counted before the command is decided.</summary>
    void AddCreators(in Submitted submitted, ISet<string> userIds)
    {
    }

    /// <summary>Names the older messages that the command is about (<see cref="Flush.NeedMessage"/>), so that they are read before it is decided. Called once
    /// more when they were read, for those that they lead to. A command that names none costs no read.</summary>
    void NameMessages(in Submitted submitted, Flush flush)
    {
    }

    /// <summary>The other user whose place in the room the command is about, so that it is loaded as the actor's is; null when there is none.</summary>
    string? OtherUser(in Submitted submitted) => null;

    /// <summary>The keys of everything that this command may have written when it was delivered before.</summary>
    void AddKeys(in Submitted submitted, ICollection<EntryKey> keys)
    {
    }

    /// <summary>Decides against the room as the commands before it leave it.</summary>
    void Decide(in Submitted submitted, Flush flush);
}
