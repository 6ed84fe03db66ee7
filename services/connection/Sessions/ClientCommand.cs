using Tertulia.Contracts;

namespace Tertulia.Connections.Sessions;

/// <summary>What a client asks for, in no dialect: types and formats are checked by the door; whether it is allowed is decided later.</summary>
internal abstract record ClientCommand
{
    /// <summary>At most 64 characters, echoed in the answer; null when the client wants none but errors.</summary>
    public string? Ref { get; init; }

    /// <summary>W3C trace context that the client gave; null when absent.</summary>
    public string? Traceparent { get; init; }
}

/// <summary>What a client asks for in a room.</summary>
internal abstract record RoomCommand : ClientCommand
{
    /// <summary>1 to 128 characters of <c>A–Z a–z 0–9 _ - : .</c>; null means the room of the URL.</summary>
    public string? RoomId { get; init; }
}

/// <summary>The client enters a room, or enters it again.</summary>
internal sealed record JoinCommand : RoomCommand
{
    /// <summary>The position to resume from; null when absent.</summary>
    public Position? Since { get; init; }

    /// <summary>Messages of history wanted, 0 to 100; null when absent.</summary>
    public int? History { get; init; }
}

/// <summary>The client leaves a room.</summary>
internal sealed record LeaveCommand : RoomCommand;

/// <summary>The client says something.</summary>
internal sealed record MessageCommand : RoomCommand
{
    /// <summary>As typed. Its length is checked against the limits later.</summary>
    public string? Content { get; init; }

    /// <summary>1 to 64 characters; null when absent.</summary>
    public string? ClientMsgId { get; init; }

    /// <summary>Id of the message it answers; null when absent.</summary>
    public string? ReplyTo { get; init; }

    /// <summary>A JSON object as UTF-8, as sent; empty when absent.</summary>
    public ReadOnlyMemory<byte> Metadata { get; init; }
}

/// <summary>The client changes a message.</summary>
internal abstract record MessageChangeCommand : RoomCommand
{
    /// <summary>1 to 64 characters.</summary>
    public string? MessageId { get; init; }
}

/// <summary>The client makes a message say something else.</summary>
internal sealed record EditCommand : MessageChangeCommand
{
    /// <summary>As typed. Its length is checked against the limits later.</summary>
    public string? Content { get; init; }

    /// <summary>The version that was changed, from 1; null when that does not matter.</summary>
    public long? Version { get; init; }
}

/// <summary>The client deletes a message.</summary>
internal sealed record DeleteCommand : MessageChangeCommand;

/// <summary>The client reacts to a message, or takes that back.</summary>
internal sealed record ReactCommand : MessageChangeCommand
{
    /// <summary>As sent; the message service knows what an emoji is.</summary>
    public string? Emoji { get; init; }

    /// <summary>Takes it back.</summary>
    public bool Removes { get; init; }
}

/// <summary>The client pins a message to the room, or takes its pin off.</summary>
internal sealed record PinCommand : MessageChangeCommand
{
    /// <summary>Takes it off.</summary>
    public bool Unpins { get; init; }
}

/// <summary>The client wants a message and a page of the replies to it.</summary>
internal sealed record ThreadCommand : RoomCommand
{
    /// <summary>Id of the root, or of a reply.</summary>
    public string? RootId { get; init; }

    /// <summary>Exclusive bound; null when absent.</summary>
    public long? BeforeSeq { get; init; }

    /// <summary>Exclusive bound; null when absent.</summary>
    public long? AfterSeq { get; init; }

    /// <summary>1 to 100; null when absent.</summary>
    public int? Limit { get; init; }
}

/// <summary>The client wants a page of a room's pinned messages.</summary>
internal sealed record PinsCommand : RoomCommand
{
    /// <summary>Exclusive bound on <c>pinned_seq</c>; null when absent.</summary>
    public long? BeforeSeq { get; init; }

    /// <summary>1 to 100; null when absent.</summary>
    public int? Limit { get; init; }
}

