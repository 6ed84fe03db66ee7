using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Verbs;

/// <summary>A verb that writes one entry, once for each key, however often its command comes.</summary>
/// <remarks>
/// The entry is the answer of its command. A command whose entry is in the log already is answered without writing: with the same entry when it is the same command,
/// because the writer before us may not have come to publishing it; as a duplicate when the client has sent it again.
/// </remarks>
internal abstract class KeyedVerb : IVerb
{
    /// <inheritdoc />
    public abstract Command.BodyOneofCase Body { get; }

    /// <inheritdoc />
    public virtual string ExtensionName => "";

    /// <inheritdoc />
    public virtual void NameMessages(in Submitted submitted, Flush flush)
    {
    }

    /// <inheritdoc />
    public virtual void AddCreators(in Submitted submitted, ISet<string> userIds)
    {
    }

    /// <inheritdoc />
    public virtual string? OtherUser(in Submitted submitted) => null;

    /// <inheritdoc />
    public void AddKeys(in Submitted submitted, ICollection<EntryKey> keys) => keys.Add(FullKey(submitted));

    /// <inheritdoc />
    public void Decide(in Submitted submitted, Flush flush)
    {
        var key = FullKey(submitted);
        if (!IsStored(submitted, key, flush) && !IsInMemory(submitted, key, flush))
        {
            Carry(submitted, key, flush);
        }
    }

    /// <summary>What tells one attempt from another: the same when the same command is delivered again, another one when the client sends it again.</summary>
    public abstract string IdOf(Command command);

    /// <summary>The id of the attempt that wrote the entry.</summary>
    public abstract string IdOf(RoomEvent written);

    /// <summary>The entry of this command is kept in memory for a while, for a client that sends it again.</summary>
    public virtual bool Remembers(Command command) => false;

    /// <summary>What an acknowledgement says of the entry.</summary>
    public abstract Stored Describe(Command command, RoomEvent written);

    /// <summary>The command's idempotency key, unique for ever per room and user. Its first character keeps the verbs apart (ADR 0016).</summary>
    protected abstract string KeyOf(in Submitted submitted);

    /// <summary>Nothing of it is in the log: refuses it, or appends its entry.</summary>
    protected abstract void Carry(in Submitted submitted, in EntryKey key, Flush flush);

    /// <summary>Answers it when its entry was written lately.</summary>
    protected virtual bool IsInMemory(in Submitted submitted, in EntryKey key, Flush flush) => false;

    private EntryKey FullKey(in Submitted submitted) => new(submitted.Room.RoomId, submitted.Command.Actor.UserId, KeyOf(submitted));

    /// <summary>The flush or, after a conflict or when it was sent again, the store already has it.</summary>
    private bool IsStored(in Submitted submitted, in EntryKey key, Flush flush)
    {
        if (flush.FindWritten(key) is { } written)
        {
            if (IdOf(written) != IdOf(submitted.Command))
            {
                flush.ReplyDuplicate(submitted, Describe(submitted.Command, written));
            }

            return true; // The very same command twice is answered by its event.
        }

        if (!flush.Known.TryGetValue(key, out var known))
        {
            return false;
        }

        if (IdOf(known) == IdOf(submitted.Command))
        {
            flush.Republish(submitted, this, key, known);
        }
        else
        {
            flush.ReplyDuplicate(submitted, Describe(submitted.Command, known));
        }

        return true;
    }
}
