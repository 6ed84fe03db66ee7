using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Events;
using Tertulia.Link;

namespace Tertulia.MicroBench;

/// <summary>A client's wire that takes everything at once. It shares its way with the others, as clients behind a gateway do, so that all writing is done by
/// the thread that is measured.</summary>
internal sealed class SharedWire : IWire, ISharedWay
{
    private static readonly NativeFormat Frames = new(NativeEncoders.All);

    public static SharedWire Instance { get; } = new();

    public IWireFormat Format => Frames;

    public ISharedWay Way => this;

    public ValueTask WriteAsync(WriteBatch batch) => default;

    public void Abort()
    {
    }

    public void Flush()
    {
    }
}
