using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Tertulia.Testing;

namespace Tertulia.Chart.Tests;

/// <summary>The program that the chart's job runs, against an API server that behaves as Kubernetes' does with secrets.</summary>
public sealed class SecretsProgramTests : IAsyncLifetime
{
    private readonly string _account = Directory.CreateTempSubdirectory("tertulia-account-").FullName;
    private readonly ConcurrentDictionary<string, JsonObject> _secrets = new(StringComparer.Ordinal);
    private readonly int _port = FreePorts.Next();
    private WebApplication _server = null!;
    private Action _beforeChange = () => { };

    public async Task InitializeAsync()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=kubernetes", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using var ephemeral = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        var certificate = X509CertificateLoader.LoadPkcs12(ephemeral.Export(X509ContentType.Pkcs12), null);
        await File.WriteAllTextAsync(Path.Combine(_account, "ca.crt"), certificate.ExportCertificatePem());
        await File.WriteAllTextAsync(Path.Combine(_account, "token"), "the-token\n");
        await File.WriteAllTextAsync(Path.Combine(_account, "namespace"), "talk");

        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, _port, listen => listen.UseHttps(certificate)));
        _server = builder.Build();
        const string Secrets = "/api/v1/namespaces/talk/secrets";
        _server.Use(async (context, next) =>
        {
            if (context.Request.Headers.Authorization == "Bearer the-token")
            {
                await next(context);
                return;
            }

            context.Response.StatusCode = 401;
        });
        _server.MapGet(Secrets + "/{name}", (string name) => _secrets.TryGetValue(name, out var secret) ? Results.Text(secret.ToJsonString(),
            "application/json") : Results.StatusCode(404));
        _server.MapPost(Secrets, async (HttpRequest post) =>
        {
            _beforeChange();
            var secret = (JsonObject)(await JsonNode.ParseAsync(post.Body))!;
            secret["metadata"]!["resourceVersion"] = "1";
            return Results.StatusCode(_secrets.TryAdd((string)secret["metadata"]!["name"]!, secret) ? 201 : 409);
        });
        _server.MapPatch(Secrets + "/{name}", async (string name, HttpRequest change) =>
        {
            _beforeChange();
            var patch = (JsonObject)(await JsonNode.ParseAsync(change.Body))!;
            var secret = _secrets[name];
            if (change.ContentType != "application/merge-patch+json"
                || (string?)patch["metadata"]!["resourceVersion"] != (string?)secret["metadata"]!["resourceVersion"])
            {
                return Results.StatusCode(409);
            }

            var data = secret["data"] as JsonObject ?? [];
            secret["data"] = data.DeepClone();
            foreach (var (key, value) in patch["data"]!.AsObject())
            {
                secret["data"]![key] = value!.DeepClone();
            }

            Touch(secret);
            return Results.Ok();
        });
        await _server.StartAsync();
    }

    public async Task DisposeAsync()
    {
        await _server.DisposeAsync();
        Directory.Delete(_account, recursive: true);
    }

    [Fact]
    public async Task Makes_a_secret_with_all_keys_each_as_long_as_it_is_told()
    {
        var said = await RunAsync("chat-generated", "internal-secret=32", "auth-secret=24");

        Assert.Equal((0, "chat-generated: made internal-secret, auth-secret.\n"), (said.ExitCode, said.All));
        Assert.Equal(64, Value("chat-generated", "internal-secret").Length);
        Assert.Equal(48, Value("chat-generated", "auth-secret").Length);
        Assert.All(Value("chat-generated", "internal-secret"), character => Assert.True(char.IsAsciiHexDigitLower(character) || char.IsAsciiDigit(character)));
    }

    [Fact]
    public async Task Adds_what_is_missing_and_changes_nothing_that_is_there()
    {
        await RunAsync("chat-generated", "internal-secret=32");
        var before = Value("chat-generated", "internal-secret");

        var added = await RunAsync("chat-generated", "internal-secret=32", "rabbitmq-password=24");
        var again = await RunAsync("chat-generated", "internal-secret=32", "rabbitmq-password=24");

        Assert.Equal("chat-generated: made rabbitmq-password.\n", added.All);
        Assert.Equal("chat-generated has all keys.\n", again.All);
        Assert.Equal(before, Value("chat-generated", "internal-secret"));
    }

    [Fact]
    public async Task Leaves_the_keys_of_another_one_that_was_faster()
    {
        _beforeChange = () =>
        {
            _beforeChange = () => { };
            _secrets["chat-generated"] = new JsonObject
            {
                ["metadata"] = new JsonObject { ["resourceVersion"] = "7" },
                    ["data"] = new JsonObject { ["internal-secret"] = Convert.ToBase64String("theirs"u8) },
            };
        };

        var said = await RunAsync("chat-generated", "internal-secret=32", "auth-secret=32");

        Assert.Equal(0, said.ExitCode);
        Assert.Equal("theirs", Value("chat-generated", "internal-secret"));
        Assert.Equal(64, Value("chat-generated", "auth-secret").Length);
    }

    [Fact]
    public async Task Says_what_the_cluster_refused()
    {
        await File.WriteAllTextAsync(Path.Combine(_account, "token"), "another");

        var said = await RunAsync("chat-generated", "internal-secret=32");

        Assert.Equal(1, said.ExitCode);
        Assert.Contains("401", said.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("internal-secret")]
    [InlineData("internal-secret=8")]
    [InlineData("=32")]
    public async Task Refuses_a_key_that_it_does_not_understand(string key)
    {
        var said = await RunAsync("chat-generated", key);

        Assert.Equal(2, said.ExitCode);
        Assert.Empty(_secrets);
    }

    private static void Touch(JsonObject secret) => secret["metadata"]!["resourceVersion"] = Guid.NewGuid().ToString();

    private string Value(string name, string key) => Encoding.UTF8.GetString(Convert.FromBase64String((string)_secrets[name]["data"]![key]!));

    private Task<Said> RunAsync(params string[] arguments) => Helm.ProgramAsync(
        "env",
        [
            "KUBERNETES_SERVICE_HOST=127.0.0.1", $"KUBERNETES_SERVICE_PORT={_port}", $"TERTULIA_SERVICE_ACCOUNT_FOLDER={_account}",
            "dotnet", Repository.Program("tools/secrets", "Tertulia.Secrets"), .. arguments,
        ],
        "");
}
