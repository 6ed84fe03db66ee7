namespace Tertulia.Link;

/// <summary>What a record is: its field number in <c>LinkRecords</c> (<c>link.proto</c>).</summary>
public enum LinkRecordKind
{
    Open = 1,
    Accept = 2,
    Refuse = 3,
    Data = 4,
    Window = 5,
    Close = 6,
    Ping = 7,
    Pong = 8,
}

/// <summary>The numbers of the contract <c>link.proto</c>.</summary>
public static class LinkFormat
{
    /// <summary>Bytes of one client on their way, each way.</summary>
    public const int WindowBytes = 64 * 1024;

    /// <summary>Most that a receiver takes: a data record with a full payload for as many clients as there may be, and some room.</summary>
    public const int MaxRecordBytes = 192 * 1024;

    /// <summary>Most receivers of one record.</summary>
    public const int MaxReceivers = 8 * 1024;

    /// <summary>Most bytes of a proof, with the line feed that ends it.</summary>
    public const int MaxProofBytes = 1024;

    /// <summary>What each side sends first. The gateway's is followed by its proof (<c>InternalAuth</c>) and a line feed; the node answers only to a right one.</summary>
    public static ReadOnlySpan<byte> Preface => "tertulia link 2\n"u8;

    /// <summary>Bytes of a number.</summary>
    internal static int VarintBytes(uint value) => value switch
    {
        < 1 << 7 => 1,
        < 1 << 14 => 2,
        < 1 << 21 => 3,
        < 1 << 28 => 4,
        _ => 5,
    };

    /// <summary>Writes a number.</summary>
    /// <returns>Its bytes.</returns>
    internal static int WriteVarint(Span<byte> target, uint value)
    {
        var length = 0;
        while (value >= 0x80)
        {
            target[length++] = (byte)(value | 0x80);
            value >>= 7;
        }

        target[length++] = (byte)value;
        return length;
    }

    /// <summary>Reads a number.</summary>
    /// <returns>Its bytes; 0 when it is not complete.</returns>
    /// <exception cref="LinkBrokenException">It is larger than 32 bits.</exception>
    internal static int ReadVarint(ReadOnlySpan<byte> bytes, out uint value)
    {
        value = 0;
        for (var i = 0; i < bytes.Length; i++)
        {
            if (i == 4 && bytes[i] > 0x0F)
            {
                throw new LinkBrokenException("a number is too large");
            }

            value |= (uint)(bytes[i] & 0x7F) << (7 * i);
            if (bytes[i] < 0x80)
            {
                return i + 1;
            }
        }

        return 0;
    }
}

/// <summary>The other side of a link has broken its rules: the link ends.</summary>
public sealed class LinkBrokenException : IOException
{
    public LinkBrokenException()
    {
    }

    /// <param name="message">Which rule, for a log.</param>
    public LinkBrokenException(string message)
        : base(message)
    {
    }

    public LinkBrokenException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
