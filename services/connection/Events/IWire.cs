using Tertulia.Link;

namespace Tertulia.Connections.Events;

/// <summary>The way on which a client's events leave now: a socket, a link, a long poll. A session may have another one later.</summary>
internal interface IWire
{
    /// <summary>How the client reads events on it.</summary>
    IWireFormat Format { get; }

    /// <summary>What it shares with others, to be flushed when a stretch of work is over; null when it shares nothing.</summary>
    ISharedWay? Way { get; }

    /// <summary>Hands over events. Completes when the wire takes more; must not wait on the caller's thread, nor call the outbox.</summary>
    /// <param name="batch">Valid until the write has completed.</param>
    ValueTask WriteAsync(WriteBatch batch);

    /// <summary>Cuts it, so that a write or read under way fails. May be called on any thread, more than once.</summary>
    void Abort();
}

/// <summary>A wire that is a stream: one write for all that waits, or its pieces to a stream that shares its way.</summary>
/// <param name="transport">Where events are written; may be an <see cref="ISharedTransport"/>.</param>
/// <param name="abort">Cuts it.</param>
/// <param name="format">How the client reads events on it.</param>
internal sealed class StreamWire(Stream transport, Action abort, IWireFormat format) : IWire
{
    public IWireFormat Format => format;

    public ISharedWay? Way => (transport as ISharedTransport)?.Way;

    public ValueTask WriteAsync(WriteBatch batch) => transport is ISharedTransport shared
        ? shared.WriteAsync(batch.Pieces)
        : transport.WriteAsync(batch.ToBytes(), CancellationToken.None); // Ended by abort.

    public void Abort() => abort();
}
