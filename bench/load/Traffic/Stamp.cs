namespace Tertulia.Load.Traffic;

/// <summary>What every message carries in its text, so that each delivery can be checked and timed.</summary>
/// <param name="Room">Number of the room.</param>
/// <param name="Sender">Place of the sender among the room's members.</param>
/// <param name="Number">The sender's messages in this room, from 0.</param>
/// <param name="ScheduledAt">When it was due, on the generator's clock: not when it was sent.</param>
internal readonly record struct Stamp(int Room, int Sender, int Number, long ScheduledAt)
{
    /// <summary>Bytes of a stamp: the shortest text of a message.</summary>
    public const int Length = 2 + 6 + 6 + 8 + 16;

    // No server escapes a tilde in JSON.
    private static ReadOnlySpan<byte> Mark => "~~"u8;

    private static ReadOnlySpan<byte> Digits => "0123456789abcdef"u8;

    /// <summary>Fills the text of a message: the stamp, then padding.</summary>
    public void Write(Span<byte> text)
    {
        Mark.CopyTo(text);
        WriteHex(text.Slice(2, 6), Room);
        WriteHex(text.Slice(8, 6), Sender);
        WriteHex(text.Slice(14, 8), Number);
        WriteHex(text.Slice(22, 16), ScheduledAt);
        text[Length..].Fill((byte)'.');
    }

    /// <summary>Finds the stamp in a frame.</summary>
    public static bool TryRead(ReadOnlySpan<byte> frame, out Stamp stamp)
    {
        var start = frame.IndexOf(Mark);
        if (start < 0 || frame.Length < start + Length)
        {
            stamp = default;
            return false;
        }

        var text = frame.Slice(start, Length);
        stamp = new Stamp((int)ReadHex(text.Slice(2, 6)), (int)ReadHex(text.Slice(8, 6)), (int)ReadHex(text.Slice(14, 8)), ReadHex(text.Slice(22, 16)));
        return true;
    }

    /// <summary>Writes hexadecimal digits over the whole span.</summary>
    public static void WriteHex(Span<byte> text, long value)
    {
        for (var i = text.Length - 1; i >= 0; i--, value >>= 4)
        {
            text[i] = Digits[(int)(value & 0xF)];
        }
    }

    /// <summary>Reads what <see cref="WriteHex"/> wrote.</summary>
    public static long ReadHex(ReadOnlySpan<byte> text)
    {
        long value = 0;
        foreach (var digit in text)
        {
            value = (value << 4) | (uint)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
        }

        return value;
    }
}
