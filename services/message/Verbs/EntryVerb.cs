using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Verbs;

/// <summary>A verb that writes one entry, once for each key, however often its command comes.</summary>
/// <remarks>
/// The entry is the answer of its command. A command whose entry is in the log already is answered without writing: with the same entry when it is the same command,
/// because the writer before us may not have come to publishing it; as a duplicate when the client has sent it again.
/// </remarks>
internal abstract class EntryVerb : IVerb
{
    /// <inheritdoc />
    public abstract Command.BodyOneofCase Body { get; }

    /// <inheritdoc />
    public virtual string ExtensionName => "";

    /// <inheritdoc />
    public void AddKeys(in Submitted submitted, ICollection<EntryKey> keys) => keys.Add(FullKey(submitted));

    /// <inheritdoc />
    public void Decide(in Submitted submitted, Flush flush)
    {
        var key = FullKey(submitted);
        if (IsStored(submitted, key, flush))
        {
            return;
        }

        var refusal = Check(submitted);
        if (refusal == ErrorCode.Unspecified)
        {
            flush.Append(submitted, this, key, Write(submitted.Command));
        }
        else
        {
            flush.Refuse(submitted, refusal);
        }
    }

    /// <summary>The command's idempotency key, unique for ever per room and user. Its first character keeps the verbs apart (ADR 0016).</summary>
    public abstract string KeyOf(Command command);

    /// <summary>What tells one attempt from another: the same when the same command is delivered again, another one when the client sends it again.</summary>
    public abstract string IdOf(Command command);

    /// <summary>The id of the attempt that wrote the entry.</summary>
    public abstract string IdOf(RoomEvent written);

    /// <summary>The key as the client chose it; empty when it chose none. Only with one can the client send the command again.</summary>
    public abstract string ClientKeyOf(Command command);

    /// <summary>What an acknowledgement says of the entry.</summary>
    public virtual Stored Describe(Command command, in StoredEntry stored) =>
        new() { ClientMsgId = ClientKeyOf(command), Seq = stored.Seq, CreatedAtMs = stored.CreatedAtMs };

    /// <summary>Who may do it, and whether it makes sense. <see cref="ErrorCode.Unspecified"/>: yes.</summary>
    protected abstract ErrorCode Check(in Submitted submitted);

    /// <summary>The entry, without seq, time and user.</summary>
    protected abstract RoomEvent Write(Command command);

    private EntryKey FullKey(in Submitted submitted) => new(submitted.Room.RoomId, submitted.Command.Actor.UserId, KeyOf(submitted.Command));

    /// <summary>The flush, the memory or, after a conflict or when it was sent again, the store already has it.</summary>
    private bool IsStored(in Submitted submitted, in EntryKey key, Flush flush)
    {
        if (flush.FindWritten(key) is { } written)
        {
            if (IdOf(written) != IdOf(submitted.Command))
            {
                flush.ReplyDuplicate(submitted, Describe(submitted.Command, new StoredEntry(IdOf(written), written.Seq, written.CreatedAtMs)));
            }

            return true; // The very same command twice is answered by its event.
        }

        if (flush.Known.TryGetValue(key, out var known))
        {
            Answer(submitted, new StoredEntry(IdOf(known), known.Seq, known.CreatedAtMs), key, flush);
            return true;
        }

        if (flush.Recent.TryGet(key, out var stored))
        {
            Answer(submitted, stored, key, flush);
            return true;
        }

        return false;
    }

    private void Answer(in Submitted submitted, in StoredEntry stored, in EntryKey key, Flush flush)
    {
        var command = submitted.Command;
        if (stored.Id != IdOf(command))
        {
            flush.ReplyDuplicate(submitted, Describe(command, stored));
            return;
        }

        var roomEvent = Write(command);
        roomEvent.Seq = stored.Seq;
        roomEvent.CreatedAtMs = stored.CreatedAtMs;
        roomEvent.UserId = command.Actor.UserId;
        roomEvent.Username = command.Actor.Username;
        flush.Republish(submitted, this, key, roomEvent);
    }
}
