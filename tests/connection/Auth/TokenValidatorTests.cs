using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Tertulia.Connections.Auth;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Auth;

public sealed class TokenValidatorTests
{
    private static readonly RSA Rsa = RSA.Create(2048);
    private static readonly ECDsa Ecdsa = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    private readonly FakeTimeProvider _time = new();

    private long Now => _time.GetUtcNow().ToUnixTimeSeconds();

    [Fact]
    public async Task A_good_token_says_who_it_is()
    {
        var caller = await AcceptAsync(TokenIssuer.Hs256(new
        {
            sub = "u1",
            name = "Ana ñ",
            avatar = "https://example.com/a.png",
            role = "admin",
            jti = "t1",
            exp = Now + 60,
            rooms = new Dictionary<string, string[]> { ["room:1"] = ["read", "write"], ["team-*"] = ["read"] },
        }));

        Assert.Equal(
            ("u1", "Ana ñ", "https://example.com/a.png", "admin", "t1", _time.GetUtcNow().AddSeconds(60)),
            (caller.UserId, caller.Username, caller.Avatar, caller.Role, caller.TokenId, caller.ExpiresAt));
        Assert.Equal(new Grant { Read = true, Write = true }, caller.ToActor("room:1").Grant);
        Assert.Equal(new Grant { Read = true }, caller.ToActor("team-red").Grant);
        Assert.Equal(new Grant(), caller.ToActor("lobby").Grant);
    }

    [Fact]
    public async Task A_token_needs_no_more_than_subject_and_expiry()
    {
        var caller = await AcceptAsync(TokenIssuer.Hs256(new { sub = 7, exp = Now + 60, role = "king" }));

        Assert.Equal(new Caller("7", "7", "user", null, null, _time.GetUtcNow().AddSeconds(60), null) { Revocations = _revocations }, caller);
        Assert.Null(caller.ToActor("lobby").Grant);
    }

    [Fact]
    public async Task A_token_expires_after_the_skew()
    {
        var token = TokenIssuer.Hs256(new { sub = "u", exp = Now + 60 });
        var validator = Validator(new AuthOptions { Secret = TokenIssuer.Secret });

        _time.Advance(TimeSpan.FromSeconds(64));
        Assert.NotNull((await validator.ValidateAsync(token, default)).Caller);

        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal((null, ErrorCode.TokenExpired), await validator.ValidateAsync(token, default));
    }

    [Fact]
    public async Task Times_may_have_fractions()
    {
        var caller = await AcceptAsync(TokenIssuer.Hs256(new { sub = "u", exp = Now + 60.5, nbf = Now - 0.5, iat = Now - 1.25 }));

        Assert.Equal(_time.GetUtcNow().AddSeconds(60.5), caller.ExpiresAt);
    }

    [Fact]
    public async Task An_expired_token_of_somebody_else_is_invalid_and_not_expired()
    {
        await RefuseAsync(TokenIssuer.Hs256(new { sub = "u", exp = Now - 60 }, secret: new string('x', 32)));
    }

    [Fact]
    public async Task A_token_that_is_not_yet_valid_is_refused()
    {
        var token = TokenIssuer.Hs256(new { sub = "u", exp = Now + 600, nbf = Now + 60 });
        await RefuseAsync(token);

        _time.Advance(TimeSpan.FromSeconds(60));
        await AcceptAsync(token);
    }

    [Fact]
    public async Task A_forged_token_is_refused()
    {
        var token = TokenIssuer.Hs256(new { sub = "u", exp = Now + 60 });
        var parts = token.Split('.');
        var admin = TokenIssuer.Encode(Encoding.UTF8.GetBytes($$"""{"sub":"u","exp":{{Now + 60}},"role":"admin"}"""));

        await AcceptAsync(token);
        await RefuseAsync($"{parts[0]}.{admin}.{parts[2]}");
        await RefuseAsync($"{parts[0]}.{parts[1]}.{(parts[2][0] == 'A' ? 'B' : 'A')}{parts[2][1..]}");
        await RefuseAsync($"{parts[0]}.{parts[1]}.");
        await RefuseAsync($"{parts[0]}.{parts[1]}");
        await RefuseAsync(TokenIssuer.Hs256(new { sub = "u", exp = Now + 60 }, secret: "another secret of enough bytes...."));
    }

