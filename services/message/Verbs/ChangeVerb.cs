using System.Globalization;
using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Permissions;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Verbs;

/// <summary>A verb that changes one older message of the room.</summary>
/// <remarks>
/// Its key is the command's own, so that the same one is found when it is delivered again. A client that asks once more for what is so already is answered as
/// done: nothing is written, whoever did it. So a client needs no key of its own to try again.
/// </remarks>
internal abstract class ChangeVerb : KeyedVerb
{
    /// <inheritdoc />
    public override void NameMessages(in Submitted submitted, Flush flush) => flush.NeedMessage(TargetOf(submitted.Command));

    /// <inheritdoc />
    public sealed override string IdOf(Command command) => ""; // There is one attempt of each key.

    /// <inheritdoc />
    public sealed override string IdOf(RoomEvent written) => "";

    /// <inheritdoc />
    public sealed override Stored Describe(Command command, RoomEvent written) => new() { Seq = written.Seq, CreatedAtMs = written.CreatedAtMs, Entry = written };

    /// <summary>Its name in the key.</summary>
    protected abstract string Name { get; }

    /// <summary>Whether it makes sense for a message that was deleted.</summary>
    protected virtual bool TakesDeleted => false;

    /// <summary>Id of the message, as the client gave it.</summary>
    protected abstract string TargetOf(Command command);

    /// <summary>What it is to do this to the message: who may is told by <see cref="RoomPermissions"/>.</summary>
    /// <param name="actor">Who does it.</param>
    /// <param name="message">Null when the room has no such message: only who may act in the room is told so.</param>
    protected abstract RoomAction ActionOf(Actor actor, Message? message);

    /// <summary>Changes the message, or says why not.</summary>
    protected abstract Change Apply(in Submitted submitted, Message message, Flush flush);

    /// <inheritdoc />
    protected sealed override string KeyOf(in Submitted submitted) =>
        string.Create(CultureInfo.InvariantCulture, $"+{Name}:{submitted.NodeId}:{submitted.Command.CommandId}");

    /// <inheritdoc />
    protected sealed override void Carry(in Submitted submitted, in EntryKey key, Flush flush)
    {
        var (room, actor) = (submitted.Room, submitted.Command.Actor);
        var message = flush.MessageOf(room, TargetOf(submitted.Command));
        var refusal = room.Exists ? RoomPermissions.Check(submitted, ActionOf(actor, message)) : ErrorCode.RoomNotFound;
        if (refusal == ErrorCode.Unspecified && (message is null || (message.DeletedAtMs > 0 && !TakesDeleted)))
        {
            refusal = ErrorCode.MessageNotFound;
        }

        var change = refusal == ErrorCode.Unspecified ? Apply(submitted, message!, flush) : Change.Refused(refusal);
        if (change.Entry is not { } entry)
        {
            flush.Refuse(submitted, change.Refusal!);
        }
        else if (change.IsSo)
        {
            (entry.UserId, entry.Username) = entry.UserId.Length > 0 ? (entry.UserId, entry.Username) : (actor.UserId, actor.Username);
            flush.ReplyDuplicate(submitted, new Stored { CreatedAtMs = entry.CreatedAtMs, Entry = entry });
        }
        else
        {
            flush.Append(submitted, this, key, entry, message!, change.Erased);
        }
    }

    /// <summary>What became of a message.</summary>
    /// <param name="Refusal">Why it was not changed, when there is no entry.</param>
    /// <param name="Entry">What changed it, or would have; without seq, time and user.</param>
    /// <param name="IsSo">It is so already.</param>
    /// <param name="Erased">The entry that held the text that is gone, without it; null when none is.</param>
    protected readonly record struct Change(Refusal? Refusal, RoomEvent? Entry, bool IsSo, RoomEvent? Erased = null)
    {
        /// <summary>It is not changed.</summary>
        public static Change Refused(ErrorCode code, string detail = "") => new(new Refusal { Code = code, Detail = detail }, Entry: null, IsSo: false);

        /// <summary>It was changed.</summary>
        public static Change By(RoomEvent entry, RoomEvent? erased = null) => new(Refusal: null, entry, IsSo: false, erased);

        /// <summary>It was so before: the answer shows this entry, which is not written. Its user and time are those of
        /// the change that made it so, or the actor and none.</summary>
        public static Change None(RoomEvent entry) => new(Refusal: null, entry, IsSo: true);
    }
}
