using Tertulia.Connections.Sessions;

namespace Tertulia.Connections.Notifying;

/// <summary>The client wants a page of the threads that its user follows.</summary>
internal sealed record ThreadsCommand : ClientCommand
{
    /// <summary>Only those in which something is not read.</summary>
    public bool UnreadOnly { get; init; }

    /// <summary>Where the page before ended; null for the first one.</summary>
    public string? Cursor { get; init; }

    /// <summary>1 to 100; null when absent.</summary>
    public int? Limit { get; init; }
}

/// <summary>The client's user wants to follow a thread, or not any more.</summary>
internal sealed record FollowThreadCommand : RoomCommand
{
    /// <summary>The message that it began with, or a reply; null when it is missing.</summary>
    public string? ThreadRoot { get; init; }

    /// <summary>Not any more.</summary>
    public bool Unfollows { get; init; }
}
