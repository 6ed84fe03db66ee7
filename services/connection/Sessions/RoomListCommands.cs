namespace Tertulia.Connections.Sessions;

/// <summary>The client wants a page of rooms: its user's by last activity, those that the user is invited to, or those of a community.</summary>
internal sealed record RoomsCommand : ClientCommand
{
    /// <summary>The community; null: the user's rooms, of whatever community.</summary>
    public string? Community { get; init; }

    /// <summary>Those that the user is invited to.</summary>
    public bool Invited { get; init; }

    /// <summary>Where the page before ended; null for the first one.</summary>
    public string? Cursor { get; init; }

    /// <summary>1 to 100; null when absent.</summary>
    public int? Limit { get; init; }
}

/// <summary>The client wants to know what a room is like.</summary>
internal sealed record DescribeRoomCommand : RoomCommand;

/// <summary>The client wants a page of its user's communities.</summary>
internal sealed record CommunitiesCommand : ClientCommand
{
    /// <summary>Where the page before ended; null for the first one.</summary>
    public string? Cursor { get; init; }

    /// <summary>1 to 100; null when absent.</summary>
    public int? Limit { get; init; }
}
