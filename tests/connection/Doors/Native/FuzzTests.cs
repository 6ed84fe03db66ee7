using System.Text.Json;
using System.Text;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Doors.Native;

/// <summary>Bytes that no client would send. Each seed is one run that can be repeated.</summary>
public sealed class FuzzTests
{
    private const int Limit = 64 * 1024;
    private static readonly FrameReader Reader = new(FrameTypes.All);

    private static readonly string[] Samples =
    [
        """{"type":"message","ref":"r1","room_id":"lobby","content":"Hola \u00fa \"x\"","client_msg_id":"c1","metadata":{"a":[1,2,{"b":null}]}}""",
        """{"type":"join","room_id":1,"since":{"epoch":"e","seq":41},"history":5}""",
        """{"data":{"is_typing":true},"type":"typing"}""",
        """{"type":"history","before_seq":100,"limit":50,"ref":7}""",
    ];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Random_bytes_end_in_a_verdict(int seed)
    {
        var random = new Random(seed);
        for (var run = 0; run < 2000; run++)
        {
            var bytes = new byte[random.Next(1, 400)];
            random.NextBytes(bytes);
            if (run % 2 == 0)
            {
                (bytes[0], bytes[^1]) = (0x81, (byte)(bytes[^1] | 0x80)); // Further than the first byte.
            }

            await EndsInAVerdictAsync(bytes, random, compressed: run % 3 == 0);
        }
    }

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(13)]
    [InlineData(14)]
    public async Task Mutated_frames_end_in_a_verdict(int seed)
    {
        var random = new Random(seed);
        for (var run = 0; run < 2000; run++)
        {
            var bytes = Enumerable.Range(0, random.Next(1, 5)).SelectMany(_ => SomeFrame(random)).ToArray();
            for (var mutation = random.Next(4); mutation > 0; mutation--)
            {
                bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
            }

            await EndsInAVerdictAsync(bytes, random, compressed: run % 2 == 0);
        }
    }

    [Theory]
    [InlineData(21)]
    [InlineData(22)]
    [InlineData(23)]
    [InlineData(24)]
    public void Mutated_JSON_is_a_frame_or_a_refusal(int seed)
    {
        var random = new Random(seed);
        for (var run = 0; run < 10_000; run++)
        {
            var json = Encoding.UTF8.GetBytes(Samples[random.Next(Samples.Length)]);
            for (var mutation = random.Next(1, 6); mutation > 0; mutation--)
            {
                json[random.Next(json.Length)] = (byte)" \"{}[]:,\\u0dDeE-.9tfn\n"[random.Next(22)];
            }

            var reading = Reader.Read(json);

            Assert.True(
                reading.Command is not null || reading.Error is ErrorCode.InvalidJson or ErrorCode.BadRequest or ErrorCode.UnknownType, Encoding.UTF8.GetString(json));
            Assert.True(reading.Command is null || IsJson(json), Encoding.UTF8.GetString(json));
            Assert.True(reading.Error != ErrorCode.InvalidJson || !IsJson(json), Encoding.UTF8.GetString(json));
        }
    }

    [Fact]
    public void Every_beginning_of_a_frame_is_invalid_json()
    {
        foreach (var sample in Samples)
        {
            for (var length = 0; length < sample.Length; length++)
            {
                Assert.Equal(ErrorCode.InvalidJson, Reader.Read(Encoding.UTF8.GetBytes(sample[..length])).Error);
            }
        }
    }

    [Fact]
    public async Task What_is_held_grows_with_what_has_come_and_not_with_what_was_promised()
    {
        byte[] promise = [0x81, 0xFE, 0xFF, 0xFF, 1, 2, 3, 4, .. new byte[100]];
        await WebSocketReaderTests.ReadAllAsync(promise);
        var before = GC.GetAllocatedBytesForCurrentThread();

        for (var run = 0; run < 1000; run++)
        {
            using var reader = new WebSocketReader(new ChunkStream(promise), Limit);
            Assert.Equal(WebSocketInputKind.End, (await reader.ReadAsync(CancellationToken.None)).Kind);
        }

        Assert.InRange((GC.GetAllocatedBytesForCurrentThread() - before) / 1000, 0, 4096);
    }

    private static byte[] SomeFrame(Random random)
    {
        var text = Encoding.UTF8.GetBytes(Samples[random.Next(Samples.Length)]);
        return random.Next(6) switch
        {
            0 => ClientBytes.Frame(WebSocketOpcode.Ping, text.AsSpan(0, random.Next(35))),
            1 => [.. ClientBytes.Frame(WebSocketOpcode.Text, text.AsSpan(0, 9), final: false), .. ClientBytes.Continuation(text.AsSpan(9), final: true)],
            2 => ClientBytes.Frame(WebSocketOpcode.Text, ClientBytes.Deflate(text), rsv: 0x40),
            3 => ClientBytes.Close(1000 + random.Next(20)),
            _ => ClientBytes.Frame(WebSocketOpcode.Text, text),
        };
    }

    /// <summary>Reads to the end, in one piece and in random ones: both end, with the same things read, and only with what the protocol knows.</summary>
    private static async Task EndsInAVerdictAsync(byte[] bytes, Random random, bool compressed)
    {
        var whole = await Eventually.CompletesAsync(WebSocketReaderTests.ReadAllAsync(bytes, compressed: compressed), "the reader ends");
        var pieces = await Eventually.CompletesAsync(WebSocketReaderTests.ReadAllAsync(bytes, random.Next(1, 8), compressed), "the reader ends");

        Assert.Equal(whole, pieces);
        Assert.Matches("^(End|Close [0-9]{4}|Violation (4500|1009) .+)$", whole[^1]);

        using var reader = new WebSocketReader(new ChunkStream(bytes, random.Next(1, 40)), Limit, compressed);
        await Eventually.CompletesAsync(reader.DiscardUntilCloseAsync(CancellationToken.None).AsTask(), "discarding ends");
    }

    private static bool IsJson(byte[] json)
    {
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = FrameReader.MaxDepth });
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