    [Theory]
    [InlineData("none")]
    [InlineData("None")]
    [InlineData("HS512")]
    [InlineData("PS256")]
    [InlineData("hs256")]
    public async Task Another_algorithm_is_refused(string alg)
    {
        await RefuseAsync(TokenIssuer.Hs256(new { sub = "u", exp = Now + 60 }, header: new { alg }));
        await RefuseAsync(TokenIssuer.Sign(new { alg }, new { sub = "u", exp = Now + 60 }, _ => []));
    }

    [Fact]
    public async Task Critical_extensions_are_refused()
    {
        await RefuseAsync(TokenIssuer.Hs256(new { sub = "u", exp = Now + 60 }, header: new { alg = "HS256", crit = new[] { "b64" }, b64 = false }));
    }

    [Fact]
    public async Task A_public_key_is_no_secret()
    {
        var pem = Rsa.ExportSubjectPublicKeyInfoPem();
        var claims = new { sub = "u", exp = Now + 60 };
        var options = new AuthOptions { PublicKeys = pem };

        await AcceptAsync(TokenIssuer.Rs256(claims, Rsa), options);
        await RefuseAsync(TokenIssuer.Hs256(claims, secret: pem), options);
        await RefuseAsync(TokenIssuer.Hs256(claims, secret: pem.Trim()), options);
    }