/// <summary>The client's application tells something to the others in a room.</summary>
internal sealed record BroadcastCommand : RoomCommand
{
    /// <summary>1 to 64 characters.</summary>
    public string? Event { get; init; }

    /// <summary>JSON as UTF-8, as sent; empty when absent.</summary>
    public ReadOnlyMemory<byte> Payload { get; init; }
}

/// <summary>The client's user types, or stopped.</summary>
internal sealed record TypingCommand : RoomCommand
{
    /// <summary>False: stopped.</summary>
    public bool IsTyping { get; init; }
}

/// <summary>The client's user has read a room up to a message, or wants it unread from a message on.</summary>
internal sealed record ReadCommand : RoomCommand
{
    /// <summary>The last seq that is read; with <see cref="IsExact"/> the first that is not.</summary>
    public required long Seq { get; init; }

    /// <summary>Also when more was read before.</summary>
    public bool IsExact { get; init; }

    /// <summary>Whether the others are not told, because the user is or may be invisible; null: by what this node knows.</summary>
    public bool? IsQuiet { get; init; }

    /// <summary>Not the room but this thread, by the id of its root or of a reply; null: the room.</summary>
    public string? ThreadRoot { get; init; }
}

/// <summary>The client wants a page of a room's history.</summary>
internal sealed record HistoryCommand : RoomCommand
{
    /// <summary>Exclusive bound; null when absent.</summary>
    public long? BeforeSeq { get; init; }

    /// <summary>Exclusive bound; null when absent.</summary>
    public long? AfterSeq { get; init; }

    /// <summary>The message that the page is around; null when absent.</summary>
    public string? AroundMessageId { get; init; }

    /// <summary>1 to 100; null when absent.</summary>
    public int? Limit { get; init; }
}

/// <summary>The client looks for messages.</summary>
internal sealed record SearchCommand : ClientCommand
{
    /// <summary>As the user typed it.</summary>
    public required string Query { get; init; }

    /// <summary>Only in this room; null: in all of the user's.</summary>
    public string? RoomId { get; init; }

    /// <summary>Only of this user, by id or name; null: of all.</summary>
    public string? From { get; init; }

    /// <summary>Exclusive bound, with a room only; null when absent.</summary>
    public long? BeforeSeq { get; init; }

    /// <summary>Where the page before ended; null for the first one.</summary>
    public long? Cursor { get; init; }

    /// <summary>1 to 100; null when absent.</summary>
    public int? Limit { get; init; }
}

/// <summary>The client wants to know whether the node is there.</summary>
internal sealed record PingCommand : ClientCommand;

/// <summary>The client brings a token: its first one, or a fresh one.</summary>
internal sealed record AuthCommand : ClientCommand
{
    /// <summary>Never logged.</summary>
    public string? Token { get; init; }
}

/// <summary>The user chooses how it is shown, or one of its devices says whether it is in use.</summary>
internal sealed record PresenceSetCommand : ClientCommand
{
    /// <summary><c>online</c>, <c>away</c>, <c>busy</c> or <c>invisible</c>.</summary>
    public required string Status { get; init; }

    /// <summary>At most 140 characters; null when absent.</summary>
    public string? Text { get; init; }

    /// <summary>At most 32 characters; null when absent.</summary>
    public string? Emoji { get; init; }

    /// <summary>When the status ends; null: it does not.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>It is about this device only: <c>online</c> or <c>away</c>.</summary>
    public bool IsOfDevice { get; init; }
}

/// <summary>Which room the device shows to its user at this moment.</summary>
internal sealed record FocusCommand : ClientCommand
{
    /// <summary>Null: none.</summary>
    public string? RoomId { get; init; }
}

/// <summary>The client wants to be told how users are shown.</summary>
internal sealed record PresenceWatchCommand : ClientCommand
{
    /// <summary>1 to 500.</summary>
    public required IReadOnlyList<string> UserIds { get; init; }
}

/// <summary>The client does not want to be told of users any more.</summary>
internal sealed record PresenceUnwatchCommand : ClientCommand
{
    /// <summary>At most 500; null means all.</summary>
    public IReadOnlyList<string>? UserIds { get; init; }
}
