using System.Net.Sockets;
using System.Text;
using Google.Protobuf;
using Tertulia.Contracts;
using Tertulia.Link;
using Tertulia.Testing;

namespace Tertulia.Gateway.Tests.Links;

/// <summary>A gateway that breaks the rules ends its link, and neither the node nor other gateways' clients.</summary>
public sealed class LinkDoorTests : IAsyncLifetime
{
    private TestNode _node = null!;
    private TestGateway _gateway = null!;
    private Socket _socket = null!;
    private NetworkStream _link = null!;

    public async Task InitializeAsync()
    {
        _node = await TestNode.StartAsync("a");
        _gateway = await TestGateway.StartAsync([_node]);
        _socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await _socket.ConnectAsync("127.0.0.1", new Uri(_node.Address).Port);
        _link = new NetworkStream(_socket, ownsSocket: true);
    }

    public async Task DisposeAsync()
    {
        await _link.DisposeAsync();
        await _gateway.DisposeAsync();
        await _node.DisposeAsync();
    }

    [Theory]
    [InlineData("garbage")]
    [InlineData("a preface that is none")]
    [InlineData("opened twice")]
    [InlineData("closed twice")]
    [InlineData("more than the window")]
    [InlineData("more given back than sent")]
    [InlineData("a record too large")]
    public async Task Rules_that_are_broken_end_the_link_and_nothing_else(string rule)
    {
        using var other = await _gateway.OpenAsync();
        if (rule == "a preface that is none")
        {
            await _link.WriteAsync("tertulia link 9\n, and then something that is no preface of HTTP/2 either"u8.ToArray());
        }
        else
        {
            await BeginAsync();
            await OpenAsync(1, "/ws?flood");
            await _link.WriteAsync(rule switch
            {
                "garbage" => [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
                "opened twice" => new LinkRecords { Opens = { new LinkOpen { Client = 1, Path = "/ws" } } }.ToByteArray(),
                "closed twice" => new LinkRecords { Closes = { new LinkClose { Client = 1 }, new LinkClose { Client = 1 } } }.ToByteArray(),
                "more than the window" => new LinkRecords { Data = { Data(1, 65_536), Data(1, 1) } }.ToByteArray(),
                "more given back than sent" => new LinkRecords { Windows = { new LinkWindow { Client = 1, Bytes = uint.MaxValue } } }.ToByteArray(),
                _ => [0x22, 0xFF, 0xFF, 0xFF, 0x0F],
            });
        }

        await EndsAsync();
        Assert.Equal("hola", await other.EchoAsync("hola"));
        using var next = await _gateway.OpenAsync();
        Assert.Equal("hola", await next.EchoAsync("hola"));
    }

    [Fact]
    public async Task A_gateway_that_does_not_read_gets_no_more_than_a_window_for_each_client()
    {
        await BeginAsync();
        for (var client = 0u; client < 100; client++)
        {
            await OpenAsync(client, "/ws?flood");
        }

        await Eventually.HoldsAsync(() => _node.Stalled >= 100, "every client waits", () => $"{_node.Stalled} do");
        using var other = await _gateway.OpenAsync();
        Assert.Equal("hola", await other.EchoAsync("hola"));
    }

    [Fact]
    public async Task A_client_that_the_gateway_closes_ends_at_the_node_with_the_other_ones_going_on()
    {
        await BeginAsync();
        await OpenAsync(1, "/ws");
        await OpenAsync(2, "/ws");
        for (var accepted = 0; accepted < 2;) // One that is closed before it was accepted never is.
        {
            accepted += (await ReadAsync()).Accepts.Count;
        }

        await _link.WriteAsync(new LinkRecords { Closes = { new LinkClose { Client = 1, Aborted = true } }, Pings = { new LinkPing() } }.ToByteArray());

        var (closed, pong) = (false, false);
        while (!closed || !pong)
        {
            var record = await ReadAsync();
            closed |= record.Closes.Any(close => close.Client == 1);
            pong |= record.Pongs.Count > 0;
            Assert.DoesNotContain(record.Closes, close => close.Client == 2);
        }
    }

    private static LinkData Data(uint client, int bytes) => new() { Clients = { client }, Payload = ByteString.CopyFrom(new byte[bytes]) };

    private async Task BeginAsync()
    {
        await _link.WriteAsync((byte[])[.. LinkFormat.Preface, .. Encoding.ASCII.GetBytes($"Bearer {TestNode.Secret}\n")]);
        var answer = new byte[LinkFormat.Preface.Length];
        await _link.ReadExactlyAsync(answer);
        Assert.Equal(LinkFormat.Preface, answer);
    }

    private async Task OpenAsync(uint client, string target)
    {
        var uri = new Uri(new Uri("http://node"), target);
        var open = new LinkOpen { Client = client, Path = uri.AbsolutePath, Query = uri.Query, Host = "node", Headers = { new LinkHeader { Name = "Sec-WebSocket-Version", Value = "13" } } };
        await _link.WriteAsync(new LinkRecords { Opens = { open } }.ToByteArray());
    }

    /// <summary>One record.</summary>
    private async Task<LinkRecords> ReadAsync()
    {
        using var deadline = new CancellationTokenSource(Eventually.Deadline);
        var bytes = new List<byte>();
        var one = new byte[1];
        var length = -1;
        while (length < 0 || bytes.Count < length)
        {
            await _link.ReadExactlyAsync(one, deadline.Token);
            bytes.Add(one[0]);
            if (length < 0 && bytes.Count > 1 && one[0] < 0x80)
            {
                var input = new CodedInputStream([.. bytes]);
                input.ReadTag();
                length = input.ReadLength() + (int)input.Position;
            }
        }

        return LinkRecords.Parser.ParseFrom([.. bytes]);
    }

    private async Task EndsAsync()
    {
        using var deadline = new CancellationTokenSource(Eventually.Deadline);
        var buffer = new byte[64 * 1024];
        try
        {
            while (await _link.ReadAsync(buffer, deadline.Token) > 0)
            {
            }
        }
        catch (IOException)
        {
            return; // Reset.
        }
    }
}
