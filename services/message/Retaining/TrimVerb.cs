using System.Globalization;
using Tertulia.Contracts;
using Tertulia.Messages.Flushing;
using Tertulia.Messages.Storage;
using Tertulia.Messages.Verbs;

namespace Tertulia.Messages.Retaining;

/// <summary>A room keeps what was written before a seq no longer. Only this service asks for it.</summary>
internal sealed class TrimVerb : KeyedVerb, IVerb
{
    public override Command.BodyOneofCase Body => Command.BodyOneofCase.Trim;

    bool IVerb.HasActor => false;

    public override string IdOf(Command command) => ""; // There is one attempt of each key.

    public override string IdOf(RoomEvent written) => "";

    public override Stored Describe(Command command, RoomEvent written) => new() { Seq = written.Seq, CreatedAtMs = written.CreatedAtMs, Entry = written };

    protected override string KeyOf(in Submitted submitted) => string.Create(CultureInfo.InvariantCulture, $"+trim:{submitted.Command.Trim.FirstSeq}");

    protected override void Carry(in Submitted submitted, in EntryKey key, Flush flush)
    {
        var (room, firstSeq) = (submitted.Room, submitted.Command.Trim.FirstSeq);
        if (submitted.NodeId.Length > 0 || !room.Exists || firstSeq <= 1 || firstSeq > room.LastSeq + 1)
        {
            flush.Refuse(submitted, ErrorCode.Forbidden);
            return;
        }

        room.Pins = null; // Some of them may be gone.
        flush.Append(submitted, this, key, new RoomEvent { Trimmed = new RoomTrimmed { FirstSeq = firstSeq } });
    }
}
