using System.Text;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;

namespace Tertulia.Connections.Tests.Doors.Native;

public sealed class WebSocketFramesTests
{
    [Theory]
    [InlineData(0, new byte[] { 0x81, 0 })]
    [InlineData(125, new byte[] { 0x81, 125 })]
    [InlineData(126, new byte[] { 0x81, 126, 0, 126 })]
    [InlineData(65_535, new byte[] { 0x81, 126, 0xFF, 0xFF })]
    [InlineData(65_536, new byte[] { 0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0 })]
    public void A_header_has_the_shortest_form_for_its_length(int payloadBytes, byte[] expected)
    {
        var header = new byte[WebSocketFrames.HeaderBytes(payloadBytes)];

        WebSocketFrames.WriteHeader(header, WebSocketOpcode.Text, payloadBytes, compressed: false);

        Assert.Equal(expected, header);
    }

    [Fact]
    public void The_mask_is_applied_byte_by_byte_whatever_the_length()
    {
        var random = new Random(7);
        byte[] mask = [0xA1, 0x02, 0xC3, 0x54];
        for (var length = 0; length < 300; length++)
        {
            var payload = new byte[length];
            random.NextBytes(payload);
            var expected = payload.Select((b, i) => (byte)(b ^ mask[i % 4])).ToArray();

            WebSocketFrames.Unmask(payload, BitConverter.ToUInt32(mask));

            Assert.Equal(expected, payload);
        }
    }

    [Fact]
    public void A_close_reason_that_is_too_long_is_cut_between_two_characters()
    {
        var frame = WebSocketFrames.Close(CloseCode.SlowConsumer, new string('€', 60));

        Assert.Equal([0x88, 2 + 123, 0x0F, 0xA3], frame[..4]);
        Assert.Equal(new string('€', 41), Encoding.UTF8.GetString(frame.AsSpan(4)));
    }
}
