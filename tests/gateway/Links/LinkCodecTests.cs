using System.Globalization;
using Google.Protobuf;
using Tertulia.Contracts;
using Tertulia.Link;

namespace Tertulia.Gateway.Tests.Links;

/// <summary>The bytes of a link are what <c>link.proto</c> says.</summary>
public sealed class LinkCodecTests
{
    private readonly MemoryStream _bytes = new();
    private readonly LinkOutput _output;

    public LinkCodecTests() => _output = new LinkOutput(_bytes);

    [Fact]
    public void What_is_written_by_hand_is_what_the_contract_says()
    {
        var lane = new Lane(_output, 300);
        Assert.True(_output.TryCopy(lane, "hola"u8));
        _output.Window(300, 65_536);
        _output.Close(7, aborted: true);
        _output.Close(300, aborted: false);
        _output.Write(LinkRecordKind.Pong, new LinkPing());
        _output.Flush();

        var records = LinkRecords.Parser.ParseFrom(_bytes.ToArray());

        Assert.Equal(
            new LinkRecords
            {
                Data = { new LinkData { Clients = { 300 }, Payload = ByteString.CopyFromUtf8("hola") } },
                Windows = { new LinkWindow { Client = 300, Bytes = 65_536 } },
                Closes = { new LinkClose { Client = 7, Aborted = true }, new LinkClose { Client = 300 } },
                Pongs = { new LinkPing() },
            },
            records);
    }

    [Fact]
    public async Task What_the_contract_says_is_read_in_pieces_of_any_size_with_records_that_are_not_known()
    {
        var open = new LinkOpen { Client = 1, Path = "/ws/á", Query = "?a=b", Host = "n:1", Headers = { new LinkHeader { Name = "Origin", Value = "x" } } };
        new LinkRecords { Opens = { open }, Data = { Data("uno", 1, 2, 300), Data(new string('x', 65_536), 1) } }.WriteTo(_bytes);
        byte[] unknown = [0xFA, 0x07, 0x02, 0x01, 0x01]; // Field 127.
        _bytes.Write(unknown);
        new LinkRecords { Closes = { new LinkClose { Client = 1 } } }.WriteTo(_bytes);

        foreach (var size in new[] { 1, 2, 7, 1000, int.MaxValue })
        {
            var read = await ReadAsync(_bytes.ToArray(), size);

            Assert.Equal(["Open 1 /ws/á", "1,2,300: uno", $"1: {new string('x', 65_536)}", "127", "Close 1"], read);
        }
    }

    [Fact]
    public void Lanes_with_the_same_bytes_share_a_record_and_each_keeps_its_order()
    {
        ReadOnlyMemory<byte> first = "1"u8.ToArray(), second = "2"u8.ToArray(), own = "own"u8.ToArray(), equal = "1"u8.ToArray();
        var (a, b, c) = (new Lane(_output, 1), new Lane(_output, 2), new Lane(_output, 3));

        Send(a, own, first, second);
        Send(b, first, second);
        Send(c, second, first);
        Send(b, first);
        Send(a, equal);
        _output.Flush();

        var data = LinkRecords.Parser.ParseFrom(_bytes.ToArray()).Data.Select(Text);
        Assert.Equal(["1: own", "1,2: 1", "1,2,3: 2", "3,2: 1", "1: 1"], data);
    }

    [Fact]
    public void A_closed_lane_has_said_all_before()
    {
        ReadOnlyMemory<byte> bytes = "1"u8.ToArray();
        var (a, b) = (new Lane(_output, 1), new Lane(_output, 2));

        Send(a, bytes);
        _output.Close(1, aborted: false);
        Send(b, bytes);
        Assert.True(_output.TryCopy(b, "2"u8));
        _output.Flush();

        var read = Read(_bytes.ToArray());
        Assert.Equal(["1: 1", "Close 1", "2: 1", "2: 2"], read);
    }

    [Fact]
    public async Task A_lane_sends_no_more_than_its_window_until_it_is_given_back()
    {
        var lane = new Lane(_output, 1);
        var large = new byte[150_000];
        new Random(1).NextBytes(large);

        var sending = lane.SendAsync(large).AsTask();
        _output.Flush();
        Assert.False(sending.IsCompleted);
        Assert.Equal(65_536, Payload().Length);

        lane.OnWindow(65_536);
        _output.Flush();
        Assert.Equal(131_072, Payload().Length);

        lane.OnWindow(30_000);
        _output.Flush();
        await sending;
        Assert.Equal(large, Payload());
        Assert.Throws<LinkBrokenException>(() => lane.OnWindow(65_536));
    }

    [Fact]
    public async Task A_link_whose_peer_does_not_read_takes_a_bounded_amount_and_goes_on_when_it_does()
    {
        var stuck = new StuckStream();
        var output = new LinkOutput(stuck);
        var lanes = Enumerable.Range(0, 100).Select(client => new Lane(output, (uint)client)).ToArray();
        output.HasRoom = () => Array.ForEach(lanes, lane => lane.OnRoom());

        var sendings = Array.ConvertAll(lanes, lane =>
        {
            var sending = lane.SendAsync(new byte[60_000]).AsTask();
            output.Flush();
            return sending;
        });

        Assert.Equal(19, sendings.Count(sending => sending.IsCompleted)); // The first leaves; then a mebibyte, and the one that went above it.
        stuck.Go.SetResult();
        await Task.WhenAll(sendings);
        Assert.Equal(100 * 60_000, LinkRecords.Parser.ParseFrom(stuck.Written.ToArray()).Data.Sum(data => data.Payload.Length));
    }