    [Fact]
    public async Task Static_keys_of_both_kinds_and_certificates_are_used_with_their_algorithm_only()
    {
        using var otherRsa = RSA.Create(2048);
        var request = new CertificateRequest("CN=issuer", otherRsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        var options = new AuthOptions
        {
            PublicKeys = $"{Rsa.ExportSubjectPublicKeyInfoPem()}\n{Ecdsa.ExportSubjectPublicKeyInfoPem()}\n{certificate.ExportCertificatePem()}",
        };
        var claims = new { sub = "u", exp = Now + 60 };
        using var unknown = ECDsa.Create(ECCurve.NamedCurves.nistP256);

        await AcceptAsync(TokenIssuer.Rs256(claims, Rsa, kid: "whatever"), options);
        await AcceptAsync(TokenIssuer.Rs256(claims, otherRsa), options);
        await AcceptAsync(TokenIssuer.Es256(claims, Ecdsa), options);
        await RefuseAsync(TokenIssuer.Es256(claims, unknown), options);
        await RefuseAsync(TokenIssuer.Hs256(claims), options);
    }

    [Fact]
    public async Task Issuer_and_audience_are_checked_when_they_are_configured()
    {
        var options = new AuthOptions { Secret = TokenIssuer.Secret, Issuer = "https://id.example.com", Audience = "chat" };

        await AcceptAsync(TokenIssuer.Hs256(new { sub = "u", exp = Now + 60, iss = options.Issuer, aud = "chat" }), options);
        await AcceptAsync(TokenIssuer.Hs256(new { sub = "u", exp = Now + 60, iss = options.Issuer, aud = new[] { "mail", "chat" } }), options);
        await RefuseAsync(TokenIssuer.Hs256(new { sub = "u", exp = Now + 60, iss = options.Issuer }), options);
        await RefuseAsync(TokenIssuer.Hs256(new { sub = "u", exp = Now + 60, iss = options.Issuer, aud = "mail" }), options);
        await RefuseAsync(TokenIssuer.Hs256(new { sub = "u", exp = Now + 60, iss = "https://evil.example.com", aud = "chat" }), options);
        await RefuseAsync(TokenIssuer.Hs256(new { sub = "u", exp = Now + 60, aud = "chat" }), options);
    }

    [Theory]
    [InlineData("""{"exp":9999999999}""")]
    [InlineData("""{"sub":"u"}""")]
    [InlineData("""{"sub":"","exp":9999999999}""")]
    [InlineData("""{"sub":["u"],"exp":9999999999}""")]
    [InlineData("""{"sub":"u","exp":"9999999999"}""")]
    [InlineData("""{"sub":"u","exp":1e300}""")]
    [InlineData("""{"sub":"u","exp":null}""")]
    [InlineData("""{"sub":"u","exp":9999999999,"nbf":"soon"}""")]
    [InlineData("""{"sub":"a\u0000b","exp":9999999999}""")]
    [InlineData("""{"sub":"a\ud800b","exp":9999999999}""")]
    [InlineData("""{"sub":"u","exp":9999999999,"rooms":["lobby"]}""")]
    [InlineData("""{"sub":"u","exp":9999999999,"rooms":{"lobby":"read"}}""")]
    [InlineData("""{"sub":"u","exp":9999999999,"rooms":null}""")]
    [InlineData("""["sub"]""")]
    [InlineData("""{"sub":"u","exp":9999999999""")]
    public async Task Claims_that_are_missing_or_of_the_wrong_kind_are_refused(string claims)
    {
        await RefuseAsync(TokenIssuer.Hs256(Encoding.UTF8.GetBytes(claims)));
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("a.b.c")]
    [InlineData("a.b.c.d.e")]
    [InlineData("e30.e30.e30")]
    [InlineData("bnVsbA.e30.AAAA")]
    [InlineData("ñ.ñ.ñ")]
    public async Task What_is_no_token_is_refused(string token)
    {
        await RefuseAsync(token);
        await RefuseAsync(new string('a', 20_000) + token);
    }

    [Fact]
    public async Task An_encrypted_token_is_refused_before_anybody_decrypts_it()
    {
        var header = TokenIssuer.Encode("""{"alg":"dir","enc":"A128CBC-HS256","zip":"DEF"}"""u8);

        await RefuseAsync($"{header}..AAAA.AAAA.AAAA");
    }

    [Theory]
    [InlineData("team-*", "team-", true)]
    [InlineData("team-*", "team-red", true)]
    [InlineData("team-*", "Team-red", false)]
    [InlineData("*", "anything", true)]
    [InlineData("a*b*c", "aXbYc", true)]
    [InlineData("a*b*c", "aXbY", false)]
    [InlineData("*ab", "aab", true)]
    [InlineData("a.c", "abc", false)]
    public void A_star_stands_for_any_characters(string pattern, string roomId, bool expected)
    {
        Assert.Equal(expected, RoomPattern.Matches(pattern, roomId));
    }

    private Revocations _revocations => field ??= new(_time);

    private async Task<Caller> AcceptAsync(string token, AuthOptions? options = null)
    {
        var (caller, error) = await Validator(options ?? new AuthOptions { Secret = TokenIssuer.Secret }).ValidateAsync(token, default);
        Assert.Equal(ErrorCode.Unspecified, error);
        return caller!;
    }

    private async Task RefuseAsync(string token, AuthOptions? options = null) => Assert.Equal(
        (null, ErrorCode.InvalidToken), await Validator(options ?? new AuthOptions { Secret = TokenIssuer.Secret }).ValidateAsync(token, default));

    private TokenValidator Validator(AuthOptions options)
    {
        var wrapped = Options.Create(options);
        return new TokenValidator(wrapped, new SigningKeys(wrapped, new PublishedKeys(NoClients.Instance, wrapped, _time, NullLogger<PublishedKeys>.Instance)), _revocations, _time);
    }

    private sealed class NoClients : IHttpClientFactory
    {
        public static readonly NoClients Instance = new();

        public HttpClient CreateClient(string name) => throw new InvalidOperationException("no keys are published in these tests");
    }
}
