using System.Collections.Frozen;
using System.IO.Compression;
using Tertulia.Connections.Events;

namespace Tertulia.Connections.Doors.Native;

/// <summary>Events as WebSocket frames of JSON (PROTOCOL §3): complete frames, header and payload.</summary>
/// <param name="encoders">One for each kind of event.</param>
internal sealed class NativeFormat(IEnumerable<NativeEncoder> encoders) : IWireFormat
{
    private readonly FrozenDictionary<Type, NativeEncoder> _encoders = encoders.ToFrozenDictionary(encoder => encoder.Event);
    private DeflatedFormat? _deflated;

    /// <summary>The same for connections that have negotiated <c>permessage-deflate</c> without context takeover: compressed frames are shared, too.</summary>
    public IWireFormat Deflated => _deflated ?? Interlocked.CompareExchange(ref _deflated, new DeflatedFormat(this), null) ?? _deflated;

    /// <inheritdoc />
    public byte[] Encode(ServerEvent serverEvent) => _encoders.TryGetValue(serverEvent.GetType(), out var encoder)
        ? encoder.Encode(serverEvent)
        : throw new InvalidOperationException($"{serverEvent.GetType().Name} has no encoding as a frame");

    /// <summary>Whether there is a frame for this kind of event.</summary>
    public bool Knows(Type serverEvent) => _encoders.ContainsKey(serverEvent);

    private sealed class DeflatedFormat(NativeFormat plain) : IWireFormat
    {
        // permessage-deflate ends every message with the empty block of a sync flush and leaves these bytes of it out (RFC 7692, 7.2.1).
        private static ReadOnlySpan<byte> FlushTail => [0x00, 0x00, 0xFF, 0xFF];

        /// <returns>The plain frame when compressing gains nothing.</returns>
        public byte[] Encode(ServerEvent serverEvent)
        {
            var frame = plain.Encode(serverEvent);
            var json = WebSocketFrames.Payload(frame);
            if (WebSocketFrames.IsControl(frame))
            {
                return frame; // Never compressed (RFC 7692, 6.1).
            }

            using var target = new MemoryStream(frame.Length);
            using var deflate = new DeflateStream(target, CompressionLevel.Fastest, leaveOpen: true);
            deflate.Write(json);
            deflate.Flush();
            var compressed = target.GetBuffer().AsSpan(0, (int)target.Length);
            return compressed.EndsWith(FlushTail) && compressed.Length - FlushTail.Length < json.Length
                ? WebSocketFrames.Make(WebSocketOpcode.Text, compressed[..^FlushTail.Length], compressed: true)
                : frame;
        }
    }
}

/// <summary>How one kind of event is written as a frame.</summary>
internal abstract class NativeEncoder
{
    /// <summary>The kind of event.</summary>
    public abstract Type Event { get; }

    /// <summary>A complete frame.</summary>
    public abstract byte[] Encode(ServerEvent serverEvent);

    /// <summary>An event that is a JSON text.</summary>
    /// <param name="write">Begins a frame (<see cref="FrameJson"/>) and writes everything but the end of <c>data</c> and of the envelope.</param>
    public static NativeEncoder Json<TEvent>(Func<TEvent, System.Text.Json.Utf8JsonWriter> write)
        where TEvent : ServerEvent => new Encoder<TEvent>(serverEvent => FrameJson.End(write(serverEvent)));

    /// <summary>An event that is not.</summary>
    /// <param name="encode">Makes a complete frame.</param>
    public static NativeEncoder Frame<TEvent>(Func<TEvent, byte[]> encode)
        where TEvent : ServerEvent => new Encoder<TEvent>(encode);

    private sealed class Encoder<TEvent>(Func<TEvent, byte[]> encode) : NativeEncoder
        where TEvent : ServerEvent
    {
        public override Type Event => typeof(TEvent);

        public override byte[] Encode(ServerEvent serverEvent) => encode((TEvent)serverEvent);
    }
}

/// <summary>A client's WebSocket ping is answered with its payload (RFC 6455, 5.5.3).</summary>
internal sealed record SocketPongEvent(ReadOnlyMemory<byte> Payload) : ServerEvent(DeliveryClass.Control);
