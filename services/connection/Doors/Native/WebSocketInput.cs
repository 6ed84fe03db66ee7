using Tertulia.Connections.Events;

namespace Tertulia.Connections.Doors.Native;

/// <summary>What came from a client's socket.</summary>
internal enum WebSocketInputKind
{
    /// <summary>A complete text message, valid UTF-8.</summary>
    Text,

    Ping,
    Pong,

    /// <summary>The client closes: answer with the code, then end the transport.</summary>
    Close,

    /// <summary>The client broke the protocol: close with the code; nothing more can be read from it.</summary>
    Violation,

    /// <summary>The transport has ended without a close frame.</summary>
    End,
}

/// <summary>What came from a client's socket.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Payload">Of a text, ping or pong; valid until the next read.</param>
/// <param name="Code">Of a close or violation.</param>
/// <param name="Reason">Of a violation: for a developer.</param>
internal readonly record struct WebSocketInput(
    WebSocketInputKind Kind, ReadOnlyMemory<byte> Payload = default, CloseCode Code = default, string Reason = "")
{
    /// <summary>The frame is not allowed (RFC 6455): 4500.</summary>
    public static WebSocketInput BadFrame(string reason) => new(WebSocketInputKind.Violation, Code: CloseCode.BadFrame, Reason: reason);

    /// <summary>The frame or message is above the limit: 1009.</summary>
    public static WebSocketInput TooBig(int limit) =>
        new(WebSocketInputKind.Violation, Code: CloseCode.TooBig, Reason: $"more than {limit} bytes");
}