    [Fact]
    public async Task A_failed_connection_is_told_once_and_what_is_written_afterwards_is_forgotten()
    {
        var stuck = new StuckStream();
        var failures = new List<Exception>();
        var output = new LinkOutput(stuck) { Failed = failures.Add };
        var lane = new Lane(output, 1);
        Assert.True(output.TryCopy(lane, "1"u8));
        output.Flush();

        stuck.Go.SetException(new IOException("reset"));
        await output.EndAsync();
        Assert.True(output.TryCopy(lane, "2"u8));
        output.Flush();

        Assert.Equal("reset", Assert.Single(failures).Message);
        Assert.Empty(stuck.Written.ToArray());
    }

    [Theory]
    [InlineData("00")]                     // No field 0.
    [InlineData("20 01")]                  // Data as a number.
    [InlineData("22 FF FF FF FF 0F")]      // 4 GiB of data.
    [InlineData("22 FF FF FF FF FF 01")]   // A length of more than 32 bits.
    [InlineData("22 00")]                  // Data for nobody.
    [InlineData("22 03 0A 01 05")]         // No bytes.
    [InlineData("22 06 0A 01 05 12 05 61")]// A payload that ends after its record.
    [InlineData("22 06 0A 01 85 12 01 61")]// Half a number.
    [InlineData("0A 02 12 05")]            // Not a message.
    public void A_record_that_is_none_is_refused(string hex)
    {
        var bytes = Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));

        Assert.Throws<LinkBrokenException>(() => Read(bytes));
    }

    [Fact]
    public void Whatever_comes_is_read_or_refused()
    {
        var random = new Random(20261121);
        new LinkRecords
        {
            Opens = { new LinkOpen { Client = 1, Path = "/ws", Headers = { new LinkHeader { Name = "a", Value = "b" } } } },
            Data = { Data("uno", 1, 2, 300), Data("dos", 5) },
            Windows = { new LinkWindow { Client = 2, Bytes = 70 } },
            Closes = { new LinkClose { Client = 1, Aborted = true } },
        }.WriteTo(_bytes);
        var good = _bytes.ToArray();

        var refused = 0;
        for (var round = 0; round < 20_000; round++)
        {
            var bytes = good.AsSpan(0, random.Next(1, good.Length + 1)).ToArray();
            for (var change = random.Next(4); change >= 0; change--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            try
            {
                Read(bytes);
            }
            catch (LinkBrokenException)
            {
                refused++; // Any other exception fails the test.
            }
        }

        Assert.InRange(refused, 1_000, 19_999);
    }

    private static LinkData Data(string text, params uint[] clients) => new() { Clients = { clients }, Payload = ByteString.CopyFromUtf8(text) };

    private static string Text(LinkData data) => $"{string.Join(',', data.Clients)}: {data.Payload.ToStringUtf8()}";

    private static void Send(Lane lane, params ReadOnlyMemory<byte>[] pieces) => Assert.True(lane.SendSharedAsync(pieces).AsTask().IsCompletedSuccessfully);

    private byte[] Payload() => LinkRecords.Parser.ParseFrom(_bytes.ToArray()).Data.SelectMany(data => data.Payload.ToByteArray()).ToArray();

    private static List<string> Read(byte[] bytes)
    {
        var records = new Records();
        LinkInput.Handle(bytes, records, out _);
        return records.Read;
    }

    private static async Task<List<string>> ReadAsync(byte[] bytes, int size)
    {
        var records = new Records();
        await LinkInput.ReadAsync(new PieceStream(bytes, size), records, CancellationToken.None);
        return records.Read;
    }

    private sealed class Lane(LinkOutput output, uint client) : LinkLane(output, client);

    private sealed class Records : ILinkRecords
    {
        public List<string> Read { get; } = [];

        public void OnRecord(LinkRecordKind kind, ReadOnlySpan<byte> body) => Read.Add(kind switch
        {
            LinkRecordKind.Data => OnData(LinkDataRecord.Read(body)),
            LinkRecordKind.Open when LinkOpen.Parser.ParseFrom(body) is var open => $"Open {open.Client} {open.Path}",
            LinkRecordKind.Close => $"Close {LinkClose.Parser.ParseFrom(body).Client}",
            LinkRecordKind.Window => $"Window {LinkWindow.Parser.ParseFrom(body).Client}",
            _ => ((int)kind).ToString(CultureInfo.InvariantCulture),
        });

        public void OnRead()
        {
        }

        private static string OnData(LinkDataRecord record)
        {
            var clients = new List<uint>();
            foreach (var client in record)
            {
                clients.Add(client);
            }

            return $"{string.Join(',', clients)}: {System.Text.Encoding.UTF8.GetString(record.Payload)}";
        }
    }

    private sealed class PieceStream(byte[] bytes, int size) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(buffer.Length, size)], cancellationToken);
    }

    /// <summary>A connection whose first write does not end before it may.</summary>
    private sealed class StuckStream : MemoryStream
    {
        public TaskCompletionSource Go { get; } = new();

        public MemoryStream Written { get; } = new();

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await Go.Task;
            Written.Write(buffer.Span);
        }
    }
}
