namespace Tertulia.Link;

/// <summary>The record that there are most of, read without making objects (<c>LinkData</c> of <c>link.proto</c>).</summary>
public readonly ref struct LinkDataRecord
{
    private const byte ClientsTag = 0x0A;
    private const byte PayloadTag = 0x12;

    private LinkDataRecord(ReadOnlySpan<byte> clients, ReadOnlySpan<byte> payload)
    {
        Clients = clients;
        Payload = payload;
    }

    /// <summary>The receivers that were not taken yet, as varints.</summary>
    private ReadOnlySpan<byte> Clients { get; }

    /// <summary>Valid while the record is handled.</summary>
    public ReadOnlySpan<byte> Payload { get; }

    /// <exception cref="LinkBrokenException">It is not one.</exception>
    public static LinkDataRecord Read(ReadOnlySpan<byte> body)
    {
        var clients = Field(ref body, ClientsTag);
        var payload = Field(ref body, PayloadTag);
        if (!body.IsEmpty || clients.IsEmpty || payload.Length is 0 or > LinkFormat.WindowBytes)
        {
            throw new LinkBrokenException("a data record without receivers or bytes, or with too many");
        }

        return new LinkDataRecord(clients, payload);
    }

    public Enumerator GetEnumerator() => new(Clients);

    /// <summary>Bytes of a record's body.</summary>
    internal static int Bytes(int clientsBytes, int payloadBytes) =>
        1 + LinkFormat.VarintBytes((uint)clientsBytes) + clientsBytes + 1 + LinkFormat.VarintBytes((uint)payloadBytes) + payloadBytes;

    /// <summary>Writes a body.</summary>
    /// <returns>Its bytes.</returns>
    internal static int Write(Span<byte> target, ReadOnlySpan<uint> clients, int clientsBytes, ReadOnlySpan<byte> payload)
    {
        var length = 0;
        target[length++] = ClientsTag;
        length += LinkFormat.WriteVarint(target[length..], (uint)clientsBytes);
        foreach (var client in clients)
        {
            length += LinkFormat.WriteVarint(target[length..], client);
        }

        target[length++] = PayloadTag;
        length += LinkFormat.WriteVarint(target[length..], (uint)payload.Length);
        payload.CopyTo(target[length..]);
        return length + payload.Length;
    }

    private static ReadOnlySpan<byte> Field(scoped ref ReadOnlySpan<byte> body, byte tag)
    {
        if (body.IsEmpty || body[0] != tag)
        {
            return default;
        }

        var lengthBytes = LinkFormat.ReadVarint(body[1..], out var length);
        if (lengthBytes == 0 || length > (uint)(body.Length - 1 - lengthBytes))
        {
            throw new LinkBrokenException("a field ends after its record");
        }

        var field = body.Slice(1 + lengthBytes, (int)length);
        body = body[(1 + lengthBytes + (int)length)..];
        return field;
    }

    /// <summary>The receivers, one after the other.</summary>
    public ref struct Enumerator(ReadOnlySpan<byte> clients)
    {
        private ReadOnlySpan<byte> _clients = clients;
        private uint _current;

        public readonly uint Current => _current;

        /// <exception cref="LinkBrokenException">The last number is not complete.</exception>
        public bool MoveNext()
        {
            if (_clients.IsEmpty)
            {
                return false;
            }

            var bytes = LinkFormat.ReadVarint(_clients, out _current);
            if (bytes == 0)
            {
                throw new LinkBrokenException("a number is cut");
            }

            _clients = _clients[bytes..];
            return true;
        }
    }
}
