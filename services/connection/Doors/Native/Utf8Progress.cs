using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace Tertulia.Connections.Doors.Native;

/// <summary>Checks text that comes in pieces, so that what is not UTF-8 shows with its first wrong byte.</summary>
internal struct Utf8Progress
{
    private const int MaxCarried = 4;

    private uint _carried; // The first bytes of a character that is not complete, the first one lowest.
    private int _count;

    /// <summary>The text may end here.</summary>
    public readonly bool IsComplete => _count == 0;

    /// <summary>Checks the next piece.</summary>
    /// <returns>False when no text goes on like this.</returns>
    public bool TryGoOn(ReadOnlySpan<byte> piece)
    {
        Span<byte> character = stackalloc byte[MaxCarried];
        while (_count > 0)
        {
            if (piece.IsEmpty)
            {
                return true;
            }

            _carried |= (uint)piece[0] << (8 * _count++);
            piece = piece[1..];
            for (var i = 0; i < _count; i++)
            {
                character[i] = (byte)(_carried >> (8 * i));
            }

            switch (Rune.DecodeFromUtf8(character[.._count], out _, out _))
            {
                case OperationStatus.Done:
                    (_carried, _count) = (0, 0);
                    break;
                case OperationStatus.InvalidData:
                    return false;
            }
        }

        var cut = CutAtEnd(piece);
        if (!Utf8.IsValid(piece[..^cut]))
        {
            return false;
        }

        foreach (var one in piece[^cut..])
        {
            _carried |= (uint)one << (8 * _count++);
        }

        return true;
    }

    /// <returns>Bytes of a last character that is right so far and not complete.</returns>
    private static int CutAtEnd(ReadOnlySpan<byte> piece)
    {
        for (var length = 1; length < MaxCarried && length <= piece.Length; length++)
        {
            var tail = piece[^length..];
            if ((tail[0] & 0xC0) != 0x80)
            {
                return Rune.DecodeFromUtf8(tail, out _, out _) == OperationStatus.NeedMoreData ? length : 0;
            }
        }

        return 0;
    }
}
