using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Time.Testing;
using Tertulia.Hosting;
using Tertulia.Testing;

namespace Tertulia.Gateway.Tests;

public sealed class TlsTests : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tertulia-tls-").FullName;
    private TestNode _node = null!;

    public async Task InitializeAsync() => _node = await TestNode.StartAsync("a");

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task A_websocket_comes_in_over_tls_with_either_version_of_http(string version)
    {
        var thumbprint = WriteCertificate();
        var port = FreePorts.Next();
        await using var gateway = await TestGateway.StartAsync([_node], $"Gateway:Tls:Port={port}",
            $"Gateway:Tls:CertificatePath={Path.Combine(_folder, "tls.crt")}", $"Gateway:Tls:KeyPath={Path.Combine(_folder, "tls.key")}");
        using var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate?.GetCertHashString() == thumbprint;
        using var invoker = new HttpMessageInvoker(handler);
        using var ana = new ClientWebSocket();
        ana.Options.HttpVersion = Version.Parse(version);
        ana.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;

        await ana.ConnectAsync(new Uri($"wss://127.0.0.1:{port}/ws"), invoker, CancellationToken.None);

        Assert.Equal("hola", await ana.EchoAsync("hola"));
    }

    [Fact]
    public void A_certificate_that_was_renewed_is_used_also_when_the_files_are_links_and_a_bad_one_is_not()
    {
        using var first = new CertificateAuthority("first");
        using var second = new CertificateAuthority("second");
        var time = new FakeTimeProvider();
        var refused = 0;
        first.Mount(_folder);
        var files = new CertificateFiles(
            Path.Combine(_folder, "tls.crt"), Path.Combine(_folder, "tls.key"), Path.Combine(_folder, "ca.crt"), time) { Refused = _ => refused++ };
        var before = files.Current();

        second.Mount(_folder);
        var tooEarly = files.Current();
        time.Advance(CertificateFiles.LookAgain);
        var renewed = files.Current();
        File.WriteAllText(Path.Combine(_folder, "tls.key"), "no key"); // Through the link.
        time.Advance(CertificateFiles.LookAgain);

        Assert.Same(before, tooEarly);
        Assert.Equal("CN=second", renewed.Certificate.Issuer);
        Assert.Equal(["CN=second"], renewed.Authorities.Select(authority => authority.Subject));
        Assert.Same(renewed, files.Current());
        Assert.Equal(1, refused);
    }

    [Fact]
    public async Task Bad_configuration_stops_the_start_and_names_the_keys()
    {
        var exception = await Assert.ThrowsAnyAsync<Exception>(() => TestGateway.StartAsync([_node],
            "Gateway:Nodes=https://a:1;b", "Gateway:TrustedProxies=10.0.0.0/33", "Gateway:CorsOrigins=app.example.com",
            "Gateway:Limits:RequestBurst=0", "Gateway:Tls:Port=8443"));

        var message = exception.ToString();
        Assert.All(["Gateway:Nodes: https://a:1 needs Internal:Tls", "Gateway:Nodes: 'b'", "10.0.0.0/33", "'app.example.com'", "RequestBurst", "Gateway:Tls:Port"],
            part => Assert.Contains(part, message, StringComparison.Ordinal));
    }

    private string WriteCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=tertulia test", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        File.WriteAllText(Path.Combine(_folder, "tls.crt"), certificate.ExportCertificatePem());
        File.WriteAllText(Path.Combine(_folder, "tls.key"), key.ExportPkcs8PrivateKeyPem());
        return certificate.GetCertHashString();
    }
}
