using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Link;
using Tertulia.Testing;

namespace Tertulia.Gateway.Tests;

/// <summary>A stranger on the internal port gets nothing, whatever it speaks.</summary>
public sealed class InternalAuthTests : IAsyncLifetime
{
    private const string Wrong = "another-secret-of-the-same-length-x";

    private TestNode _node = null!;

    public async Task InitializeAsync() => _node = await TestNode.StartAsync("a");

    public async Task DisposeAsync() => await _node.DisposeAsync();

    public static TheoryData<string, string?> Strangers()
    {
        var cases = new TheoryData<string, string?>();
        foreach (var path in new[] { "/", "/health", "/HEALTH/LIVE", "/health/live/", "/metrics", "/api/v1/rooms", "/ws/lobby", "/unknown", "/tertulia.v1.ConnectionService/MoveGatewayClients" })
        {
            foreach (var proof in new[] { null, "", "Bearer", "Bearer ", $"Bearer {Wrong}", TestNode.Secret, $"Bearer {TestNode.Secret}x", $"Bearer {TestNode.Secret[..^1]}", $"bearer {TestNode.Secret}", $"Bearer {new string('x', 5_000)}" })
            {
                cases.Add(path, proof);
            }
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(Strangers))]
    public async Task A_request_without_the_secret_is_refused_without_a_word(string path, string? proof)
    {
        foreach (var header in new[] { InternalAuth.Header, "Authorization" })
        {
            using var answer = await AskAsync(_node.Address, path, header, proof);

            Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
            Assert.Empty(await answer.Content.ReadAsByteArrayAsync());
            Assert.False(answer.Headers.Contains("X-Node"));
        }
    }

