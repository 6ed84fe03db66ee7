using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Tertulia.Connections.Auth;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Auth;

/// <summary>Keys that the issuer publishes, fetched from a real server.</summary>
public sealed class JwksTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new();
    private readonly RSA _rsa = RSA.Create(2048);
    private readonly ECDsa _ecdsa = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private WebApplication _issuer = null!;
    private ServiceProvider _services = null!;
    private TokenValidator _validator = null!;
    private object[] _published = [];
    private int _fetches;
    private bool _isDown;

    private object Claims => new { sub = "u", exp = _time.GetUtcNow().ToUnixTimeSeconds() + 3600 };

    public async Task InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Configuration["urls"] = "http://127.0.0.1:0";
        _issuer = builder.Build();
        _issuer.MapGet("/keys", () =>
        {
            Interlocked.Increment(ref _fetches);
            return _isDown ? Results.StatusCode(503) : Results.Json(new { keys = _published });
        });
        await _issuer.StartAsync();

        var configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?> { ["Auth:JwksUrl"] = $"{_issuer.Urls.First()}/keys" });
        _services = new ServiceCollection()
            .AddSingleton<IConfiguration>(configuration.Build())
            .AddSingleton<IHostEnvironment>(new Microsoft.Extensions.Hosting.Internal.HostingEnvironment { EnvironmentName = "Production" })
            .AddSingleton<TimeProvider>(_time)
            .AddLogging()
            .AddAuth()
            .BuildServiceProvider();
        _validator = _services.GetRequiredService<TokenValidator>();
    }

    public async Task DisposeAsync()
    {
        await _services.DisposeAsync();
        await _issuer.DisposeAsync();
        _rsa.Dispose();
        _ecdsa.Dispose();
    }

    [Fact]
    public async Task Keys_are_fetched_once_and_used_by_their_id()
    {
        _published = [TokenIssuer.Jwk(_rsa, "r1"), TokenIssuer.Jwk(_ecdsa, "e1")];

        Assert.Equal(ErrorCode.Unspecified, await ErrorOfAsync(TokenIssuer.Rs256(Claims, _rsa, "r1")));
        Assert.Equal(ErrorCode.Unspecified, await ErrorOfAsync(TokenIssuer.Es256(Claims, _ecdsa, "e1")));
        Assert.Equal(ErrorCode.Unspecified, await ErrorOfAsync(TokenIssuer.Rs256(Claims, _rsa)));
        Assert.Equal(ErrorCode.InvalidToken, await ErrorOfAsync(TokenIssuer.Rs256(Claims, _rsa, "e1")));
        Assert.Equal(1, _fetches);
    }

    [Fact]
    public async Task An_unknown_key_id_fetches_once_however_many_ask()
    {
        _published = [TokenIssuer.Jwk(_rsa, "old")];
        Assert.Equal(ErrorCode.Unspecified, await ErrorOfAsync(TokenIssuer.Rs256(Claims, _rsa, "old")));
        using var rotated = RSA.Create(2048);
        _published = [TokenIssuer.Jwk(_rsa, "old"), TokenIssuer.Jwk(rotated, "new")];

        Assert.Equal(ErrorCode.InvalidToken, await ErrorOfAsync(TokenIssuer.Rs256(Claims, rotated, "new")));
        Assert.Equal(1, _fetches);

        _time.Advance(TimeSpan.FromSeconds(10));
        var errors = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => ErrorOfAsync(TokenIssuer.Rs256(Claims, rotated, "new"))));
        Assert.All(errors, error => Assert.Equal(ErrorCode.Unspecified, error));
        Assert.Equal(2, _fetches);

        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(ErrorCode.InvalidToken, await ErrorOfAsync(TokenIssuer.Rs256(Claims, _rsa, $"unknown{i}")));
        }

        Assert.Equal(2, _fetches);
    }

    [Fact]
    public async Task A_key_that_is_published_no_more_is_refused_when_the_keys_are_old()
    {
        _published = [TokenIssuer.Jwk(_rsa, "r1")];
        Assert.Equal(ErrorCode.Unspecified, await ErrorOfAsync(TokenIssuer.Rs256(Claims, _rsa, "r1")));
        _published = [TokenIssuer.Jwk(_ecdsa, "e1")];

        _time.Advance(TimeSpan.FromMinutes(10));

        Assert.Equal(ErrorCode.InvalidToken, await ErrorOfAsync(TokenIssuer.Rs256(Claims, _rsa, "r1")));
        Assert.Equal(2, _fetches);
    }

    [Fact]
    public async Task While_the_issuer_is_down_the_keys_of_before_are_used_and_without_any_it_is_said_that_it_is_temporary()
    {
        _isDown = true;
        Assert.Equal(ErrorCode.Unavailable, await ErrorOfAsync(TokenIssuer.Rs256(Claims, _rsa, "r1")));

        (_isDown, _published) = (false, [TokenIssuer.Jwk(_rsa, "r1")]);
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(ErrorCode.Unspecified, await ErrorOfAsync(TokenIssuer.Rs256(Claims, _rsa, "r1")));

        _isDown = true;
        _time.Advance(TimeSpan.FromMinutes(30));
        Assert.Equal(ErrorCode.Unspecified, await ErrorOfAsync(TokenIssuer.Rs256(Claims, _rsa, "r1")));
    }

    [Fact]
    public async Task Keys_that_cannot_be_used_are_left_out()
    {
        _published =
        [
            new { kty = "oct", kid = "s", k = TokenIssuer.Encode(new byte[32]) }, new { kty = "EC", crv = "P-384", kid = "e", x = "AA", y = "AA" }, "no key",
            new { kty = "RSA", use = "enc", kid = "x", n = "AQAB", e = "AQAB" }, new { kty = "EC", crv = "P-256", kid = "broken", x = "AA", y = "AA" },
            TokenIssuer.Jwk(_ecdsa, kid: null),
        ];

        Assert.Equal(ErrorCode.Unspecified, await ErrorOfAsync(TokenIssuer.Es256(Claims, _ecdsa)));
        Assert.Equal(ErrorCode.Unspecified, await ErrorOfAsync(TokenIssuer.Es256(Claims, _ecdsa, "any")));
        Assert.Equal(ErrorCode.InvalidToken, await ErrorOfAsync(TokenIssuer.Hs256(Claims, new string('\0', 32))));
    }

    private async Task<ErrorCode> ErrorOfAsync(string token) => (await _validator.ValidateAsync(token, CancellationToken.None)).Error;
}
