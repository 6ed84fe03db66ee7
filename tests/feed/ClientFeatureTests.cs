using System.Collections.Concurrent;
using System.IO.Compression;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;
using Grpc.Net.Client.Balancer;
using Grpc.Net.Client.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Tertulia.Feed.Tests;

/// <summary>What the client and the server packages do through the abstractions, seen from both ends.</summary>
public sealed class ClientFeatureTests
{
    private static readonly Text Hola = new() { Value = "Hola" };

    [Fact]
    public async Task Requests_and_responses_are_compressed_when_both_sides_agree()
    {
        await using var server = await EchoServer.OnUnixSocketAsync(options =>
        {
            options.ResponseCompressionAlgorithm = "gzip";
            options.ResponseCompressionLevel = CompressionLevel.Fastest;
        });
        using var spy = new ResponseEncodingSpy(server.Handler());
        using var channel = server.Connect(new GrpcChannelOptions { HttpHandler = spy });

        var headers = new Metadata { { "grpc-internal-encoding-request", "gzip" } };
        using var call = new Echo.EchoClient(channel).OneAsync(new Text { Value = new string('a', 10_000) }, headers);

        Assert.Equal("gzip", (await call.ResponseHeadersAsync).GetValue("x-request-encoding"));
        Assert.Equal(new string('a', 10_000), (await call).Value);
        Assert.Equal("gzip", spy.Encoding);
    }

    [Fact]
    public async Task Interceptors_stand_around_a_call_in_order_on_both_sides()
    {
        var log = new ConcurrentQueue<string>();
        await using var server = await EchoServer.OnUnixSocketAsync(
            options => options.Interceptors.Add<LoggingInterceptor>(log, "server"));
        using var channel = server.Connect();
        var invoker = channel.Intercept(new LoggingInterceptor(log, "outer"), new LoggingInterceptor(log, "inner"));

        await new Echo.EchoClient(invoker).OneAsync(Hola);

        Assert.Equal(["outer One", "inner One", "server /tertulia.feed.tests.Echo/One"], log);
    }

    [Fact]
    public async Task An_interceptor_of_headers_adds_to_those_of_the_call()
    {
        await using var server = await EchoServer.OnUnixSocketAsync();
        using var channel = server.Connect();
        var invoker = channel.Intercept(headers =>
        {
            headers.Add("x-text", "added");
            return headers;
        });

        using var call = new Echo.EchoClient(invoker).OneAsync(Hola);

        Assert.Equal("added", (await call.ResponseHeadersAsync).GetValue("x-text"));
    }

    [Fact]
    public async Task Call_credentials_are_sent_with_the_call()
    {
        await using var server = await EchoServer.OnUnixSocketAsync();
        using var channel = server.Connect(new GrpcChannelOptions { UnsafeUseInsecureChannelCallCredentials = true });
        var credentials = CallCredentials.FromInterceptor((context, headers) =>
        {
            headers.Add("x-text", $"for {context.MethodName}");
            return Task.CompletedTask;
        });

        using var call = new Echo.EchoClient(channel).OneAsync(Hola, new CallOptions(credentials: credentials));

        Assert.Equal("for One", (await call.ResponseHeadersAsync).GetValue("x-text"));
    }

    [Fact]
    public async Task A_call_that_finds_nobody_is_unavailable()
    {
        using var channel = EchoServer.ConnectToSocket(Path.Combine(Path.GetTempPath(), $"nobody-{Guid.NewGuid():N}.sock"));

        var failure = await Assert.ThrowsAsync<RpcException>(async () => await new Echo.EchoClient(channel).OneAsync(Hola));

        Assert.Equal(StatusCode.Unavailable, failure.StatusCode);
        Assert.NotNull(failure.Status.DebugException);
    }

    [Fact]
    public async Task A_retry_policy_tries_again_and_says_how_often()
    {
        await using var server = await EchoServer.OnUnixSocketAsync(
            options => options.Interceptors.Add<UnavailableAtFirstInterceptor>());
        var retries = new MethodConfig
        {
            Names = { MethodName.Default },
            RetryPolicy = new RetryPolicy
            {
                MaxAttempts = 4,
                InitialBackoff = TimeSpan.FromMilliseconds(10),
                MaxBackoff = TimeSpan.FromMilliseconds(50),
                BackoffMultiplier = 2,
                RetryableStatusCodes = { StatusCode.Unavailable },
            },
        };
        using var channel = server.Connect(new GrpcChannelOptions { ServiceConfig = new ServiceConfig { MethodConfigs = { retries } } });

        using var call = new Echo.EchoClient(channel).OneAsync(Hola);
        var headers = await call.ResponseHeadersAsync;

        Assert.Equal("Hola", (await call).Value);
        Assert.Equal("2", headers.GetValue("grpc-previous-rpc-attempts"));
    }

    [Fact]
    public async Task Round_robin_reaches_every_address_of_a_service()
    {
        await using var first = await EchoServer.OnTcpAsync();
        await using var second = await EchoServer.OnTcpAsync();
        var addresses = new[] { first, second }.Select(server => new BalancerAddress(server.Uri.Host, server.Uri.Port)).ToArray();
        await using var services = new ServiceCollection()
            .AddSingleton<ResolverFactory>(new StaticResolverFactory(_ => addresses))
            .BuildServiceProvider();
        using var channel = GrpcChannel.ForAddress("static:///echo", new GrpcChannelOptions
        {
            Credentials = ChannelCredentials.Insecure,
            ServiceProvider = services,
            ServiceConfig = new ServiceConfig { LoadBalancingConfigs = { new RoundRobinConfig() } },
        });
        var client = new Echo.EchoClient(channel);
        await channel.ConnectAsync();

        var reached = new HashSet<string>();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (reached.Count < 2)
        {
            // The balancer starts with the address that was connected first; the other follows.
            using var call = client.OneAsync(Hola, cancellationToken: patience.Token);
            reached.Add((await call.ResponseHeadersAsync).GetValue("x-server")!);
        }

        Assert.Equal(addresses.Select(address => address.ToString()).Order(), reached.Order());
    }

    private sealed class LoggingInterceptor(ConcurrentQueue<string> log, string name) : Interceptor
    {
        public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
            TRequest request,
            ClientInterceptorContext<TRequest, TResponse> context,
            AsyncUnaryCallContinuation<TRequest, TResponse> continuation)
        {
            log.Enqueue($"{name} {context.Method.Name}");
            return continuation(request, context);
        }

        public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
            TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
        {
            log.Enqueue($"{name} {context.Method}");
            return continuation(request, context);
        }
    }

    private sealed class UnavailableAtFirstInterceptor : Interceptor
    {
        public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
            TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
        {
            var attempts = int.Parse(context.RequestHeaders.GetValue("grpc-previous-rpc-attempts") ?? "0");
            return attempts < 2
                ? throw new RpcException(new Status(StatusCode.Unavailable, "not yet"))
                : continuation(request, context);
        }
    }

    private sealed class ResponseEncodingSpy(HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        public string? Encoding { get; private set; }

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var response = await base.SendAsync(request, cancellationToken);
            Encoding = response.Headers.TryGetValues("grpc-encoding", out var values) ? values.Single() : null;
            return response;
        }
    }
}
