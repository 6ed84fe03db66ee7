using Google.Protobuf;
using Tertulia.Contracts;

namespace Tertulia.Messages.Storage.Sql;

/// <summary>A message of the tail, as it will stand in the log.</summary>
/// <param name="Key">Its room, sender and idempotency key.</param>
/// <param name="Seq">Its place in the room.</param>
/// <param name="CreatedAtMs">Unix milliseconds.</param>
/// <param name="Body">The <see cref="RoomEvent"/> in protobuf's wire format.</param>
internal sealed record TailEntry(EntryKey Key, long Seq, long CreatedAtMs, ReadOnlyMemory<byte> Body)
{
    public RoomEvent Event => RoomEvent.Parser.ParseFrom(Body.Span);
}

/// <summary>The messages of one append: a row of <c>log_tail</c>.</summary>
/// <param name="Id">One more than the row before.</param>
/// <param name="Bytes">What is stored: of each entry room, sender, key (strings), seq, time (varints) and event (bytes), without tags.</param>
/// <param name="Entries">The same.</param>
internal sealed record TailRow(long Id, byte[] Bytes, IReadOnlyList<TailEntry> Entries)
{
    /// <summary>A new row.</summary>
    public static TailRow Write(long id, IReadOnlyList<LogEntry> entries)
    {
        var length = 0;
        for (var i = 0; i < entries.Count; i++)
        {
            length += SizeOf(entries[i]);
        }

        var bytes = new byte[length];
        var output = new CodedOutputStream(bytes);
        var written = new TailEntry[entries.Count];
        for (var i = 0; i < written.Length; i++)
        {
            var entry = entries[i];
            output.WriteString(entry.RoomId);
            output.WriteString(entry.SenderId);
            output.WriteString(entry.IdempotencyKey);
            output.WriteInt64(entry.Event.Seq);
            output.WriteInt64(entry.Event.CreatedAtMs);
            output.WriteMessage(entry.Event);
            var end = (int)output.Position;
            var size = entry.Event.CalculateSize();
            written[i] = new TailEntry(entry.Key, entry.Event.Seq, entry.Event.CreatedAtMs, bytes.AsMemory(end - size, size));
        }

        return new TailRow(id, bytes, written);
    }

    /// <summary>A stored row.</summary>
    public static TailRow Read(long id, byte[] bytes)
    {
        var input = new CodedInputStream(bytes);
        var entries = new List<TailEntry>();
        while (!input.IsAtEnd)
        {
            var key = new EntryKey(input.ReadString(), input.ReadString(), input.ReadString());
            entries.Add(new TailEntry(key, input.ReadInt64(), input.ReadInt64(), input.ReadBytes().Memory));
        }

        return new TailRow(id, bytes, entries);
    }

    private static int SizeOf(in LogEntry entry) =>
        CodedOutputStream.ComputeStringSize(entry.RoomId) + CodedOutputStream.ComputeStringSize(entry.SenderId)
        + CodedOutputStream.ComputeStringSize(entry.IdempotencyKey) + CodedOutputStream.ComputeInt64Size(entry.Event.Seq)
        + CodedOutputStream.ComputeInt64Size(entry.Event.CreatedAtMs) + CodedOutputStream.ComputeMessageSize(entry.Event);
}
