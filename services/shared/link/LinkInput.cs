using System.Buffers;
using Google.Protobuf;

namespace Tertulia.Link;

/// <summary>What reads the records of a link. All calls come one after the other, on the thread that reads.</summary>
public interface ILinkRecords
{
    /// <summary>One complete record. Must not wait: every client of the link does.</summary>
    /// <param name="kind">May be one that is not known: to be passed over.</param>
    /// <param name="body">The message, encoded; valid during the call.</param>
    /// <exception cref="LinkBrokenException">The peer has broken a rule: the link ends.</exception>
    void OnRecord(LinkRecordKind kind, ReadOnlySpan<byte> body);

    /// <summary>All complete records of one read were handled, or one of them has failed: what was put off until now is due.</summary>
    void OnRead();
}

/// <summary>Takes the bytes of a link apart.</summary>
public static class LinkInput
{
    private const int FirstBytes = 64 * 1024;
    private const int LengthDelimited = 2; // Wire type of everything in LinkRecords.

    /// <summary>Reads until the end.</summary>
    /// <exception cref="LinkBrokenException">The peer has broken a rule.</exception>
    /// <exception cref="IOException">The connection has failed.</exception>
    public static async Task ReadAsync(Stream stream, ILinkRecords records, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(FirstBytes);
        try
        {
            var end = 0;
            while (true)
            {
                var read = await stream.ReadAsync(buffer.AsMemory(end), cancellationToken);
                if (read == 0)
                {
                    return;
                }

                end += read;
                int used, needed;
                try
                {
                    used = Handle(buffer.AsSpan(0, end), records, out needed);
                }
                finally
                {
                    records.OnRead();
                }

                end -= used;
                if (needed > buffer.Length)
                {
                    var larger = ArrayPool<byte>.Shared.Rent(needed);
                    buffer.AsSpan(used, end).CopyTo(larger);
                    ArrayPool<byte>.Shared.Return(buffer);
                    buffer = larger;
                }
                else if (used > 0 && end > 0)
                {
                    buffer.AsSpan(used, end).CopyTo(buffer);
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Handles all records that are complete.</summary>
    /// <param name="bytes">Begins with a record.</param>
    /// <param name="records">Who handles them.</param>
    /// <param name="needed">Bytes of the record that is not complete, as far as they are known.</param>
    /// <returns>Bytes of those that were.</returns>
    internal static int Handle(ReadOnlySpan<byte> bytes, ILinkRecords records, out int needed)
    {
        var used = 0;
        needed = 0;
        while (true)
        {
            var rest = bytes[used..];
            var tagBytes = LinkFormat.ReadVarint(rest, out var tag);
            if (tagBytes > 0 && ((tag & 7) != LengthDelimited || tag >> 3 == 0))
            {
                throw new LinkBrokenException("not a record");
            }

            var lengthBytes = LinkFormat.ReadVarint(rest[tagBytes..], out var length);
            if (tagBytes == 0 || lengthBytes == 0)
            {
                needed = 0;
                return used;
            }

            if (length > LinkFormat.MaxRecordBytes)
            {
                throw new LinkBrokenException("a record is too large");
            }

            needed = tagBytes + lengthBytes + (int)length;
            if (needed > rest.Length)
            {
                return used;
            }

            try
            {
                records.OnRecord((LinkRecordKind)(tag >> 3), rest.Slice(tagBytes + lengthBytes, (int)length));
            }
            catch (InvalidProtocolBufferException exception)
            {
                throw new LinkBrokenException("a record is not what its tag says", exception);
            }

            used += needed;
        }
    }
}
