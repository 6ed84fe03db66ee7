using BenchmarkDotNet.Attributes;
using Tertulia.Connections.Doors.Native;

namespace Tertulia.MicroBench;

/// <summary>What a client sent becomes a command.</summary>
public class Frames
{
    private readonly FrameReader _reader = new(FrameTypes.All);

    [Benchmark]
    public object? Message() => _reader.Read(
        """{"type":"message","room_id":"lobby","ref":"r-17","client_msg_id":"c-17","content":"Good morning, did anyone see the figures of last week?"}"""u8).Command;

    [Benchmark]
    public object? Message_with_its_fields_in_data() => _reader.Read(
        """{"type":"message","ref":"r-17","data":{"room_id":"lobby","client_msg_id":"c-17","content":"Good morning, did anyone see the figures of last week?"}}"""u8).Command;

    [Benchmark]
    public object? Typing() => _reader.Read("""{"type":"typing","room_id":"lobby","is_typing":true}"""u8).Command;

    [Benchmark]
    public object? Refused() => _reader.Read("""{"type":"message","room_id":"lobby","content":17}"""u8).Detail;
}
