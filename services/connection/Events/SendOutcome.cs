namespace Tertulia.Connections.Events;

/// <summary>What became of a frame that was given to an <see cref="Outbox"/>.</summary>
internal enum SendOutcome
{
    /// <summary>It waits for the socket.</summary>
    Enqueued,

    /// <summary>Ephemeral, and the client reads too slowly: left out.</summary>
    Dropped,

    /// <summary>Durable, and the client reads too slowly: left out. The caller remembers the hole and tells it by <c>gap</c>.</summary>
    Behind,

    /// <summary>The connection is closed or closes.</summary>
    Closed,
}
