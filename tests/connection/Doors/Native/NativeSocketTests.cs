using System.Buffers.Text;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Net;
using System.Text.Json;
using System.Text;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Events;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Tests.Auth;
using Tertulia.Contracts;
using Tertulia.Connections.Tests.Support;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Doors.Native;

/// <summary>The way in over real sockets, HTTP/1.1 and HTTP/2.</summary>
public sealed class NativeSocketTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_client_comes_talks_and_goes(bool http2)
    {
        await using var host = await SocketHost.StartAsync();
        using var ana = await host.ConnectAsAsync("ana", "/ws/lobby?last_seq=41&epoch=e1", options => options.SetRequestHeader("X-Gateway-Id", "gateway-1"), http2);
        var session = await host.Flow.OpenedAsync();

        Assert.Equal("hello ana", await ana.ReceiveAsync());
        Assert.Equal(
            ("lobby", new Position { Epoch = "e1", Seq = 41 }, http2 ? "gateway-1" : null, IPAddress.Loopback), // A gateway comes to the internal port.
            (session.Opening.RoomId, session.Opening.Since, session.Opening.GatewayId, session.Opening.Address));
        var large = new string('é', 30_000);
        await ana.SendMessageAsync(large);
        Assert.Equal(large, await ana.ReceiveAsync());
        Assert.Equal(1, host.Counts.Total);

        await ana.CloseAsync((WebSocketCloseStatus)3001);

        Assert.Equal((WebSocketCloseStatus)3001, ana.Client.CloseStatus);
        Assert.Same(session, await host.Flow.ClosedAsync());
        await Eventually.HoldsAsync(() => host.Counts.Total == 0, "the connection is not counted any more");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_server_closes_with_code_and_reason_after_what_waits(bool http2)
    {
        await using var host = await SocketHost.StartAsync();
        using var ana = await host.ConnectAsAsync("ana", http2: http2);
        await ana.SendMessageAsync("before");
        await ana.SendMessageAsync("close 4006");
        await ana.SendMessageAsync("after");

        Assert.Equal(["hello ana", "before", "close 4006 asked to"], [await ana.ReceiveAsync(), await ana.ReceiveAsync(), await ana.ReceiveAsync()]);
        await ana.CloseAsync();
        await host.Flow.ClosedAsync();
    }

    [Fact]
    public async Task A_token_may_come_beside_the_subprotocol_and_is_not_echoed()
    {
        await using var host = await SocketHost.StartAsync();
        using var ana = await host.ConnectAsync("/ws", options =>
        {
            options.AddSubProtocol($"bearer.{Base64Url.EncodeToString(Encoding.ASCII.GetBytes(host.Token("ana")))}");
            options.AddSubProtocol("tertulia.v1.json");
        });

        Assert.Equal("tertulia.v1.json", ana.Client.SubProtocol);
        Assert.Equal("hello ana", await ana.ReceiveAsync());
    }

    [Fact]
    public async Task The_first_token_found_counts_and_no_token_is_logged()
    {
        await using var host = await SocketHost.StartAsync();
        using var ana = await host.ConnectAsync($"/ws?token={host.Token("ana")}");
        using var bruno = await host.ConnectAsAsync("bruno", $"/ws?token={host.Token("ana")}");
        using var carla = await host.ConnectAsAsync("carla", "/ws?token=broken");

        Assert.Equal(["hello ana", "hello bruno", "hello carla"], [await ana.ReceiveAsync(), await bruno.ReceiveAsync(), await carla.ReceiveAsync()]);
        var signature = host.Token("ana").Split('.')[2];
        Assert.DoesNotContain(host.Log, line => line.Contains(signature, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Who_does_not_say_who_it_is_in_time_is_closed()
    {
        await using var host = await SocketHost.StartAsync();
        using var nobody = await host.ConnectAsync("/ws?user_id=ana&username=Ana");
        Assert.Equal("hello ", await nobody.ReceiveAsync());

        host.Time.Advance(TimeSpan.FromSeconds(9));
        await nobody.SendMessageAsync("still here");
        Assert.Equal("still here", await nobody.ReceiveAsync());

        host.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(40101, await nobody.ReceiveErrorAsync());
        Assert.Equal("close 4502 no token in time", await nobody.ReceiveAsync());
    }

    [Theory]
    [InlineData("forged", 40102, "close 4501 invalid_token")]
    [InlineData("expired", 40103, "close 4004 token_expired")]
    [InlineData("origin", 40301, "close 4508 forbidden")]
    [InlineData("version", 40001, "close 4505 bad_request")]
    [InlineData("room", 40001, "close 1000 bad_request")]
    [InlineData("reserved", 40001, "close 1000 bad_request")]
    public async Task Who_may_not_come_in_is_told_why(string what, int error, string close)
    {
        await using var host = await SocketHost.StartAsync();
        using var socket = await host.ConnectAsync(what switch { "room" => "/ws/a%20b", "reserved" => "/ws/stats", _ => "/ws" }, options =>
        {
            var token = what switch
            {
                "forged" => TokenIssuer.Hs256(new { sub = "u", exp = 9_999_999_999 }, secret: new string('x', 32)),
                "expired" => host.Token("ana", seconds: -60),
                _ => host.Token("ana"),
            };
            options.SetRequestHeader("Authorization", $"Bearer {token}");
            if (what == "origin")
            {
                options.SetRequestHeader("Origin", "https://evil.example.com");
            }
            else if (what == "version")
            {
                options.AddSubProtocol("tertulia.v9.json");
            }
        });

        Assert.Equal(error, await socket.ReceiveErrorAsync());
        Assert.Equal(close, await socket.ReceiveAsync());
        await socket.CloseAsync();
        await Eventually.HoldsAsync(() => host.Counts.Total == 0, "nobody is counted");
    }

    [Fact]
    public async Task A_node_that_goes_away_takes_nobody()
    {
        await using var host = await SocketHost.StartAsync();
        using var before = await host.ConnectAsAsync("ana");
        host.StartDraining();
        using var after = await host.ConnectAsAsync("ana");

        Assert.Equal(50301, await after.ReceiveErrorAsync());
        Assert.Equal("close 4001 unavailable", await after.ReceiveAsync());
    }

    [Fact]
    public async Task Connections_are_limited_and_a_place_is_free_again_afterwards()
    {
        await using var host = await SocketHost.StartAsync(("Limits:ConnectionsPerUser", "1"), ("Limits:ConnectionsPerAddress", "2"), ("Sockets:TrustedProxies:0", "127.0.0.0/8"));
        using var ana = await host.ConnectAsAsync("ana");
        using var anaAgain = await host.ConnectAsAsync("ana");
        using var bruno = await host.ConnectAsAsync("bruno");
        using var carla = await host.ConnectAsAsync("carla");
        using var elsewhere = await host.ConnectAsAsync("dora", configure: options => options.SetRequestHeader("X-Forwarded-For", "198.51.100.7"));

        Assert.Equal(42902, await anaAgain.ReceiveErrorAsync());
        Assert.Equal("close 4504 limit_exceeded", await anaAgain.ReceiveAsync());
        Assert.Equal("hello bruno", await bruno.ReceiveAsync());
        Assert.Equal(42902, await carla.ReceiveErrorAsync());
        Assert.Equal("hello dora", await elsewhere.ReceiveAsync());

        await ana.ReceiveAsync();
        await ana.CloseAsync();
        await host.Flow.ClosedAsync();
        await Eventually.HoldsAsync(() => host.Counts.Total == 2, "the place is free");
        using var anaBack = await host.ConnectAsAsync("ana");
        Assert.Equal("hello ana", await anaBack.ReceiveAsync());
    }

    [Fact]
    public async Task What_is_malformed_is_answered_and_the_connection_stays()
    {
        await using var host = await SocketHost.StartAsync();
        using var ana = await host.ConnectAsAsync("ana");
        await ana.ReceiveAsync();

        await ana.SendAsync("hola");
        Assert.Equal(40002, await ana.ReceiveErrorAsync());
        await ana.SendAsync("""{"type":"dance","ref":"r"}""");
        Assert.Equal(
            """{"type":"error","ref":"r","data":{"message":"Unknown type","code":40003,"name":"unknown_type","temporary":false}}""", await ana.ReceiveAsync());
        await ana.SendAsync("""{"type":"typing"}""");
        Assert.Equal(40001, await ana.ReceiveErrorAsync());
        await ana.SendMessageAsync("fine");
        Assert.Equal("fine", await ana.ReceiveAsync());
    }

    [Fact]
    public async Task Malformed_frames_count_as_events_and_a_flood_of_them_is_closed()
    {
        await using var host = await SocketHost.StartAsync(("Limits:EventsPerMinute", "10"), ("Limits:RoomsPerConnection", "1"));
        using var ana = await host.ConnectAsAsync("ana");
        await ana.ReceiveAsync();
        for (var i = 0; i < 200; i++)
        {
            await ana.SendAsync("hola");
        }

        var answers = new List<string>();
        do
        {
            answers.Add(await ana.ReceiveAsync());
        }
        while (!answers[^1].StartsWith("close", StringComparison.Ordinal));

        Assert.All(answers[..10], answer => Assert.Contains("\"code\":40002", answer, StringComparison.Ordinal));
        Assert.All(answers[10..^1], answer => Assert.Contains("\"code\":42901", answer, StringComparison.Ordinal));
        Assert.InRange(answers.Count, 51, 199);
        Assert.Equal("close 4007 flood", answers[^1]);
    }

    [Theory]
    [InlineData("binary", "close 4500 binary frames are not used")]
    [InlineData("large", "close 1009 more than 65536 bytes")]
    public async Task What_the_protocol_forbids_closes_the_connection(string what, string close)
    {
        await using var host = await SocketHost.StartAsync();
        using var ana = await host.ConnectAsAsync("ana");
        await ana.ReceiveAsync();

        await (what == "binary" ? ana.SendAsync("x", WebSocketMessageType.Binary) : ana.SendMessageAsync(new string('x', 70_000)));

        Assert.Equal(close, await ana.ReceiveAsync());
        await ana.CloseAsync();
        await host.Flow.ClosedAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_client_that_vanishes_is_gone(bool http2)
    {
        await using var host = await SocketHost.StartAsync();
        using var ana = await host.ConnectAsAsync("ana", http2: http2);
        var session = await host.Flow.OpenedAsync();
        await ana.ReceiveAsync();

        ana.Client.Abort();

        Assert.Same(session, await host.Flow.ClosedAsync());
    }

    [Fact]
    public async Task A_bug_behind_the_socket_is_an_internal_error_and_one_log_line()
    {
        await using var host = await SocketHost.StartAsync();
        using var ana = await host.ConnectAsAsync("ana");
        await ana.ReceiveAsync();

        await ana.SendMessageAsync("throw");

        Assert.Equal(50001, await ana.ReceiveErrorAsync());
        Assert.Equal("close 4000 internal", await ana.ReceiveAsync());
        await ana.CloseAsync();
        await host.Flow.ClosedAsync();
        await Eventually.HoldsAsync(() => host.Log.Any(line => line.StartsWith("Error A connection failed", StringComparison.Ordinal)), "it is logged");
    }

    [Theory]
    [InlineData(4001)]
    [InlineData(4003)]
    public async Task A_client_that_does_not_answer_the_close_is_cut(int code)
    {
        await using var host = await SocketHost.StartAsync();
        using var mute = await ConnectRawAsync(host);
        var session = await host.Flow.OpenedAsync();

        session.Close((CloseCode)code, "go");
        await ReadUntilAsync(mute, [(byte)(code >> 8), (byte)code, (byte)'g', (byte)'o']);
        await host.PassUntilAsync(session);
    }

    [Fact]
    public async Task A_client_that_reads_nothing_is_closed_with_4003_and_cut()
    {
        await using var host = await SocketHost.StartAsync();
        using var mute = await ConnectRawAsync(host);
        var session = await host.Flow.OpenedAsync();
        var frame = new RawEvent(new string('x', 60_000), DeliveryClass.Durable);

        // The buffers of both systems take some megabytes first.
        await Eventually.HoldsAsync(() => session.Send(frame) == SendOutcome.Behind, "the client is behind");
        Assert.InRange(session.Outbox.WaitingBytes, 256 * 1024, 1024 * 1024);
        host.Time.Advance(TimeSpan.FromSeconds(31));
        await Eventually.HoldsAsync(() => session.Outbox.IsClosing, "the client is closed");

        await host.PassUntilAsync(session);
    }

    [Fact]
    public async Task A_client_that_pauses_holds_up_nobody_and_then_gets_everything_in_order_and_the_close_last()
    {
        await using var host = await SocketHost.StartAsync();
        using var slow = await host.ConnectAsAsync("ana");
        var slowSession = await host.Flow.OpenedAsync();
        using var ready = await host.ConnectAsAsync("bruno");
        var readySession = await host.Flow.OpenedAsync();
        await ready.ReceiveAsync();
        var text = new string('x', 8 * 1024);

        var count = 0;
        for (; slowSession.Outbox.WaitingBytes < 128 * 1024; count++)
        {
            var frame = new RawEvent($"{count} {text}");
            slowSession.Send(frame);
            readySession.Send(frame);
            Assert.Equal($"{count} {text}", await ready.ReceiveAsync());
        }

        slowSession.Close((CloseCode)4001, "go");

        Assert.Equal("hello ana", await slow.ReceiveAsync());
        for (var i = 0; i < count; i++)
        {
            Assert.Equal($"{i} {text}", await slow.ReceiveAsync());
        }

        Assert.Equal("close 4001 go", await slow.ReceiveAsync());
    }

    [Fact]
    public async Task A_connection_that_is_reset_while_it_is_written_to_ends_in_silence()
    {
        await using var host = await SocketHost.StartAsync(("Limits:ConnectionsPerUser", "0"));
        host.Log.Clear();
        var frame = new RawEvent(new string('x', 300), DeliveryClass.Ephemeral);
        for (var i = 0; i < 20; i++)
        {
            var raw = await ConnectRawAsync(host);
            var session = await host.Flow.OpenedAsync();
            var sending = Task.Run(() =>
            {
                while (session.Send(frame) != SendOutcome.Closed)
                {
                }
            });

            await raw.ReadExactlyAsync(new byte[1000]);
            raw.Socket.LingerState = new LingerOption(true, 0);
            raw.Dispose(); // A reset: not everything was read.

            Assert.Same(session, await host.Flow.ClosedAsync());
            await Eventually.CompletesAsync(sending, "nothing more is taken");
        }

        Assert.DoesNotContain(host.Log, line => line.StartsWith("Warning", StringComparison.Ordinal) || line.StartsWith("Error", StringComparison.Ordinal)
            || line.StartsWith("Critical", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_ping_is_answered_with_its_payload()
    {
        await using var host = await SocketHost.StartAsync();
        using var raw = await ConnectRawAsync(host);
        await host.Flow.OpenedAsync();

        await raw.WriteAsync(ClientBytes.Frame(WebSocketOpcode.Ping, "are you there"u8));

        await ReadUntilAsync(raw, [0x8A, 13, .. "are you there"u8]);
    }

    [Fact]
    public async Task Compression_is_agreed_without_context_takeover_when_it_is_configured()
    {
        await using var host = await SocketHost.StartAsync(("Sockets:Compression", "true"));
        using var ana = await host.ConnectAsAsync("ana", configure: options =>
        {
            options.DangerousDeflateOptions = new WebSocketDeflateOptions { ClientContextTakeover = false, ServerContextTakeover = false };
        });
        Assert.Equal("hello ana", await ana.ReceiveAsync());
        Assert.Equal(
            ["permessage-deflate; server_no_context_takeover; client_no_context_takeover"], ana.Client.HttpResponseHeaders!["Sec-WebSocket-Extensions"]);

        var content = string.Concat(Enumerable.Repeat("was sich wiederholt ", 1000));
        for (var i = 0; i < 3; i++)
        {
            await ana.SendMessageAsync(content);
            Assert.Equal(content, await ana.ReceiveAsync());
        }
    }

    [Theory]
    [InlineData("permessage-deflate", "permessage-deflate; server_no_context_takeover; client_no_context_takeover")]
    [InlineData("permessage-deflate; client_max_window_bits", "permessage-deflate; server_no_context_takeover; client_no_context_takeover")]
    [InlineData("Permessage-Deflate;server_max_window_bits=\"15\"", "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15")]
    [InlineData("permessage-deflate; server_max_window_bits=10, permessage-deflate", "permessage-deflate; server_no_context_takeover; client_no_context_takeover")]
    [InlineData("permessage-deflate; server_max_window_bits=10", null)]
    [InlineData("permessage-deflate; server_no_context_takeover=1", null)]
    [InlineData("permessage-deflate; surprise", null)]
    [InlineData("permessage-deflate; client_max_window_bits; client_max_window_bits", null)]
    [InlineData("permessage-bzip2", null)]
    [InlineData("", null)]
    public void An_offer_of_compression_is_taken_only_when_it_is_understood(string offers, string? answer)
    {
        Assert.Equal(answer, DeflateOffer.Answer(offers.Split(',', StringSplitOptions.TrimEntries)));
    }

    [Fact]
    public async Task What_is_no_WebSocket_is_asked_to_become_one()
    {
        await using var host = await SocketHost.StartAsync();
        using var http = new HttpClient { BaseAddress = host.Http };

        using var response = await http.GetAsync(new Uri("/ws/lobby", UriKind.Relative));

        Assert.Equal(HttpStatusCode.UpgradeRequired, response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal(["13"], response.Headers.GetValues("Sec-WebSocket-Version"));
        Assert.Equal(("websocket", "Upgrade"), (response.Headers.Upgrade.ToString(), response.Headers.Connection.ToString()));
        Assert.Equal("bad_request", (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("name").GetString());
    }

    private static async Task<NetworkStream> ConnectRawAsync(SocketHost host)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
        await socket.ConnectAsync(host.Http.Host, host.Http.Port);
        var stream = new NetworkStream(socket, ownsSocket: true);
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            $"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            + $"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer {host.Token("ana")}\r\n\r\n"));
        await ReadUntilAsync(stream, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="u8.ToArray());
        return stream;
    }

    private static async Task ReadUntilAsync(NetworkStream stream, byte[] expected)
    {
        using var deadline = new CancellationTokenSource(Eventually.Deadline);
        var received = new List<byte>();
        var buffer = new byte[1];
        while (!CollectionsEndWith(received, expected))
        {
            Assert.NotEqual(0, await stream.ReadAsync(buffer, deadline.Token));
            received.Add(buffer[0]);
        }
    }

    private static bool CollectionsEndWith(List<byte> bytes, byte[] end) =>
        bytes.Count >= end.Length && System.Runtime.InteropServices.CollectionsMarshal.AsSpan(bytes).EndsWith(end);
}
