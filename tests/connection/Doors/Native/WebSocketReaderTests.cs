using System.Text;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;

namespace Tertulia.Connections.Tests.Doors.Native;

public sealed class WebSocketReaderTests
{
    private const int Limit = 64 * 1024;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(125)]
    [InlineData(126)]
    [InlineData(4096)]
    [InlineData(65_535)]
    [InlineData(65_536)]
    public async Task A_text_of_any_allowed_length_arrives(int length)
    {
        var text = new string('x', length);

        Assert.Equal([$"Text {text}", "End"], await ReadAllAsync(ClientBytes.Text(text)));
    }

    [Fact]
    public async Task Frames_split_at_every_byte_are_the_same_frames()
    {
        byte[] bytes =
        [
            .. ClientBytes.Text("a¢€😀", final: false), .. ClientBytes.Frame(WebSocketOpcode.Ping, "p"u8), .. ClientBytes.Continuation("b"u8, final: false),
            .. ClientBytes.Frame(WebSocketOpcode.Pong, []), .. ClientBytes.Continuation("c"u8, final: true), .. ClientBytes.Text(new string('d', 300)),
            .. ClientBytes.Close(1001, "bye"),
        ];
        string[] expected = ["Ping p", "Pong ", "Text a¢€😀bc", $"Text {new string('d', 300)}", "Close 1001"];

        for (var size = 1; size <= bytes.Length; size++)
        {
            Assert.Equal(expected, (await ReadAllAsync(bytes, size))[..5]);
        }
    }

    [Fact]
    public async Task A_character_may_lie_across_two_fragments()
    {
        var euro = "€"u8.ToArray();
        byte[] bytes =
        [
            .. ClientBytes.Frame(WebSocketOpcode.Text, euro.AsSpan(0, 1), final: false), .. ClientBytes.Continuation(euro.AsSpan(1), final: true),
        ];

        Assert.Equal(["Text €", "End"], await ReadAllAsync(bytes));
    }

    [Theory]
    [InlineData(new byte[] { 0xC3, 0x28 })]
    [InlineData(new byte[] { 0xED, 0xA0, 0x80 })]
    [InlineData(new byte[] { 0xF4, 0x90, 0x80, 0x80 })]
    [InlineData(new byte[] { 0xE2, 0x82 })]
    public async Task Text_that_is_not_UTF8_is_a_bad_frame(byte[] payload)
    {
        Assert.Equal(["Violation 4500 not UTF-8"], await ReadAllAsync(ClientBytes.Frame(WebSocketOpcode.Text, payload)));
    }

    public static TheoryData<string, byte[]> Violations => new()
    {
        { "RSV2 or RSV3 is set", ClientBytes.Frame(WebSocketOpcode.Text, "x"u8, rsv: 0x20) },
        { "RSV2 or RSV3 is set", ClientBytes.Frame(WebSocketOpcode.Ping, "x"u8, rsv: 0x10) },
        { "RSV1 is set, but no compression was negotiated", ClientBytes.Text("x", compressed: true) },
        { "RSV1 is set on a frame that begins no message", ClientBytes.Frame(WebSocketOpcode.Ping, [], rsv: 0x40) },
        { "not masked", ClientBytes.Frame(WebSocketOpcode.Text, "x"u8, masked: false) },
        { "binary frames are not used", ClientBytes.Frame(WebSocketOpcode.Binary, "x"u8) },
        { "unknown opcode", ClientBytes.Frame((WebSocketOpcode)3, "x"u8) },
        { "unknown opcode", ClientBytes.Frame((WebSocketOpcode)0xB, []) },
        { "nothing to continue", ClientBytes.Continuation("x"u8, final: true) },
        { "a message began before the last one was complete", [.. ClientBytes.Text("a", final: false), .. ClientBytes.Text("b")] },
        { "a control frame in fragments", ClientBytes.Frame(WebSocketOpcode.Ping, "x"u8, final: false) },
        { "a control frame above 125 bytes", ClientBytes.Frame(WebSocketOpcode.Ping, new byte[126]) },
        { "the length has its first bit set", [0x81, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4] },
        { "close code or reason not allowed", ClientBytes.Frame(WebSocketOpcode.Close, "x"u8) },
        { "close code or reason not allowed", ClientBytes.Close(1005) },
        { "close code or reason not allowed", ClientBytes.Close(999) },
        { "close code or reason not allowed", ClientBytes.Close(5000) },
        { "close code or reason not allowed", ClientBytes.Frame(WebSocketOpcode.Close, [0x03, 0xE8, 0xFF]) },
    };

    [Theory]
    [MemberData(nameof(Violations))]
    public async Task What_the_protocol_forbids_is_a_bad_frame(string reason, byte[] bytes)
    {
        Assert.Equal([$"Violation 4500 {reason}"], await ReadAllAsync(bytes));
        Assert.Equal([$"Violation 4500 {reason}"], await ReadAllAsync(bytes, size: 1));
    }

    [Fact]
    public async Task A_close_without_a_code_is_answered_with_1000()
    {
        Assert.Equal(["Close 1000"], await ReadAllAsync(ClientBytes.Frame(WebSocketOpcode.Close, [])));
    }

    [Fact]
    public async Task A_frame_above_the_limit_is_refused_by_its_header()
    {
        byte[] header = [0x81, 0xFF, 0, 0, 0, 0, 0, 1, 0, 1, 1, 2, 3, 4];

        Assert.Equal(["Violation 1009 more than 65536 bytes"], await ReadAllAsync(header));
    }

    [Fact]
    public async Task A_message_above_the_limit_is_refused_by_the_header_of_the_fragment_too_many()
    {
        byte[] bytes = [.. ClientBytes.Frame(WebSocketOpcode.Text, new byte[Limit], final: false), .. ClientBytes.Continuation("x"u8, final: false)];

        Assert.Equal(["Violation 1009 more than 65536 bytes"], await ReadAllAsync(bytes));
    }

    [Fact]
    public async Task A_compressed_message_arrives_inflated_also_in_fragments()
    {
        var text = string.Concat(Enumerable.Repeat("ein Satz, der sich wiederholt. ", 200));
        var deflated = ClientBytes.Deflate(Encoding.UTF8.GetBytes(text));
        byte[] bytes =
        [
            .. ClientBytes.Frame(WebSocketOpcode.Text, deflated, rsv: 0x40),
            .. ClientBytes.Frame(WebSocketOpcode.Text, deflated.AsSpan(0, 10), final: false, rsv: 0x40), .. ClientBytes.Continuation(deflated.AsSpan(10), final: true),
            .. ClientBytes.Text("plain"),
        ];

        Assert.Equal([$"Text {text}", $"Text {text}", "Text plain", "End"], await ReadAllAsync(bytes, compressed: true));
    }

    [Fact]
    public async Task A_compressed_message_of_the_largest_size_arrives()
    {
        var text = new string('z', Limit);
        var frame = ClientBytes.Frame(WebSocketOpcode.Text, ClientBytes.Deflate(Encoding.UTF8.GetBytes(text)), rsv: 0x40);

        Assert.Equal([$"Text {text}", "End"], await ReadAllAsync(frame, compressed: true));
    }

    [Fact]
    public async Task A_small_frame_that_inflates_beyond_the_limit_is_refused()
    {
        var bomb = ClientBytes.Deflate(new byte[50 * 1024 * 1024]);
        Assert.InRange(bomb.Length, 1, Limit);

        Assert.Equal(
            ["Violation 1009 more than 65536 bytes"], await ReadAllAsync(ClientBytes.Frame(WebSocketOpcode.Text, bomb, rsv: 0x40), compressed: true));
    }

    [Fact]
    public async Task What_does_not_inflate_is_a_bad_frame()
    {
        Assert.Equal(
            ["Violation 4500 not deflated"], await ReadAllAsync(ClientBytes.Frame(WebSocketOpcode.Text, [0xFF, 0xFF, 0xFF], rsv: 0x40), compressed: true));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(100_000)]
    public async Task After_a_violation_the_close_frame_is_still_found(int size)
    {
        byte[] bytes =
        [
            .. ClientBytes.Frame(WebSocketOpcode.Binary, new byte[70_000]), .. ClientBytes.Frame(WebSocketOpcode.Text, "x"u8, masked: false),
            .. ClientBytes.Close(1000), .. ClientBytes.Text("never read"),
        ];
        var transport = new ChunkStream(bytes, size);
        using var reader = new WebSocketReader(transport, Limit);

        var input = await reader.ReadAsync(CancellationToken.None);
        await reader.DiscardUntilCloseAsync(CancellationToken.None);

        Assert.Equal(CloseCode.BadFrame, input.Code);
        Assert.InRange(transport.Left, size >= 16 ? 0 : 1, bytes.Length);
    }

    internal static async Task<List<string>> ReadAllAsync(byte[] bytes, int size = int.MaxValue, bool compressed = false)
    {
        using var reader = new WebSocketReader(new ChunkStream(bytes, size), Limit, compressed);
        var all = new List<string>();
        while (true)
        {
            var input = await reader.ReadAsync(CancellationToken.None);
            all.Add(input.Kind switch
            {
                WebSocketInputKind.Close => $"Close {(int)input.Code}",
                WebSocketInputKind.Violation => $"Violation {(int)input.Code} {input.Reason}",
                WebSocketInputKind.End => "End",
                _ => $"{input.Kind} {Encoding.UTF8.GetString(input.Payload.Span)}",
            });
            if (input.Kind is WebSocketInputKind.Close or WebSocketInputKind.Violation or WebSocketInputKind.End)
            {
                return all;
            }
        }
    }

    [Fact]
    public async Task Bytes_are_told_as_they_come_also_within_a_frame()
    {
        var bytes = ClientBytes.Text(new string('x', 1000));
        var progress = new Progress();
        using var reader = new WebSocketReader(new ChunkStream(bytes[..^1], 100), 64 * 1024, progress: progress);

        Assert.Equal(WebSocketInputKind.End, (await reader.ReadAsync(CancellationToken.None)).Kind); // The frame is not complete.

        Assert.InRange(progress.Reads, 10, 11);
    }

    private sealed class Progress : IReadProgress
    {
        public int Reads { get; private set; }

        public void OnBytes() => Reads++;
    }
}
