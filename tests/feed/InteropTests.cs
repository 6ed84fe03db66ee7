using Grpc.Net.Client;

namespace Tertulia.Feed.Tests;

/// <summary>Our client and a server of another implementation.</summary>
public sealed class PythonServerEchoTests : EchoTests
{
    private readonly string _socketPath = Path.Combine(Path.GetTempPath(), $"peer-{Guid.NewGuid():N}.sock");
    private PythonPeer? _peer;

    private protected override async Task<GrpcChannel> ConnectAsync()
    {
        _peer = await PythonPeer.ServeAsync(_socketPath);
        return EchoServer.ConnectToSocket(_socketPath);
    }

    private protected override async Task StopAsync()
    {
        if (_peer is not null)
        {
            await _peer.DisposeAsync();
        }

        File.Delete(_socketPath);
    }
}

/// <summary>A client of another implementation and our server.</summary>
public sealed class PythonClientTests
{
    [Fact]
    public async Task It_gets_what_it_expects_over_a_Unix_socket()
    {
        await using var server = await EchoServer.OnUnixSocketAsync(options => options.ResponseCompressionAlgorithm = "gzip");

        await PythonPeer.CallAsync(server.Target);
    }

    [Fact]
    public async Task It_gets_what_it_expects_over_TCP()
    {
        await using var server = await EchoServer.OnTcpAsync();

        await PythonPeer.CallAsync(server.Target);
    }
}
