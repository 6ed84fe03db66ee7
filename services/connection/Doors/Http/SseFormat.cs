using System.Globalization;
using System.Text;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Events;

namespace Tertulia.Connections.Doors.Http;

/// <summary>Events as Server-Sent Events: the JSON of the native frame as <c>data</c>, a comment where a socket is pinged, <c>close</c> where one is closed. The same
/// bytes for all streams: what differs, the positions, is written by the wire (<see cref="SseWire"/>).</summary>
/// <remarks>https://html.spec.whatwg.org/multipage/server-sent-events.html. JSON has no line break, so that an event is one line.</remarks>
internal sealed class SseFormat(NativeFormat native) : IWireFormat
{
    private static readonly byte[] Comment = ":\n\n"u8.ToArray();

    /// <summary>The bytes before an event's JSON.</summary>
    public static ReadOnlySpan<byte> Data => "data: "u8;

    /// <inheritdoc />
    public byte[] Encode(ServerEvent serverEvent)
    {
        switch (serverEvent)
        {
            case AreYouThereEvent or SocketPongEvent:
                return Comment;
            case CloseEvent close:
                var reason = System.Text.Json.JsonEncodedText.Encode(close.Reason);
                return Encoding.UTF8.GetBytes(string.Create(
                    CultureInfo.InvariantCulture, $"data: {{\"type\":\"close\",\"data\":{{\"code\":{(int)close.Code},\"reason\":\"{reason}\"}}}}\n\n"));
            default:
                return [.. Data, .. WebSocketFrames.Payload(native.Encode(serverEvent)), .. "\n\n"u8];
        }
    }
}
