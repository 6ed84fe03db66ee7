using System.Buffers;
using System.IO.Compression;

namespace Tertulia.Connections.Doors.Native;

/// <summary>What became of a compressed message.</summary>
internal enum Inflation
{
    Done,

    /// <summary>It is larger than allowed; nothing beyond the limit was kept.</summary>
    TooBig,

    /// <summary>It is not deflated data.</summary>
    Broken,
}

/// <summary>Inflates the messages of <c>permessage-deflate</c> without context takeover (RFC 7692, 7.2.2).</summary>
internal static class MessageInflater
{
    private const int FirstRentBytes = 4 * 1024;

    // What the sender left out of its last block, and a final empty block, so that the stream is complete.
    private static ReadOnlySpan<byte> Tail => [0x00, 0x00, 0xFF, 0xFF, 0x01, 0x00, 0x00, 0xFF, 0xFF];

    /// <summary>Inflates one message.</summary>
    /// <param name="payload">As it came.</param>
    /// <param name="maxBytes">Inflated bytes at most.</param>
    /// <param name="inflated">Rented from the shared pool: the caller returns it. Null unless done.</param>
    /// <returns>What became of it, and its inflated bytes.</returns>
    public static (Inflation Inflation, int Length) Inflate(ReadOnlySpan<byte> payload, int maxBytes, out byte[]? inflated)
    {
        var source = ArrayPool<byte>.Shared.Rent(payload.Length + Tail.Length);
        var target = ArrayPool<byte>.Shared.Rent(FirstRentBytes);
        inflated = null;
        try
        {
            payload.CopyTo(source);
            Tail.CopyTo(source.AsSpan(payload.Length));
            using var inflate = new DeflateStream(new MemoryStream(source, 0, payload.Length + Tail.Length), CompressionMode.Decompress);
            var length = 0;
            while (true)
            {
                if (length == target.Length)
                {
                    target = Grow(target);
                }

                var read = inflate.Read(target.AsSpan(length));
                length += read;
                if (length > maxBytes)
                {
                    return (Inflation.TooBig, 0);
                }

                if (read == 0)
                {
                    (inflated, target) = (target, []);
                    return (Inflation.Done, length);
                }
            }
        }
        catch (InvalidDataException)
        {
            return (Inflation.Broken, 0);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(source);
            if (target.Length > 0)
            {
                ArrayPool<byte>.Shared.Return(target);
            }
        }
    }

    private static byte[] Grow(byte[] buffer)
    {
        var larger = ArrayPool<byte>.Shared.Rent(buffer.Length * 2);
        buffer.CopyTo(larger, 0);
        ArrayPool<byte>.Shared.Return(buffer);
        return larger;
    }
}
