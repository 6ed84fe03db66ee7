using BenchmarkDotNet.Attributes;
using Tertulia.Connections.Doors.Native;

namespace Tertulia.MicroBench;

/// <summary>A message of the log becomes a WebSocket frame: once for all members, plain and compressed.</summary>
public class Encoding
{
    private readonly NativeFormat _format = new(NativeEncoders.All);

    [Benchmark(Baseline = true)]
    public byte[] Plain() => _format.Encode(Lobby.Event);

    [Benchmark]
    public byte[] Deflated() => _format.Deflated.Encode(Lobby.Event);
}
