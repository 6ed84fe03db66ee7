using System.Text;
using Tertulia.Connections.Protocol;

namespace Tertulia.Connections.Tests.Protocol;

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

        Assert.Equal([0x88, 2 + 123, 0x0F, 0xA3], frame.Plain[..4].ToArray());
        Assert.Equal(new string('€', 41), Encoding.UTF8.GetString(frame.Plain.Span[4..]));
    }

    [Fact]
    public void A_frame_is_encoded_once_and_deflated_once()
    {
        var json = Encoding.UTF8.GetBytes("{\"content\":\"" + new string('a', 500) + "\"}");
        var frame = new EncodedFrame(json, FrameClass.Durable);

        Assert.Equal([0x81, 126, (byte)(json.Length >> 8), (byte)json.Length, .. json], frame.Plain.ToArray());
        Assert.Equal(json, frame.Json.ToArray());
        Assert.True(frame.Deflated.Equals(frame.Deflated));
        Assert.Equal(0xC1, frame.Deflated.Span[0]);
        Assert.Equal(Inflation.Done, MessageInflater.Inflate(frame.Deflated.Span[2..], json.Length, out var inflated).Inflation);
        Assert.Equal(json, inflated![..json.Length]);
    }

    [Fact]
    public void A_frame_that_would_not_become_smaller_and_a_control_frame_stay_plain()
    {
        var tiny = new EncodedFrame("{}"u8.ToArray(), FrameClass.Control);

        Assert.True(tiny.Plain.Equals(tiny.Deflated));
        Assert.True(WebSocketFrames.Ping.Plain.Equals(WebSocketFrames.Ping.Deflated));
        Assert.Equal([0x89, 0], WebSocketFrames.Ping.Plain.ToArray());
    }
}
