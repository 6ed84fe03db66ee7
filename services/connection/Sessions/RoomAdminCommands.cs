using Tertulia.Contracts;

namespace Tertulia.Connections.Sessions;

/// <summary>The client creates a room.</summary>
internal sealed record CreateRoomCommand : RoomCommand
{
    /// <summary>The kind, as it is stored.</summary>
    public required string Kind { get; init; }

    /// <summary>How it is shown; null when absent.</summary>
    public string? Name { get; init; }

    /// <summary>Null when absent.</summary>
    public string? Topic { get; init; }

    /// <summary>Id of the community that it is a channel of; null when of none.</summary>
    public string? Community { get; init; }

    /// <summary>Seconds between two messages of one user; null when absent.</summary>
    public int? SlowModeSeconds { get; init; }

    /// <summary>Days after which messages are deleted; null when absent.</summary>
    public int? RetentionDays { get; init; }

    /// <summary>Without a room id, the room that this one creates; null when absent.</summary>
    public string? ClientMsgId { get; init; }
}

/// <summary>The client changes settings of a room: those that are not null.</summary>
internal sealed record UpdateRoomCommand : RoomCommand
{
    /// <summary>How it is shown; empty: as its id.</summary>
    public string? Name { get; init; }

    /// <summary>Empty: none.</summary>
    public string? Topic { get; init; }

    /// <summary>The kind, as it is stored.</summary>
    public string? Kind { get; init; }

    /// <summary>Empty: none.</summary>
    public string? Community { get; init; }

    /// <summary>Seconds between two messages of one user; 0: no such limit.</summary>
    public int? SlowModeSeconds { get; init; }

    /// <summary>Read only.</summary>
    public bool? Archived { get; init; }

    /// <summary>Days after which messages are deleted; 0: never.</summary>
    public int? RetentionDays { get; init; }
}

/// <summary>The client writes to another user, in the room of the two.</summary>
internal sealed record DirectCommand : RoomCommand
{
    /// <summary>To whom.</summary>
    public required string UserId { get; init; }

    /// <summary>How that user is shown; null when the client does not know.</summary>
    public string? Username { get; init; }

    /// <summary>As typed. Its length is checked against the limits later.</summary>
    public string? Content { get; init; }

    /// <summary>1 to 64 characters; null when absent.</summary>
    public string? ClientMsgId { get; init; }
}

/// <summary>The client reports a message to the moderators.</summary>
internal sealed record ReportCommand : RoomCommand
{
    /// <summary>The message.</summary>
    public required string MessageId { get; init; }

    /// <summary>Null when absent.</summary>
    public string? Reason { get; init; }
}

/// <summary>The client wants a page of a room's members.</summary>
internal sealed record MembersCommand : RoomCommand
{
    /// <summary>Only users whose id is larger; null: from the first one.</summary>
    public string? After { get; init; }

    /// <summary>1 to 200; null when absent.</summary>
    public int? Limit { get; init; }
}

/// <summary>The client wants a page of what was reported in a room.</summary>
internal sealed record ReportsCommand : RoomCommand
{
    /// <summary>Exclusive bound; null when absent.</summary>
    public long? BeforeSeq { get; init; }

    /// <summary>1 to 100; null when absent.</summary>
    public int? Limit { get; init; }
}

/// <summary>The client deletes a room.</summary>
internal sealed record DeleteRoomCommand : RoomCommand;

/// <summary>The client changes a user's place in a room.</summary>
internal sealed record ChangeMemberCommand : RoomCommand
{
    /// <summary>What becomes of it.</summary>
    public required MemberAction Action { get; init; }

    /// <summary>Whose; null: the client's own.</summary>
    public string? UserId { get; init; }

    /// <summary>How the user is shown; null when the client does not know.</summary>
    public string? Username { get; init; }

    /// <summary>As it is stored; null when absent.</summary>
    public string? Role { get; init; }

    /// <summary>Told to everyone in the room; null when absent.</summary>
    public string? Reason { get; init; }

    /// <summary>When a ban or a mute ends; null when it does not end by itself.</summary>
    public DateTimeOffset? Until { get; init; }
}
