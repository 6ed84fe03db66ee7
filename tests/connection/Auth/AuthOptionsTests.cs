using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Tests.Doors.Native;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Auth;

public sealed class AuthOptionsTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Theory]
    [InlineData("Production", "Auth:Mode", "Development", "Auth:Mode is Development")]
    [InlineData("Production", "Auth:Mode", "Jwt", "there is no key")]
    [InlineData("Production", "Auth:Mode", "Nobody", "Auth:Mode")]
    [InlineData("Production", "Auth:Secret", "too short", "fewer than 32 bytes")]
    [InlineData("Production", "Auth:SecretFile", "/nowhere/secret", "Auth:SecretFile cannot be read")]
    [InlineData("Production", "Auth:PublicKeys", "no pem", "no PEM block")]
    [InlineData("Production", "Auth:JwksUrl", "ftp://example.com", "Auth:JwksUrl")]
    [InlineData("Production", "Auth:ClockSkew", "01:00:00", "ClockSkew")]
    public void Bad_configuration_is_said(string environment, string key, string value, string expected)
    {
        using var services = Services(environment, (key, value));

        var error = Assert.ThrowsAny<Exception>(() => services.GetRequiredService<IOptions<AuthOptions>>().Value);

        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("too short", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_private_key_is_refused_where_public_ones_belong()
    {
        using var rsa = System.Security.Cryptography.RSA.Create(2048);
        using var services = Services("Production", ("Auth:PublicKeys", rsa.ExportPkcs8PrivateKeyPem()));

        Assert.Contains(
            "PRIVATE KEY", Assert.Throws<OptionsValidationException>(() => services.GetRequiredService<IOptions<AuthOptions>>().Value).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_secret_may_be_in_a_file_that_ends_with_a_line_break()
    {
        await File.WriteAllTextAsync(_file, TokenIssuer.Secret + "\n");
        using var services = Services("Production", ("Auth:SecretFile", _file));

        var token = TokenIssuer.Hs256(new { sub = "u", exp = DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 60 });

        Assert.NotNull((await services.GetRequiredService<TokenValidator>().ValidateAsync(token, CancellationToken.None)).Caller);
    }

    [Fact]
    public async Task In_development_a_token_is_minted_that_is_accepted()
    {
        var time = new FakeTimeProvider();
        using var services = Services("Development", time, ("Auth:Mode", "Development"), ("Auth:Issuer", "i"), ("Auth:Audience", "a"));

        var result = await IssueAsync(services, time, """{"user_id":7,"username":"Ana"}""");

        var issued = Assert.IsType<Ok<DevelopmentTokens.IssuedToken>>(result.Result).Value!;
        var (caller, _) = await services.GetRequiredService<TokenValidator>().ValidateAsync(issued.Token, CancellationToken.None);
        Assert.Equal("2000-01-01T12:00:00.000Z", issued.ExpiresAt);
        Assert.Equal(("7", "Ana", "user", time.GetUtcNow().AddHours(12)), (caller!.UserId, caller.Username, caller.Role, caller.ExpiresAt!.Value));
    }

    [Theory]
    [InlineData("""{}""")]
    [InlineData("""{"user_id":""}""")]
    [InlineData("""{"user_id":true}""")]
    [InlineData("""{"user_id":"a\nb"}""")]
    [InlineData("""{"user_id":1.5}""")]
    [InlineData("""{"user_id":"\ud83d"}""")]
    [InlineData("""{"user_id":"a","username":"\ud83d"}""")]
    [InlineData("""{"user_id":"a","username":"\u0000"}""")]
    [InlineData("""{"user_id":"a","username":5}""")]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("")]
    [InlineData("""{"user_id":"a"}""", "text/plain")]
    [InlineData("""{"user_id":"a"}""", null)]
    public async Task A_body_that_names_nobody_is_a_bad_request(string body, string? contentType = "application/json")
    {
        using var services = Services("Development", ("Auth:Mode", "Development"));

        var result = await IssueAsync(services, TimeProvider.System, body, contentType);

        var problem = Assert.IsType<ProblemHttpResult>(result.Result);
        Assert.Equal((400, "bad_request"), (problem.StatusCode, problem.ProblemDetails.Extensions["name"]));
    }

    [Theory]
    [InlineData("?user_id=a%00b")]
    [InlineData("?user_id=HALF")]
    [InlineData("?user_id=a&username=%0A")]
    [InlineData("?user_id=a&username=xHALF")]
    [InlineData("?user_id=", 129)]
    [InlineData("?user_id=a&username=", 257)]
    [InlineData("?token=HALF")]
    [InlineData("?token=%00")]
    public async Task A_query_that_names_nobody_is_refused(string query, int more = 0)
    {
        using var services = Services("Development", ("Auth:Mode", "Development"));
        var context = new DefaultHttpContext();
        context.Request.QueryString = new QueryString(query.Replace("HALF", "\ud83d", StringComparison.Ordinal) + new string('x', more)); // An attribute holds no half of a pair.

        var (caller, error) = await services.GetRequiredService<RequestIdentity>().OfAsync(context.Request, CancellationToken.None);

        Assert.Equal((null, ErrorCode.InvalidToken), (caller, error));
    }

    private static Task<Results<Ok<DevelopmentTokens.IssuedToken>, ProblemHttpResult>> IssueAsync(
        ServiceProvider services, TimeProvider time, string body, string? contentType = "application/json")
    {
        var context = new DefaultHttpContext();
        context.Request.ContentType = contentType;
        context.Request.Body = new MemoryStream(System.Text.Encoding.UTF8.GetBytes(body));
        return DevelopmentTokens.IssueAsync(
            context.Request, services.GetRequiredService<SigningKeys>(), services.GetRequiredService<IOptions<AuthOptions>>(), time, CancellationToken.None);
    }

    [Theory]
    [InlineData("Jwt", null, null, "Auth:Issuer and Auth:Audience not set")]
    [InlineData("Jwt", "https://id.example.com", null, "Auth:Audience not set")]
    [InlineData("Jwt", "https://id.example.com", "chat", null)]
    [InlineData("Development", null, null, null)]
    public async Task What_is_not_checked_is_said_at_the_start(string mode, string? issuer, string? audience, string? expected)
    {
        var log = new ConcurrentQueue<string>();
        using var logging = LoggerFactory.Create(builder => builder.AddProvider(new QueueLoggerProvider(log)));
        var options = Options.Create(new AuthOptions { Mode = Enum.Parse<AuthMode>(mode), Issuer = issuer, Audience = audience });

        await new AuthNotice(options, logging.CreateLogger<AuthNotice>()).StartAsync(CancellationToken.None);

        Assert.Equal(expected is null ? 0 : 1, log.Count);
        Assert.Contains(expected ?? "", string.Concat(log), StringComparison.Ordinal);
    }

    private static ServiceProvider Services(string environment, params (string Key, string Value)[] settings) =>
        Services(environment, TimeProvider.System, settings);

    private static ServiceProvider Services(string environment, TimeProvider time, params (string Key, string Value)[] settings) => new ServiceCollection()
        .AddSingleton<IConfiguration>(new ConfigurationBuilder()
            .AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value))).Build())
        .AddSingleton<IHostEnvironment>(new HostingEnvironment { EnvironmentName = environment })
        .AddSingleton(time)
        .AddLogging()
        .AddAuth()
        .BuildServiceProvider();
}
