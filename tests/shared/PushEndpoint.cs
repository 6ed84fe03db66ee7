using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Tertulia.Testing;

/// <summary>A push that arrived, decrypted.</summary>
public sealed record ReceivedPush(string Device, JsonElement Payload, IReadOnlyDictionary<string, string> Headers)
{
    public string Title => Payload.GetProperty("title").GetString()!;

    public string Body => Payload.GetProperty("body").GetString()!;

    public string Tag => Payload.GetProperty("tag").GetString()!;

    public int Count => Payload.GetProperty("count").GetInt32();
}

/// <summary>What a browser gives to the server when it has subscribed.</summary>
public sealed record BrowserSubscription(string UserId, string DeviceId, string Endpoint, string Key, string Auth);

/// <summary>A push service and the browsers behind it, over real HTTP: it checks signatures, decrypts with the subscriptions' keys, and like Apple's ends a
/// subscription after three pushes that would show nothing.</summary>
public sealed class PushEndpoint : IAsyncDisposable
{
    private const int ForgivenInvisible = 3;

    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<string, Device> _devices = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<ReceivedPush> _received = [];

    private PushEndpoint(WebApplication app) => _app = app;

    /// <summary>What arrived, in order.</summary>
    public IReadOnlyList<ReceivedPush> Received => [.. _received];

    /// <summary>Requests, refused ones included.</summary>
    public int Requests { get; private set; }

    /// <summary>Answers a request instead of taking it; null takes it.</summary>
    public Func<HttpContext, Task<bool>>? Instead { get; set; }

    public Uri Url => new(_app.Urls.Single());

    public static async Task<PushEndpoint> StartAsync()
    {
        var builder = WebApplication.CreateBuilder(["--urls", "http://127.0.0.1:0"]);
        builder.Logging.ClearProviders();
        var app = builder.Build();
        var endpoint = new PushEndpoint(app);
        app.MapPost("/push/{device}", endpoint.TakeAsync);
        await app.StartAsync();
        return endpoint;
    }

    /// <summary>What a browser gives to the server when it has subscribed.</summary>
    public BrowserSubscription NewBrowser(string userId, string deviceId)
    {
        var device = new Device();
        var name = $"{userId}.{deviceId}.{Guid.NewGuid():N}";
        _devices[name] = device;
        return new BrowserSubscription(userId, deviceId, $"{Url}push/{name}", Base64Url.EncodeToString(device.PublicKey), Base64Url.EncodeToString(device.Auth));
    }

    /// <summary>The browser's user takes the permission back.</summary>
    public void Unsubscribe(string endpoint) => _devices.TryRemove(new Uri(endpoint).Segments[^1], out _);

    /// <summary>Every device that subscribed and did not unsubscribe still is: no push showed nothing.</summary>
    /// <exception cref="InvalidOperationException">One did.</exception>
    public void AssertNobodyWasShownNothing()
    {
        if (_devices.FirstOrDefault(device => device.Value.Invisible > 0).Key is { } name)
        {
            throw new InvalidOperationException($"{name} got a push that shows nothing");
        }
    }

    public async ValueTask DisposeAsync()
    {
        AssertNobodyWasShownNothing();
        await _app.DisposeAsync();
        foreach (var device in _devices.Values)
        {
            device.Dispose();
        }
    }

    private async Task TakeAsync(string device, HttpContext context)
    {
        lock (_received)
        {
            Requests++;
        }

        if (Instead is { } instead && await instead(context))
        {
            return;
        }

        if (!_devices.TryGetValue(device, out var known) || known.Invisible >= ForgivenInvisible)
        {
            context.Response.StatusCode = (int)HttpStatusCode.Gone;
            return;
        }

        if (!IsSigned(context.Request.Headers.Authorization.ToString()))
        {
            context.Response.StatusCode = (int)HttpStatusCode.Forbidden;
            return;
        }

        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        var payload = JsonDocument.Parse(known.Decrypt(body.ToArray())).RootElement;
        if (!IsVisible(payload))
        {
            known.Invisible++;
        }

        var headers = context.Request.Headers.ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase);
        _received.Enqueue(new ReceivedPush(device, payload, headers));
        context.Response.StatusCode = (int)HttpStatusCode.Created;
    }

    // Uncompressed, as Web Push writes them.
    private static ECPoint Point(byte[] bytes) => new() { X = bytes[1..33], Y = bytes[33..65] };

    private static bool IsVisible(JsonElement payload) => new[] { "title", "body" }.All(name =>
        payload.TryGetProperty(name, out var text) && !string.IsNullOrWhiteSpace(text.GetString()));

    // What RFC 8292 wants of a request.
    private bool IsSigned(string authorization)
    {
        var parts = authorization.Replace("vapid ", "", StringComparison.Ordinal).Split(", ").Select(part => part.Split('=', 2)).ToDictionary(part => part[0], part => part[1]);
        var token = parts["t"].Split('.');
        using var key = ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = Point(Base64Url.DecodeFromChars(parts["k"])) });
        var claims = JsonDocument.Parse(Base64Url.DecodeFromChars(token[1])).RootElement;
        return key.VerifyData(System.Text.Encoding.ASCII.GetBytes($"{token[0]}.{token[1]}"), Base64Url.DecodeFromChars(token[2]), HashAlgorithmName.SHA256)
            && claims.GetProperty("aud").GetString() == Url.GetLeftPart(UriPartial.Authority);
    }

    /// <summary>A browser's half, by the letter of RFC 8291 and RFC 8188, on its own.</summary>
    private sealed class Device : IDisposable
    {
        private readonly ECDiffieHellman _key = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);

        public byte[] PublicKey => [4, .. _key.ExportParameters(false).Q.X!, .. _key.ExportParameters(false).Q.Y!];

        public byte[] Auth { get; } = RandomNumberGenerator.GetBytes(16);

        public int Invisible { get; set; }

        public byte[] Decrypt(byte[] body)
        {
            var salt = body[..16];
            var keyLength = body[20];
            var senderKey = body[21..(21 + keyLength)];
            using var sender = ECDiffieHellman.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = Point(senderKey) });
            var secret = _key.DeriveRawSecretAgreement(sender.PublicKey);
            var input = HKDF.DeriveKey(HashAlgorithmName.SHA256, secret, 32, Auth, [.. "WebPush: info\0"u8, .. PublicKey, .. senderKey]);
            using var cipher = new AesGcm(HKDF.DeriveKey(HashAlgorithmName.SHA256, input, 16, salt, "Content-Encoding: aes128gcm\0"u8.ToArray()), 16);
            var nonce = HKDF.DeriveKey(HashAlgorithmName.SHA256, input, 12, salt, "Content-Encoding: nonce\0"u8.ToArray());
            var record = body[(21 + keyLength)..];
            var plaintext = new byte[record.Length - 16];
            cipher.Decrypt(nonce, record[..^16], record[^16..], plaintext);
            return plaintext[..Array.LastIndexOf(plaintext, (byte)2)];
        }

        public void Dispose() => _key.Dispose();
    }
}
