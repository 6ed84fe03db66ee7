namespace Tertulia.Link;

/// <summary>A client's stream that shares its way with others', so that what several of them get can be sent once.</summary>
public interface ISharedTransport
{
    /// <summary>The way that is shared. Nothing leaves before it is flushed.</summary>
    ISharedWay Way { get; }

    /// <summary>As a write to a stream: completes when the transport takes more. Must not wait on the caller's thread.</summary>
    /// <param name="pieces">At least one; their bytes never change, and are the same objects for everybody who gets them. The list itself is valid until the
    /// write has completed.</param>
    ValueTask WriteAsync(ReadOnlyMemory<ReadOnlyMemory<byte>> pieces);
}

/// <summary>What several <see cref="ISharedTransport"/> write to.</summary>
public interface ISharedWay
{
    /// <summary>This stretch of work writes nothing more: what was written has to leave.</summary>
    void Flush();
}
