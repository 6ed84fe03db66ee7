using System.Net;
using System.Net.Sockets;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Tertulia.Contracts;
using Tertulia.Gateway.Links;
using Tertulia.Hosting;
using Tertulia.Link;
using Tertulia.Testing;

namespace Tertulia.Gateway.Tests.Links;

/// <summary>A node that breaks the rules, goes away or says nothing ends its link, and nothing else.</summary>
public sealed class LinkLossTests : IAsyncLifetime
{
    private static readonly InternalAuth Auth = new(Options.Create(new InternalAuthOptions { Secret = TestNode.Secret }));
    private static readonly InternalTls Plain = new(Options.Create(new InternalTlsOptions()), TimeProvider.System, NullLogger<InternalTls>.Instance);

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly LinkPace _pace = new(TimeSpan.Zero, TimeProvider.System, CpuGauge.Machine);
    private readonly WaitingBytes _waiting = new(Options.Create(new GatewayOptions { SlowClientBytes = 1024 * 1024 }));
    private NodeLink _link = null!;
    private NetworkStream _node = null!;

    public async Task InitializeAsync()
    {
        _listener.Start();
        var accepting = AcceptAsync();
        _link = await NodeLink.ConnectAsync($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}", _pace, _waiting, Auth, Plain, TimeProvider.System, NullLogger.Instance, CancellationToken.None);
        _node = await accepting;
    }

    public async Task DisposeAsync()
    {
        _link.Cut();
        await _link.Ended;
        await _node.DisposeAsync();
        _listener.Dispose();
    }

    [Fact]
    public async Task A_node_that_speaks_something_else_cannot_be_reached()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var connecting = NodeLink.ConnectAsync($"http://127.0.0.1:{((IPEndPoint)other.LocalEndpoint).Port}", _pace, _waiting, Auth, Plain, TimeProvider.System, NullLogger.Instance, CancellationToken.None);
        using var socket = await other.AcceptSocketAsync();
        await socket.SendAsync("HTTP/1.1 400 Bad Request\r\n\r\n"u8.ToArray());

