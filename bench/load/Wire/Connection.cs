using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace Tertulia.Load.Wire;

/// <summary>What happens on a connection; all calls come from the loop's thread.</summary>
internal interface IConnectionHandler
{
    /// <summary>The upgrade was accepted.</summary>
    void OnOpen(Connection connection);

    /// <summary>One whole text message; the bytes are valid during the call only.</summary>
    void OnText(Connection connection, ReadOnlySpan<byte> payload);

    /// <summary>It is closed, by the server or by an error.</summary>
    void OnClosed(Connection connection, string reason);
}

/// <summary>A WebSocket client on a bare socket: upgrade, frames, pongs.</summary>
internal sealed class Connection
{
    private const int MaxMessage = 1 << 20;
    private readonly Loop _loop;
    private readonly int _descriptor;
    private byte[] _rest = [];
    private int _restLength;
    private byte[] _fragments = [];
    private int _fragmentsLength;
    private byte[] _unsent = [];
    private int _unsentLength;
    private bool _upgraded;

    internal Connection(Loop loop, int descriptor, int tag, IConnectionHandler handler)
    {
        _loop = loop;
        _descriptor = descriptor;
        Tag = tag;
        Handler = handler;
        loop.Epoll.Watch(descriptor, tag, Epoll.In);
    }

    /// <summary>Index in the loop.</summary>
    public int Tag { get; }

    /// <summary>Who listens.</summary>
    public IConnectionHandler Handler { get; }

    /// <summary>Whether it has ended.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>Asks for the upgrade.</summary>
    /// <param name="target">Path and query.</param>
    public void Upgrade(string target) => SendRaw(Encoding.ASCII.GetBytes(
        $"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"));

    /// <summary>Sends a text message.</summary>
    public void SendText(ReadOnlySpan<byte> payload) => SendFrame(FrameEncoder.Text, payload);

    /// <summary>Ends it without a word.</summary>
    public void Abort()
    {
        if (!IsClosed)
        {
            IsClosed = true;
            _ = Native.Close(_descriptor); // Also leaves the epoll set.
        }
    }

    internal void OnReadable()
    {
        var buffer = _loop.ReceiveBuffer;
        _rest.AsSpan(0, _restLength).CopyTo(buffer);
        var received = Native.Receive(_descriptor, buffer.AsSpan(_restLength));
        if (received <= 0)
        {
            var error = received == 0 ? 0 : Marshal.GetLastPInvokeError();
            if (error is not Native.WouldBlock and not Native.Interrupted)
            {
                Fail(error == 0 ? "end of stream" : $"receive error {error}");
            }

            return;
        }

        var bytes = buffer.AsSpan(0, _restLength + received);
        var used = Consume(bytes);
        Keep(ref _rest, ref _restLength, bytes[used..]);
    }

    internal void OnWritable()
    {
        var sent = Native.Send(_descriptor, _unsent.AsSpan(0, _unsentLength));
        if (sent > 0)
        {
            _unsent.AsSpan(sent, _unsentLength - sent).CopyTo(_unsent);
            _unsentLength -= sent;
        }

        if (_unsentLength == 0)
        {
            _loop.Epoll.Change(_descriptor, Tag, Epoll.In);
        }
    }

    private static void Keep(ref byte[] buffer, ref int length, ReadOnlySpan<byte> bytes)
    {
        if (buffer.Length < bytes.Length)
        {
            buffer = new byte[Math.Max(256, (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)bytes.Length))];
        }

