using System.Text;
using Tertulia.Load.Traffic;

namespace Tertulia.Load.Tests;

public sealed class StampTests
{
    [Fact]
    public void What_was_written_into_a_text_is_read_from_a_frame()
    {
        var stamp = new Stamp(Room: 999, Sender: 12, Number: 345_678, ScheduledAt: 9_876_543_210_123);
        var text = new byte[100];

        stamp.Write(text);
        var frame = Encoding.ASCII.GetBytes("{\"type\":\"message\",\"data\":{\"content\":\"" + Encoding.ASCII.GetString(text) + "\"}}");

        Assert.True(Stamp.TryRead(frame, out var read));
        Assert.Equal(stamp, read);
    }

    [Theory]
    [InlineData("")]
    [InlineData("no mark")]
    [InlineData("~~too short")]
    public void Other_texts_have_none(string frame) => Assert.False(Stamp.TryRead(Encoding.ASCII.GetBytes(frame), out _));
}
