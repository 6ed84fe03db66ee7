using Tertulia.Contracts;

namespace Tertulia.Connections.Protocol;

/// <summary>What a client frame asks for (PROTOCOL §3).</summary>
internal enum ClientFrameType
{
    Join,
    Leave,
    Message,
    Typing,
    History,
    Ping,
    Auth,
    AuthRefresh,
}

/// <summary>One client frame, parsed and checked for types and formats; which room and whether it is allowed is decided later.</summary>
/// <remarks>Fields that the frame's type does not use are null or default.</remarks>
internal sealed record ClientFrame(ClientFrameType Type)
{
    /// <summary>1 to 128 characters of <c>A–Z a–z 0–9 _ - : .</c>; null when absent.</summary>
    public string? RoomId { get; init; }

    /// <summary>At most 64 characters, echoed in the reply; null when absent.</summary>
    public string? Ref { get; init; }

    /// <summary>W3C trace context; null when absent.</summary>
    public string? Traceparent { get; init; }

    /// <summary><c>message</c>: as typed. Its length is checked against the limits by the parser's caller.</summary>
    public string? Content { get; init; }

    /// <summary><c>message</c>: 1 to 64 characters; null when absent.</summary>
    public string? ClientMsgId { get; init; }

    /// <summary><c>message</c>: id of the message it answers; null when absent.</summary>
    public string? ReplyTo { get; init; }

    /// <summary><c>message</c>: a JSON object as UTF-8, as sent; empty when absent.</summary>
    public ReadOnlyMemory<byte> Metadata { get; init; }

    /// <summary><c>typing</c>.</summary>
    public bool IsTyping { get; init; }

    /// <summary><c>join</c>: the position to resume from; null when absent.</summary>
    public Position? Since { get; init; }

    /// <summary><c>join</c>: messages of history wanted, 0 to 100; null when absent.</summary>
    public int? History { get; init; }

    /// <summary><c>history</c>: exclusive bound; null when absent.</summary>
    public long? BeforeSeq { get; init; }

    /// <summary><c>history</c>: exclusive bound; null when absent.</summary>
    public long? AfterSeq { get; init; }

    /// <summary><c>history</c>: 1 to 100; null when absent.</summary>
    public int? Limit { get; init; }

    /// <summary><c>auth</c>, <c>auth_refresh</c>. Never logged.</summary>
    public string? Token { get; init; }
}
