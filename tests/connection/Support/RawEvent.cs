using System.Text;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Events;

namespace Tertulia.Connections.Tests.Support;

/// <summary>An event that is nothing but its text.</summary>
internal sealed record RawEvent(string Text, DeliveryClass Kind = DeliveryClass.Control) : ServerEvent(Kind)
{
    /// <summary>The native format, and this event as a text frame.</summary>
    public static NativeFormat Format { get; } = new(
        [.. NativeEncoders.All, NativeEncoder.Frame<RawEvent>(raw => WebSocketFrames.Make(WebSocketOpcode.Text, Encoding.UTF8.GetBytes(raw.Text)))]);

    /// <summary>The frame.</summary>
    public ReadOnlyMemory<byte> Plain => In(Format);
}