    [Theory]
    [InlineData("/health/live", HttpStatusCode.NotFound)] // This node has none.
    [InlineData("/health/ready", HttpStatusCode.OK)]
    public async Task Probes_need_no_secret(string path, HttpStatusCode status)
    {
        using var answer = await AskAsync(_node.Address, path, InternalAuth.Header, proof: null);

        Assert.NotEqual(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.True(status == answer.StatusCode || path == "/health/live");
    }

    [Theory]
    [InlineData(InternalAuth.Header)]
    [InlineData("Authorization")]
    public async Task The_secret_opens_in_either_header(string header)
    {
        using var answer = await AskAsync(_node.Address, "/api/v1/rooms", header, $"Bearer {TestNode.Secret}");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.DoesNotContain(InternalAuth.Header, await answer.Content.ReadAsStringAsync(), StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData(32)]
    [InlineData(512)]
    public async Task The_shortest_and_the_longest_secret_that_may_be_configured_open(int length)
    {
        var secret = new string('s', length);
        await using var node = await TestNode.StartAsync("b", settings: [$"--Internal:Secret={secret}"]);

        foreach (var header in new[] { InternalAuth.Header, "Authorization" })
        {
            using var answer = await AskAsync(node.Address, "/api/v1/rooms", header, $"Bearer {secret}");

            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData(Wrong)]
    public async Task A_grpc_call_of_a_stranger_reaches_no_service(string? secret)
    {
        using var channel = GrpcChannel.ForAddress(_node.Address);
        var client = new ConnectionService.ConnectionServiceClient(channel);
        var metadata = new Metadata();
        if (secret is not null)
        {
            metadata.Add("Authorization", $"Bearer {secret}");
        }

        var refused = await Assert.ThrowsAsync<RpcException>(async () => await client.MoveGatewayClientsAsync(new MoveGatewayClientsRequest(), metadata));

        Assert.Equal(StatusCode.Unauthenticated, refused.StatusCode);
        Assert.Equal(0, _node.Moves.Waiting);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(Wrong)]
    public async Task A_websocket_of_a_stranger_is_refused(string? secret)
    {
        using var socket = new ClientWebSocket();
        using var invoker = new HttpMessageInvoker(new SocketsHttpHandler());
        socket.Options.HttpVersion = HttpVersion.Version20;
        socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        socket.Options.CollectHttpResponseDetails = true;
        if (secret is not null)
        {
            socket.Options.SetRequestHeader(InternalAuth.Header, $"Bearer {secret}");
        }

        await Assert.ThrowsAsync<WebSocketException>(() => socket.ConnectAsync(new Uri($"ws://{new Uri(_node.Address).Authority}/ws"), invoker, CancellationToken.None));

        Assert.Equal(HttpStatusCode.Unauthorized, socket.HttpStatusCode);
    }

    [Theory]
    [InlineData("\n")]
    [InlineData("Bearer \n")]
    [InlineData(TestNode.Secret + "\n")]
    [InlineData("Bearer " + Wrong + "\n")]
    [InlineData("Bearer " + TestNode.Secret + "\r\n")]
    [InlineData("Bearer " + TestNode.Secret + "x\n")]
    [InlineData("(2000 bytes without a line feed)")]
    [InlineData("Bearer " + TestNode.Secret + "(end)")]
    public async Task A_link_of_a_stranger_is_ended_without_an_answer(string proof)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync("127.0.0.1", new Uri(_node.Address).Port);
        await using var link = new NetworkStream(socket);
        var bytes = proof.StartsWith("(2000", StringComparison.Ordinal) ? new string('x', 2_000) : proof.Replace("(end)", "", StringComparison.Ordinal);
        await link.WriteAsync((byte[])[.. LinkFormat.Preface, .. Encoding.ASCII.GetBytes(bytes)]);
        if (proof.EndsWith("(end)", StringComparison.Ordinal))
        {
            socket.Shutdown(SocketShutdown.Send);
        }

        Assert.Equal(0, await ReadToEndAsync(link));
        Assert.Empty(_node.UpstreamConnections);
    }

    [Theory]
    [InlineData(null, HttpStatusCode.Unauthorized)]
    [InlineData(Wrong, HttpStatusCode.Unauthorized)]
    [InlineData(TestNode.Secret, HttpStatusCode.OK)]
    public async Task Metrics_need_the_secret_on_the_public_port(string? secret, HttpStatusCode status)
    {
        foreach (var path in new[] { "/metrics", "/METRICS", "/metrics/" })
        {
            using var answer = await AskAsync(_node.PublicAddress, path, "Authorization", secret is null ? null : $"Bearer {secret}", HttpVersion.Version11);

            Assert.Equal(status, answer.StatusCode);
        }
    }

    [Fact]
    public async Task A_gateway_with_another_secret_reaches_no_node()
    {
        await using var gateway = await TestGateway.StartAsync([_node], $"Internal:Secret={Wrong}");

        using var answer = await gateway.Http.GetAsync("/api/v1/rooms");
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        await Assert.ThrowsAsync<WebSocketException>(() => gateway.OpenAsync());
        Assert.Empty(_node.UpstreamConnections);
    }

    [Fact]
    public async Task A_secret_can_be_changed_while_processes_with_either_run()
    {
        await using var next = await TestNode.StartAsync("b", settings: [$"--Internal:Secret={Wrong}", $"--Internal:AlsoAccepted={TestNode.Secret}"]);
        await using var gateway = await TestGateway.StartAsync([next]);
        using var socket = await gateway.OpenAsync();

        Assert.Equal("hola", await socket.EchoAsync("hola"));
    }

    [Fact]
    public async Task A_client_can_neither_give_itself_the_secret_nor_see_the_gateways()
    {
        await using var gateway = await TestGateway.StartAsync([_node]);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/rooms");
        request.Headers.TryAddWithoutValidation(InternalAuth.Header, $"Bearer {Wrong}");
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer of-the-user");

        using var answer = await gateway.Http.SendAsync(request);

        var seen = await answer.Content.ReadAsStringAsync();
        Assert.Contains("Bearer of-the-user", seen, StringComparison.Ordinal);
        Assert.DoesNotContain(TestNode.Secret, seen, StringComparison.Ordinal);
        Assert.DoesNotContain(Wrong, seen, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Development", "--Listen:Http2=http://127.0.0.1:1", "Internal:Secret is missing: Listen:Http2")]
    [InlineData("Production", "--Listen:Http2=unix:/tmp/a;http://*:1", "Internal:Secret is missing: Listen:Http2")]
    [InlineData("Production", "--Services:message=http://message:5201", "Internal:Secret is missing: Services:message")]
    [InlineData("Production", "--Services:presence=dns:///presence:5201", "Internal:Secret is missing: Services:presence")]
    [InlineData("Production", "--Gateway:Nodes=http://node:5201", "Internal:Secret is missing: Gateway:Nodes")]
    [InlineData("Production", "--Internal:Secret=too-short", "Internal:Secret must be 32 to 512 printable ASCII characters")]
    [InlineData("Production", "--Internal:Secret=0123456789 0123456789 0123456789 0", "Internal:Secret must be 32 to 512 printable ASCII characters")]
    [InlineData("Production", "--Services:message=unix:/tmp/a", null)]
    [InlineData("Production", "--Listen:Http2=unix:/tmp/a", null)]
    public void A_process_that_meets_others_needs_a_secret_and_one_on_its_own_makes_it(string environment, string argument, string? problem)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = environment, Args = [argument] });
        builder.AddDefaults("connection");
        using var app = (IDisposable)builder.Build();
        var services = ((WebApplication)app).Services;

        if (problem is null)
        {
            services.GetRequiredService<IStartupValidator>().Validate();
            Assert.True(services.GetRequiredService<InternalAuth>().Proof.Length > 32);
        }
        else
        {
            var refused = Assert.Throws<OptionsValidationException>(services.GetRequiredService<IStartupValidator>().Validate);
            Assert.StartsWith(problem, refused.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task All_bad_keys_are_named_at_once()
    {
        var builder = WebApplication.CreateBuilder(["--urls=http://127.0.0.1:0", "--Services:message=http://message:5201"]);
        builder.AddDefaults("connection");
        builder.Logging.ClearProviders();
        builder.Services.AddHostedService<Caller>();
        builder.Services.AddOptions<HostOptions>("another").Validate(_ => false, "Another:Key is bad").ValidateOnStart();
        await using var app = builder.Build();

        var refused = await Assert.ThrowsAnyAsync<Exception>(() => app.StartAsync());

        Assert.Contains("Internal:Secret", refused.ToString(), StringComparison.Ordinal);
        Assert.Contains("Another:Key", refused.ToString(), StringComparison.Ordinal);
    }

    /// <summary>A service that calls another one.</summary>
    private sealed class Caller(InternalAuth auth) : BackgroundService
    {
        private readonly DelegatingHandler _handler = auth.Around(new SocketsHttpHandler());

        public override void Dispose()
        {
            _handler.Dispose();
            base.Dispose();
        }

        protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.CompletedTask;
    }

    private static async Task<HttpResponseMessage> AskAsync(string address, string path, string header, string? proof, Version? version = null)
    {
        using var http = new HttpClient { BaseAddress = new Uri(address) };
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Version = version ?? HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        if (proof is not null)
        {
            request.Headers.TryAddWithoutValidation(header, proof);
        }

        return await http.SendAsync(request);
    }

    private static async Task<int> ReadToEndAsync(Stream stream)
    {
        using var deadline = new CancellationTokenSource(Eventually.Deadline);
        var (length, buffer) = (0, new byte[1024]);
        try
        {
            while (await stream.ReadAsync(buffer, deadline.Token) is > 0 and var read)
            {
                length += read;
            }
        }
        catch (IOException)
        {
            return length; // Reset.
        }

        return length;
    }
}
