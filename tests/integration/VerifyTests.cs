using System.Security.Cryptography;
using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>The program of <c>helm test</c> comes in with tokens of whatever kind of key an installation trusts.</summary>
public sealed class VerifyTests
{
    [Theory]
    [InlineData("ES256")]
    [InlineData("RS256")]
    public async Task It_signs_with_the_private_key_of_the_issuer(string algorithm)
    {
        using AsymmetricAlgorithm key = algorithm == "ES256" ? ECDsa.Create(ECCurve.NamedCurves.nistP256) : RSA.Create(2048);
        using AsymmetricAlgorithm other = algorithm == "ES256" ? ECDsa.Create(ECCurve.NamedCurves.nistP256) : RSA.Create(2048);
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        await using var product = await AllInOneProcess.StartAsync(
            new Dictionary<string, string> { ["Auth__PublicKeys"] = key.ExportSubjectPublicKeyInfoPem(), ["Auth__Issuer"] = "https://issuer.example.org" }, deadline.Token);

        var right = await VerifyAsync(product.Url, key.ExportPkcs8PrivateKeyPem(), deadline.Token);
        var wrong = await VerifyAsync(product.Url, other.ExportPkcs8PrivateKeyPem(), deadline.Token);

        Assert.True(right.ExitCode == 0, right.Output);
        Assert.Contains("VERDICT: passed", right.Output, StringComparison.Ordinal);
        Assert.NotEqual(0, wrong.ExitCode);
        Assert.DoesNotContain("VERDICT: passed", wrong.Output, StringComparison.Ordinal);
    }

    private static Task<(int ExitCode, string Output)> VerifyAsync(Uri url, string pem, CancellationToken cancellationToken) => Servers.RunAsync(
        "env",
        [
            $"TERTULIA_VERIFY_KEY={pem}", "dotnet", Repository.Program("tools/verify", "Tertulia.Verify"), $"--url={url.GetLeftPart(UriPartial.Authority)}",
            "--clients=4", "--rooms=1", "--messages=20", "--within=5", "--issuer=https://issuer.example.org", "--key-id=today",
        ],
        cancellationToken);
}
