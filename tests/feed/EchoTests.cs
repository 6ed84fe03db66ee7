using Grpc.Core;
using Grpc.Net.Client;

namespace Tertulia.Feed.Tests;

/// <summary>What our client and any gRPC server do together. One subclass per server.</summary>
public abstract class EchoTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly byte[] EveryByte = [.. Enumerable.Range(0, 256).Select(value => (byte)value)];

    private GrpcChannel? _channel;

    private protected Echo.EchoClient Client { get; private set; } = null!;

    private static DateTime Soon => DateTime.UtcNow + Patience;

    public async Task InitializeAsync()
    {
        _channel = await ConnectAsync();
        Client = new Echo.EchoClient(_channel);
    }

    public async Task DisposeAsync()
    {
        _channel?.Dispose();
        await StopAsync();
    }

    [Fact]
    public async Task A_unary_call_returns_the_response()
    {
        var response = await Client.OneAsync(new Text { Value = "¡Hola!" }, deadline: Soon);

        Assert.Equal("¡Hola!", response.Value);
    }

    [Fact]
    public void A_unary_call_can_block()
    {
        var response = Client.One(new Text { Value = "Hola" }, deadline: Soon);

        Assert.Equal("Hola", response.Value);
    }

    [Fact]
    public async Task A_message_of_many_frames_arrives_whole()
    {
        var text = string.Concat(Enumerable.Range(0, 200_000).Select(i => (char)('a' + (i % 26))));

        var response = await Client.OneAsync(new Text { Value = text }, deadline: Soon);

        Assert.Equal(text, response.Value);
    }

    [Fact]
    public async Task A_client_stream_is_read_to_its_end()
    {
        using var call = Client.Collect(deadline: Soon);
        foreach (var text in (string[])["one", "two", "three"])
        {
            await call.RequestStream.WriteAsync(new Text { Value = text });
        }

        await call.RequestStream.CompleteAsync();

        Assert.Equal("one two three", (await call).Value);
    }

    [Fact]
    public async Task A_server_stream_arrives_in_order_and_ends()
    {
        using var call = Client.Split(new Text { Value = "one two three" }, deadline: Soon);

        var texts = new List<string>();
        await foreach (var text in call.ResponseStream.ReadAllAsync())
        {
            texts.Add(text.Value);
        }

        Assert.Equal(["one", "two", "three"], texts);
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
    }

    [Fact]
    public async Task A_duplex_stream_answers_before_the_next_request()
    {
        using var call = Client.Converse(deadline: Soon);

        foreach (var text in (string[])["one", "two"])
        {
            await call.RequestStream.WriteAsync(new Text { Value = text });
            Assert.True(await call.ResponseStream.MoveNext());
            Assert.Equal(text.ToUpperInvariant(), call.ResponseStream.Current.Value);
        }

        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext());
    }

    [Fact]
    public async Task Headers_and_trailers_travel_both_ways_as_text_and_as_bytes()
    {
        var headers = new Metadata { { "X-Text", "some text" }, { "x-bytes-bin", EveryByte } };

        using var call = Client.OneAsync(new Text { Value = "Hola" }, headers, Soon);
        var responseHeaders = await call.ResponseHeadersAsync;
        await call;

        Assert.Equal("some text", responseHeaders.GetValue("x-text"));
        Assert.Equal(EveryByte, responseHeaders.GetValueBytes("x-bytes-bin"));
        Assert.Equal("some text", call.GetTrailers().GetValue("x-text"));
        Assert.Equal(EveryByte, call.GetTrailers().GetValueBytes("x-bytes-bin"));
    }

    [Fact]
    public async Task A_failure_carries_its_code_its_message_and_its_trailers()
    {
        var failure = await Assert.ThrowsAsync<RpcException>(
            async () => await Client.OneAsync(new Text { Value = "fail" }, deadline: Soon));

        Assert.Equal(StatusCode.FailedPrecondition, failure.StatusCode);
        Assert.Equal(EchoService.FailureDetail, failure.Status.Detail);
        Assert.Equal("asked to", failure.Trailers.GetValue("x-reason"));
        Assert.Equal([0, 127, 255], failure.Trailers.GetValueBytes("x-bytes-bin"));
    }

    [Fact]
    public async Task A_failure_ends_a_stream_after_the_responses_before_it()
    {
        using var call = Client.Split(new Text { Value = "one fail two" }, deadline: Soon);

        Assert.True(await call.ResponseStream.MoveNext());
        Assert.Equal("one", call.ResponseStream.Current.Value);
        var failure = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext());
        Assert.Equal(StatusCode.FailedPrecondition, failure.StatusCode);
    }

    [Fact]
    public async Task A_deadline_ends_the_call_on_both_sides()
    {
        var failure = await Assert.ThrowsAsync<RpcException>(
            async () => await Client.OneAsync(new Text { Value = "wait:deadline" }, deadline: DateTime.UtcNow.AddMilliseconds(300)));

        Assert.Equal(StatusCode.DeadlineExceeded, failure.StatusCode);
        Assert.Equal("ended", (await Client.OneAsync(new Text { Value = "waited:deadline" }, deadline: Soon)).Value);
    }

    [Fact]
    public async Task Cancelling_ends_the_call_on_both_sides()
    {
        using var cancellation = new CancellationTokenSource();
        using var call = Client.Split(new Text { Value = "one wait:cancel" }, deadline: Soon, cancellationToken: cancellation.Token);
        Assert.True(await call.ResponseStream.MoveNext());

        await cancellation.CancelAsync();

        var failure = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext());
        Assert.Equal(StatusCode.Cancelled, failure.StatusCode);
        Assert.Equal("ended", (await Client.OneAsync(new Text { Value = "waited:cancel" }, deadline: Soon)).Value);
    }

    [Fact]
    public async Task Disposing_a_call_cancels_it()
    {
        var call = Client.Split(new Text { Value = "one wait:dispose" }, deadline: Soon);
        Assert.True(await call.ResponseStream.MoveNext());

        call.Dispose();

        Assert.Equal("ended", (await Client.OneAsync(new Text { Value = "waited:dispose" }, deadline: Soon)).Value);
    }

    [Fact]
    public async Task A_compressed_request_is_understood()
    {
        var headers = new Metadata { { "grpc-internal-encoding-request", "gzip" } };

        var response = await Client.OneAsync(new Text { Value = new string('a', 10_000) }, headers, Soon);

        Assert.Equal(new string('a', 10_000), response.Value);
    }

    private protected abstract Task<GrpcChannel> ConnectAsync();

    private protected abstract Task StopAsync();
}

public sealed class UnixSocketEchoTests : EchoTests
{
    private EchoServer? _server;

    private protected override async Task<GrpcChannel> ConnectAsync() => (_server = await EchoServer.OnUnixSocketAsync()).Connect();

    private protected override async Task StopAsync() => await _server!.DisposeAsync();
}

public sealed class TcpEchoTests : EchoTests
{
    private EchoServer? _server;

    private protected override async Task<GrpcChannel> ConnectAsync() => (_server = await EchoServer.OnTcpAsync()).Connect();

    private protected override async Task StopAsync() => await _server!.DisposeAsync();
}
