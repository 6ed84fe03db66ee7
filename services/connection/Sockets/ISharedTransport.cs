namespace Tertulia.Connections.Sockets;

/// <summary>A client's transport that shares its way with others', so that what several of them get can be sent once.</summary>
/// <remarks>An <see cref="Outbox"/> whose stream is one of these does not write bytes to it, but hands over its frames.</remarks>
internal interface ISharedTransport
{
    /// <summary>The way that is shared. Outboxes that are flushed one after the other and share it may be merged: nothing needs to leave before
    /// <see cref="ISharedWay.Flush"/>.</summary>
    ISharedWay Way { get; }

    /// <summary>As a write to a stream: completes when the transport takes more. Must not wait on the caller's thread.</summary>
    /// <param name="batch">Valid until the write has completed.</param>
    ValueTask WriteAsync(WriteBatch batch);
}

/// <summary>What several <see cref="ISharedTransport"/> write to.</summary>
internal interface ISharedWay
{
    /// <summary>No further outbox of this stretch of work shares this way: what was merged has to leave. On the thread that wrote.</summary>
    void Flush();
}