        await Assert.ThrowsAsync<LinkLostException>(() => connecting);
    }

    [Fact]
    public async Task A_client_that_is_opening_when_the_link_is_lost_is_told_so_and_not_cut()
    {
        var aborts = 0;
        var socket = _link.Open(new LinkOpen { Path = "/ws" }, () => aborts++);
        var answering = socket.AnswerAsync(CancellationToken.None);
        await ReadRecordAsync();

        await _node.DisposeAsync();

        await Assert.ThrowsAsync<LinkLostException>(() => Eventually.CompletesAsync(answering, "the client is told"));
        Assert.Throws<LinkLostException>(() => _link.Open(new LinkOpen(), () => { }));
        Assert.Equal(0, aborts);
    }

    [Fact]
    public async Task A_client_that_is_open_when_the_link_is_lost_is_cut()
    {
        var (_, client, running) = await OpenAsync();

        await _node.DisposeAsync();

        await Eventually.CompletesAsync(running, "the client's request is over");
        Assert.True(client.Aborted);
    }

    [Theory]
    [InlineData("garbage")]
    [InlineData("an answer to nobody")]
    [InlineData("answered twice")]
    [InlineData("closed twice")]
    [InlineData("more than the window")]
    [InlineData("more given back than sent")]
    public async Task A_node_that_breaks_a_rule_loses_its_link(string rule)
    {
        var (socket, client, running) = await OpenAsync();
        client.Stuck = true;

        var bytes = rule switch
        {
            "garbage" => [0, 1, 2, 3],
            "an answer to nobody" => new LinkRecords { Accepts = { new LinkAccept { Client = 17 } } }.ToByteArray(),
            "answered twice" => new LinkRecords { Accepts = { new LinkAccept { Client = socket.Client } } }.ToByteArray(),
            "closed twice" => new LinkRecords { Closes = { new LinkClose { Client = socket.Client }, new LinkClose { Client = socket.Client } } }.ToByteArray(),
            "more than the window" => new LinkRecords { Data = { Data(socket, 65_536), Data(socket, 1) } }.ToByteArray(),
            _ => new LinkRecords { Windows = { new LinkWindow { Client = socket.Client, Bytes = 1 } } }.ToByteArray(),
        };
        await _node.WriteAsync(bytes);

        await Eventually.CompletesAsync(_link.Ended, "the link has ended");
        await Eventually.CompletesAsync(running, "the client's request is over");
        Assert.True(client.Aborted || rule == "closed twice"); // The first close may have ended it already.
    }

    [Fact]
    public async Task A_node_that_says_nothing_is_given_up_after_twenty_seconds_of_looks()
    {
        for (var look = 1; look <= 4; look++)
        {
            _link.Look(idleLooks: 100);
        }

        Assert.False(_link.IsLost);
        _link.Look(idleLooks: 100);

        await Eventually.CompletesAsync(_link.Ended, "the link has ended");
    }

    [Fact]
    public async Task A_node_that_answers_is_not_given_up()
    {
        for (var look = 1; look <= 20; look++)
        {
            _link.Look(idleLooks: 100);
            await _node.WriteAsync(new LinkRecords { Pongs = { new LinkPing() } }.ToByteArray());
            var (_, client, running) = await OpenAsync(); // So that the pong was read.
            await _node.WriteAsync(new LinkRecords { Closes = { new LinkClose { Client = 0, Aborted = true } } }.ToByteArray());
            await Eventually.CompletesAsync(running, "the client's request is over");
        }

        Assert.False(_link.IsLost);
    }

    [Fact]
    public async Task When_too_much_waits_for_all_clients_those_that_take_nothing_are_cut_and_the_others_are_not()
    {
        var slow = new List<(LinkedSocket Socket, ClientStream Client, Task Running)>();
        for (var i = 0; i < 20; i++)
        {
            slow.Add(await OpenAsync());
            slow[i].Client.Stuck = true;
        }

        var (healthy, client, _) = await OpenAsync();
        Assert.False(_waiting.IsOver);
        await _node.WriteAsync(new LinkRecords { Data = { slow.Select(one => Data(one.Socket, 60_000)), Data(healthy, 60_000) } }.ToByteArray());
        await Eventually.HoldsAsync(() => _waiting.Bytes == 20 * 60_000 && client.Length == 60_000, "all have got theirs", () => $"{_waiting.Bytes} wait");
        Assert.True(_waiting.IsOver);

        Assert.Equal(0, _link.Relieve()); // They may have begun to take it just now.
        Assert.Equal(20, _link.Relieve());

        foreach (var (_, one, running) in slow)
        {
            await Eventually.CompletesAsync(running, "the client's request is over");
            Assert.True(one.Aborted);
        }

        Assert.False(client.Aborted);
        await Eventually.HoldsAsync(() => _waiting.Bytes == 0, "nothing waits", () => $"{_waiting.Bytes} wait");
    }

    [Fact]
    public async Task What_waits_for_a_client_is_forgotten_with_it()
    {
        var (socket, client, running) = await OpenAsync();
        client.Stuck = true;
        await _node.WriteAsync(new LinkRecords { Data = { Data(socket, 30_000) } }.ToByteArray());
        await Eventually.HoldsAsync(() => client.Length == 30_000, "the first is being written");
        await _node.WriteAsync(new LinkRecords { Data = { Data(socket, 30_000) } }.ToByteArray());
        await Eventually.HoldsAsync(() => _waiting.Bytes == 60_000, "the second waits", () => $"{_waiting.Bytes} wait");

        client.Abort();

        await Eventually.CompletesAsync(running, "the client's request is over");
        await Eventually.HoldsAsync(() => _waiting.Bytes == 0, "nothing waits", () => $"{_waiting.Bytes} wait");
    }

    [Fact]
    public void A_node_that_does_not_read_is_asked_to_take_no_more_clients()
    {
        var open = new LinkOpen { Path = "/ws", Headers = { new LinkHeader { Name = "Cookie", Value = new string('x', 100_000) } } };
        LinkLostException? refused = null;

        for (var i = 0; i < 1_000 && refused is null; i++)
        {
            try
            {
                _link.Open(open.Clone(), () => { });
            }
            catch (LinkLostException exception)
            {
                refused = exception;
            }
        }

        Assert.Contains("does not read", refused?.Message, StringComparison.Ordinal);
        Assert.False(_link.IsLost);
    }

    [Fact]
    public async Task Records_that_are_not_known_and_data_for_a_client_that_has_left_are_passed_over()
    {
        var (socket, client, running) = await OpenAsync();
        await _node.WriteAsync(new byte[] { 0xFA, 0x07, 0x01, 0x00 });
        await _node.WriteAsync(new LinkRecords { Data = { new LinkData { Clients = { 99, socket.Client }, Payload = ByteString.CopyFromUtf8("hola") } } }.ToByteArray());

        await Eventually.HoldsAsync(() => client.Length == 4, "the client has its bytes");

        client.End();
        await Eventually.HoldsAsync(() => running.IsCompleted || client.Length > 0, "it has left");
        await _node.WriteAsync(new LinkRecords { Data = { Data(socket, 10) }, Closes = { new LinkClose { Client = socket.Client } } }.ToByteArray());
        await Eventually.CompletesAsync(running, "the client's request is over");
        Assert.False(_link.IsLost);
    }

    private static LinkData Data(LinkedSocket socket, int bytes) => new() { Clients = { socket.Client }, Payload = ByteString.CopyFrom(new byte[bytes]) };

    private async Task<NetworkStream> AcceptAsync()
    {
        var stream = new NetworkStream(await _listener.AcceptSocketAsync(), ownsSocket: true);
        await stream.ReadExactlyAsync(new byte[LinkFormat.Preface.Length + Auth.Proof.Length + 1]);
        await stream.WriteAsync(LinkFormat.Preface.ToArray());
        return stream;
    }

    private async Task ReadRecordAsync() => Assert.NotEqual(0, await _node.ReadAsync(new byte[1024]));

    private async Task<(LinkedSocket Socket, ClientStream Client, Task Running)> OpenAsync()
    {
        var client = new ClientStream();
        var socket = _link.Open(new LinkOpen { Path = "/ws" }, client.Abort);
        await _node.WriteAsync(new LinkRecords { Accepts = { new LinkAccept { Client = socket.Client } } }.ToByteArray());
        var (accept, _) = await Eventually.CompletesAsync(socket.AnswerAsync(CancellationToken.None), "the node has answered");
        Assert.NotNull(accept);
        return (socket, client, socket.RunAsync(client));
    }

    /// <summary>A client that sends nothing until it ends.</summary>
    private sealed class ClientStream : MemoryStream
    {
        private readonly TaskCompletionSource<int> _end = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _gone = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public bool Aborted => _gone.Task.IsCompleted;

        public bool Stuck { get; set; }

        public void Abort()
        {
            _end.TrySetException(new IOException("cut"));
            _gone.TrySetResult();
        }

        public void End() => _end.TrySetResult(0);

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            await _end.Task.WaitAsync(cancellationToken);

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Write(buffer.Span);
            if (Stuck)
            {
                await _gone.Task;
            }
        }
    }
}
