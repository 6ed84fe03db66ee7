using System.Buffers;

namespace Tertulia.Connections.Doors.Native;

/// <summary>The fragments of a message that is not complete.</summary>
internal struct MessageBuffer : IDisposable
{
    private byte[]? _bytes;

    /// <summary>A message has begun and is not complete.</summary>
    public bool IsOpen { get; private set; }

    /// <summary>It is compressed.</summary>
    public bool IsCompressed { get; private set; }

    /// <summary>Bytes that have come of it.</summary>
    public int Length { get; private set; }

    /// <summary>Adds a fragment.</summary>
    /// <param name="fragment">Unmasked.</param>
    /// <param name="isCompressed">Of the first one; later ones do not say it.</param>
    public void Append(ReadOnlySpan<byte> fragment, bool isCompressed)
    {
        if (!IsOpen)
        {
            (IsOpen, IsCompressed, Length) = (true, isCompressed, 0);
        }

        if (_bytes is null || _bytes.Length < Length + fragment.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(Length + fragment.Length, Length * 2));
            _bytes.AsSpan(0, Length).CopyTo(larger);
            Return();
            _bytes = larger;
        }

        fragment.CopyTo(_bytes.AsSpan(Length));
        Length += fragment.Length;
    }

    /// <summary>The message is complete.</summary>
    /// <returns>Its bytes, valid until the next fragment.</returns>
    public ReadOnlyMemory<byte> Close(out bool isCompressed)
    {
        var message = _bytes.AsMemory(0, Length);
        isCompressed = IsCompressed;
        (IsOpen, Length) = (false, 0);
        return message;
    }

    /// <summary>Gives the buffer back: what <see cref="Close"/> returned is not used any more.</summary>
    public void Dispose()
    {
        Return();
        (_bytes, IsOpen, Length) = (null, false, 0);
    }

    private readonly void Return()
    {
        if (_bytes is not null)
        {
            ArrayPool<byte>.Shared.Return(_bytes);
        }
    }
}
