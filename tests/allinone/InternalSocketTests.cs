using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Tertulia.Hosting;

namespace Tertulia.AllInOne.Tests;

/// <summary>The Unix socket through which the services of the process call each other.</summary>
public sealed class InternalSocketTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tertulia-data-").FullName;
    private WebApplication _app = null!;

    public async Task InitializeAsync()
    {
        var builder = WebApplication.CreateBuilder([$"--data={_folder}", "--urls=http://127.0.0.1:0"]);
        builder.AddEmbeddedParts();
        builder.AddDefaults("allinone");
        builder.Logging.ClearProviders();
        _app = builder.Build();
        _app.MapGet("/internal", () => "for processes of the cluster");
        await _app.StartAsync();
    }

    public async Task DisposeAsync()
    {
        await _app.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("Bearer 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")]
    public async Task Another_program_that_can_open_it_is_refused(string? proof)
    {
        using var answer = await AskAsync(proof);

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Fact]
    public async Task The_process_itself_is_let_in_by_a_secret_that_it_has_made()
    {
        using var answer = await AskAsync(_app.Services.GetRequiredService<InternalAuth>().Proof);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    private async Task<HttpResponseMessage> AskAsync(string? proof)
    {
        using var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellationToken) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(Path.Combine(_folder, "grpc.sock")), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        using var http = new HttpClient(handler);
        using var request = new HttpRequestMessage(HttpMethod.Get, "http://localhost/internal") { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        request.Headers.Authorization = proof is null ? null : AuthenticationHeaderValue.Parse(proof);
        return await http.SendAsync(request);
    }
}
