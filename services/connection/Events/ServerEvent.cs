namespace Tertulia.Connections.Events;

/// <summary>What may become of an event when the client reads too slowly.</summary>
internal enum DeliveryClass
{
    /// <summary>An entry of a room's log. Left out above the soft limit: the caller marks a hole, the client pages the history.</summary>
    Durable,

    /// <summary>Typing, presence, counts. Silently left out above the soft limit.</summary>
    Ephemeral,

    /// <summary>Answers and everything else that is owed to this client. Queued up to the hard limit.</summary>
    Control,
}

/// <summary>One thing that clients are told (PROTOCOL §3), in no dialect. Never changes.</summary>
/// <remarks>The same object goes to everybody who is told. Its bytes are made once for each wire format, when the first receiver needs them.</remarks>
/// <param name="Class">What may become of it when the client reads too slowly.</param>
internal abstract record ServerEvent(DeliveryClass Class)
{
    /// <summary>Bytes of an event that carries a list, at most. Lists are cut to fit; one message alone may be larger.</summary>
    public const int MaxBytes = 64 * 1024;

    private Encoding? _encodings;

    /// <summary>A changed copy has other bytes.</summary>
    protected ServerEvent(ServerEvent other) => Class = other.Class;

    /// <summary>Bytes that the event holds in memory while it waits, about, without what is encoded. An event that carries a text of a client or a list adds it.</summary>
    public virtual int HeldBytes => 128;

    /// <summary>The bytes in a wire format: the same ones for everybody.</summary>
    public ReadOnlyMemory<byte> In(IWireFormat format)
    {
        for (var encoding = Volatile.Read(ref _encodings); encoding is not null; encoding = encoding.Next)
        {
            if (ReferenceEquals(encoding.Format, format))
            {
                return encoding.Bytes;
            }
        }

        return Encode(format);
    }

    /// <summary>The same thing is told; how often it was encoded does not matter.</summary>
    public virtual bool Equals(ServerEvent? other) => other is not null && EqualityContract == other.EqualityContract && Class == other.Class;

    /// <inheritdoc />
    public override int GetHashCode() => HashCode.Combine(EqualityContract, Class);

    private ReadOnlyMemory<byte> Encode(IWireFormat format)
    {
        var mine = new Encoding(format, format.Encode(this));
        while (true)
        {
            var first = Volatile.Read(ref _encodings);
            for (var encoding = first; encoding is not null; encoding = encoding.Next)
            {
                if (ReferenceEquals(encoding.Format, format))
                {
                    return encoding.Bytes; // Another thread was faster: all share its bytes.
                }
            }

            mine.Next = first;
            if (Interlocked.CompareExchange(ref _encodings, mine, first) == first)
            {
                return mine.Bytes;
            }
        }
    }

    private sealed class Encoding(IWireFormat format, byte[] bytes)
    {
        public IWireFormat Format { get; } = format;

        public byte[] Bytes { get; } = bytes;

        public Encoding? Next { get; set; }
    }
}

/// <summary>How a wire's clients read events. There is one instance for each format, as long as the process lives: it is the key of what was encoded.</summary>
internal interface IWireFormat
{
    /// <summary>Makes all bytes that the event needs on the wire. Any thread, also with a room's lock held.</summary>
    byte[] Encode(ServerEvent serverEvent);
}