        bytes.CopyTo(buffer);
        length = bytes.Length;
    }

    private void SendFrame(byte opcode, ReadOnlySpan<byte> payload)
    {
        var buffer = _loop.SendBuffer.AsSpan();
        payload.CopyTo(buffer[FrameEncoder.MaxHeader..]);
        SendRaw(FrameEncoder.Frame(opcode, buffer, payload.Length));
    }

    private void SendRaw(ReadOnlySpan<byte> bytes)
    {
        if (IsClosed)
        {
            return;
        }

        var sent = _unsentLength > 0 ? 0 : Native.Send(_descriptor, bytes);
        if (sent == bytes.Length)
        {
            return;
        }

        if (sent < 0 && Marshal.GetLastPInvokeError() is var error and not Native.WouldBlock)
        {
            Fail($"send error {error}");
            return;
        }

        // The server does not read: keep the rest until it does. The messages stay on schedule and become late.
        var unsent = bytes[Math.Max(sent, 0)..];
        if (_unsentLength + unsent.Length > _unsent.Length)
        {
            Array.Resize(ref _unsent, Math.Max(4096, 2 * (_unsentLength + unsent.Length)));
        }

        unsent.CopyTo(_unsent.AsSpan(_unsentLength));
        _unsentLength += unsent.Length;
        _loop.Epoll.Change(_descriptor, Tag, Epoll.In | Epoll.Out);
    }

    /// <returns>Bytes that are done with.</returns>
    private int Consume(ReadOnlySpan<byte> bytes)
    {
        var used = 0;
        if (!_upgraded)
        {
            var end = bytes.IndexOf("\r\n\r\n"u8);
            if (end < 0)
            {
                return 0;
            }

            if (!bytes.StartsWith("HTTP/1.1 101"u8))
            {
                Fail("not upgraded: " + Encoding.ASCII.GetString(bytes[..Math.Min(bytes.Length, 200)]));
                return bytes.Length;
            }

            _upgraded = true;
            used = end + 4;
            Handler.OnOpen(this);
        }

        while (!IsClosed && TryReadHeader(bytes[used..], out var header, out var length) && bytes.Length - used >= header + length)
        {
            OnFrame(bytes[used], bytes.Slice(used + header, length));
            used += header + length;
        }

        return IsClosed ? bytes.Length : used;
    }

    private static bool TryReadHeader(ReadOnlySpan<byte> bytes, out int header, out int length)
    {
        header = length = 0;
        if (bytes.Length < 2)
        {
            return false;
        }

        var marker = bytes[1] & 0x7F;
        header = marker switch { 126 => 4, 127 => 10, _ => 2 };
        if (bytes.Length < header)
        {
            return false;
        }

        length = marker switch
        {
            126 => BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]),
            127 => checked((int)BinaryPrimitives.ReadUInt64BigEndian(bytes[2..])),
            _ => marker,
        };
        return length <= MaxMessage ? true : throw new InvalidDataException($"A frame of {length} bytes");
    }

    private void OnFrame(byte first, ReadOnlySpan<byte> payload)
    {
        var isFinal = (first & 0x80) != 0;
        switch (first & 0x0F)
        {
            case FrameEncoder.Text when isFinal:
                Handler.OnText(this, payload);
                break;
            case FrameEncoder.Text or 0:
                AddFragment(payload, isFinal);
                break;
            case FrameEncoder.Ping:
                SendFrame(FrameEncoder.Pong, payload);
                break;
            case FrameEncoder.Close:
                Fail(payload.Length < 2 ? "closed" : $"closed {BinaryPrimitives.ReadUInt16BigEndian(payload)} {Encoding.UTF8.GetString(payload[2..])}");
                break;
        }
    }

    private void AddFragment(ReadOnlySpan<byte> payload, bool isFinal)
    {
        if (_fragmentsLength + payload.Length > _fragments.Length)
        {
            Array.Resize(ref _fragments, Math.Max(4096, 2 * (_fragmentsLength + payload.Length)));
        }

        payload.CopyTo(_fragments.AsSpan(_fragmentsLength));
        _fragmentsLength += payload.Length;
        if (isFinal)
        {
            Handler.OnText(this, _fragments.AsSpan(0, _fragmentsLength));
            _fragmentsLength = 0;
        }
    }

    private void Fail(string reason)
    {
        if (!IsClosed)
        {
            Abort();
            Handler.OnClosed(this, reason);
        }
    }
}
