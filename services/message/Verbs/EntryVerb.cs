using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Storage;

namespace Tertulia.Messages.Verbs;

/// <summary>A verb whose entry follows from its command alone, so that a client that sends it again is answered from memory.</summary>
internal abstract class EntryVerb : KeyedVerb
{
    /// <summary>The command's idempotency key, unique for ever per room and user. Its first character keeps the verbs apart (ADR 0016).</summary>
    public abstract string KeyOf(Command command);

    /// <summary>The key as the client chose it; empty when it chose none. Only with one can the client send the command again.</summary>
    public abstract string ClientKeyOf(Command command);

    /// <inheritdoc />
    public override bool Remembers(Command command) => ClientKeyOf(command).Length > 0;

    /// <inheritdoc />
    public sealed override Stored Describe(Command command, RoomEvent written) =>
        Describe(command, new StoredEntry(IdOf(written), written.Seq, written.CreatedAtMs));

    /// <summary>What an acknowledgement says of the entry.</summary>
    public virtual Stored Describe(Command command, in StoredEntry stored) =>
        new() { ClientMsgId = ClientKeyOf(command), Seq = stored.Seq, CreatedAtMs = stored.CreatedAtMs };

    /// <inheritdoc />
    protected sealed override string KeyOf(in Submitted submitted) => KeyOf(submitted.Command);

    /// <summary>Who may do it, and whether it makes sense. <see cref="ErrorCode.Unspecified"/>: yes.</summary>
    protected abstract ErrorCode Check(in Submitted submitted);

    /// <summary>The entry, without seq, time and user.</summary>
    protected abstract RoomEvent Write(Command command);

    /// <inheritdoc />
    protected override void Carry(in Submitted submitted, in EntryKey key, Flush flush)
    {
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

    /// <inheritdoc />
    protected sealed override bool IsInMemory(in Submitted submitted, in EntryKey key, Flush flush)
    {
        if (!flush.Recent.TryGet(key, out var stored))
        {
            return false;
        }

        var command = submitted.Command;
        if (stored.Id != IdOf(command))
        {
            flush.ReplyDuplicate(submitted, Describe(command, stored));
            return true;
        }

        var roomEvent = Write(command);
        roomEvent.Seq = stored.Seq;
        roomEvent.CreatedAtMs = stored.CreatedAtMs;
        roomEvent.UserId = command.Actor.UserId;
        roomEvent.Username = command.Actor.Username;
        flush.Republish(submitted, this, key, roomEvent);
        return true;
    }
}
