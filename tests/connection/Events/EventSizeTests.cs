using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Events;
using Tertulia.Contracts;

namespace Tertulia.Connections.Tests.Events;

public sealed class EventSizeTests
{
    private static readonly NativeFormat Format = new(NativeEncoders.All);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void No_message_is_larger_than_its_size(int seed)
    {
        var random = new Random(seed);
        for (var run = 0; run < 500; run++)
        {
            var message = new Message { MessageId = "m", Seq = FrameFields.MaxSeq, UserId = "u", Username = Text(random), Content = Text(random), CreatedAtMs = 1 };

            var frame = new HistoryEvent("r", null, [message], HasMore: true).In(Format);
            var empty = new HistoryEvent("r", null, [], HasMore: true).In(Format);

            Assert.InRange(frame.Length - empty.Length, 1, EventSize.Of(message));
        }
    }

    [Fact]
    public void The_size_of_plain_text_is_exact()
    {
        Assert.Equal(5, EventSize.Of("hola!"));
        Assert.Equal(9, EventSize.Of("\"a\"\\\n"));
        Assert.Equal(6, EventSize.Of("señor".Replace("r", "", StringComparison.Ordinal) + "!"));
    }

    private static string Text(Random random)
    {
        var text = new System.Text.StringBuilder();
        for (var length = random.Next(1, 40); length > 0; length--)
        {
            text.Append(random.Next(4) switch
            {
                0 => ((char)random.Next(1, 0x80)).ToString(),
                1 => char.ConvertFromUtf32(random.Next(0x10000, 0x110000)),
                2 => ((char)random.Next(0x80, 0x800)).ToString(),
                _ => random.Next(2) == 0 ? ((char)random.Next(0x800, 0xD800)).ToString() : ((char)random.Next(0xE000, 0x10000)).ToString(),
            });
        }

        return text.ToString();
    }
}
