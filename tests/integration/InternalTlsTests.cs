using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>A cluster whose processes speak TLS among themselves: it works, lets nobody in without a certificate of its authority, and takes renewed ones.</summary>
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class InternalTlsTests(InternalTlsCluster fixture) : IClassFixture<InternalTlsCluster>
{
    private ClusterProcesses Cluster => fixture.Cluster;

    [Fact]
    public async Task Clients_talk_through_the_gateway_and_every_internal_port_takes_only_who_shows_a_certificate_of_the_authority()
    {
        using var stranger = new CertificateAuthority("another one");
        using var other = stranger.Issue("tertulia");
        using var own = fixture.Authority.Issue("tertulia");

        await TalkAsync("before");

        Assert.Equal(5, Cluster.InternalPorts.Count);
        foreach (var port in Cluster.InternalPorts)
        {
            Assert.Equal(HttpStatusCode.OK, await AskAsync(port, own));
            Assert.Null(await AskAsync(port, certificate: null));
            Assert.Null(await AskAsync(port, other));
            Assert.False(await AnswersWithoutTlsAsync(port), $"{port} spoke without TLS");
        }
    }

    [Fact]
    public async Task Who_shows_a_certificate_needs_the_secret_all_the_same()
    {
        using var own = fixture.Authority.Issue("tertulia");

        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(Cluster.InternalPorts[0], own, "/tertulia.v1.MessageService/GetHistory"));
    }

    [Fact]
    public async Task Renewed_certificates_of_another_authority_are_taken_without_a_restart()
    {
        using var before = fixture.Authority.Issue("tertulia");
        using var after = fixture.Renew("the next one").Issue("tertulia");

        foreach (var port in Cluster.InternalPorts)
        {
            await Eventually.EqualsAsync(
                "CN=the next one", async () => await IssuerAsync(port, after) ?? await IssuerAsync(port, before) ?? "nobody", every: TimeSpan.FromMilliseconds(500));
        }

        await fixture.RestartAsync(Cluster.Connections[0], Cluster.Messages[0]); // Links and calls to them are made anew by processes that run since before.
        await TalkAsync("after");
    }

    private async Task TalkAsync(string room)
    {
        var name = $"{room}-{Guid.NewGuid():N}";
        await using var ana = await ChatClient.JoinAsync(Cluster.GatewayUrl, name, "ana");
        await using var bruno = await ChatClient.JoinAsync(Cluster.NodeUrls[1], name, "bruno");
        await ana.SayAsync("hola");
        await bruno.WaitForAsync(frame => frame.Text("content") == "hola", "a message from the other node");
        Assert.Equal(["hola"], (await bruno.AskAsync("\"type\":\"history\"")).Messages("items").Select(message => message.Content));
    }

    /// <returns>What a probe is answered; null when it does not get so far.</returns>
    private static async Task<HttpStatusCode?> AskAsync(int port, X509Certificate2? certificate, string path = "/health/ready")
    {
        using var http = new HttpClient(Handler(certificate));
        using var request = new HttpRequestMessage(HttpMethod.Get, $"https://127.0.0.1:{port}{path}")
        {
            Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        try
        {
            using var answer = await http.SendAsync(request);
            return answer.StatusCode;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    private static SocketsHttpHandler Handler(X509Certificate2? certificate) => new()
    {
        SslOptions = new SslClientAuthenticationOptions
        {
            ClientCertificates = certificate is null ? [] : [certificate],
            RemoteCertificateValidationCallback = (_, shown, _, _) => shown is not null,
        },
    };

    /// <returns>Who made the certificate that a port shows to one that it lets in; null when it does not.</returns>
    private static async Task<string?> IssuerAsync(int port, X509Certificate2 own)
    {
        string? issuer = null;
        using var handler = Handler(own);
        handler.SslOptions.RemoteCertificateValidationCallback = (_, shown, _, _) => (issuer = shown?.Issuer) is not null;
        using var http = new HttpClient(handler);
        using var request = new HttpRequestMessage(HttpMethod.Get, $"https://127.0.0.1:{port}/health/ready")
        {
            Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        try
        {
            using var answer = await http.SendAsync(request);
            return issuer;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    private static async Task<bool> AnswersWithoutTlsAsync(int port)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, port);
        await using var stream = socket.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0"));
        var buffer = new byte[9];
        using var deadline = new CancellationTokenSource(Eventually.Deadline);
        try
        {
            return await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, deadline.Token) == buffer.Length && buffer[3] == 4; // SETTINGS.
        }
        catch (IOException)
        {
            return false;
        }
    }
}

/// <summary>Two nodes behind one gateway, with certificates.</summary>
public sealed class InternalTlsCluster : ClusterFixture
{
    private static readonly string Place = Path.Combine(Path.GetTempPath(), $"tertulia-certificates-{Guid.NewGuid():N}");

    public InternalTlsCluster()
        : base(new ClusterLayout { InternalTls = Place }) => Authority.Mount(Directory.CreateDirectory(Place).FullName);

    /// <summary>Who signs for its processes now.</summary>
    public CertificateAuthority Authority { get; private set; } = new("the cluster's");

    /// <summary>Another authority signs for them from now on.</summary>
    public CertificateAuthority Renew(string name)
    {
        Authority.Dispose();
        (Authority = new CertificateAuthority(name)).Mount(Place);
        return Authority;
    }

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        Authority.Dispose();
        Directory.Delete(Place, recursive: true);
    }
}
