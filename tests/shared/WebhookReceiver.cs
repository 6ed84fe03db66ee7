using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Tertulia.Testing;

/// <summary>Another system that is told events, over real HTTP; it checks what it gets as it should.</summary>
public sealed class WebhookReceiver : IAsyncDisposable
{
    public const string Secret = "0123456789abcdef";

    private readonly WebApplication _app;
    private readonly ConcurrentQueue<JsonElement> _taken = [];
    private int _requests;

    private WebhookReceiver(WebApplication app) => _app = app;

    public Uri Url => new(new Uri(_app.Urls.Single()), "/hook");

    /// <summary>What it took, in order.</summary>
    public IReadOnlyList<JsonElement> Taken => [.. _taken];

    public int Requests => _requests;

    /// <summary>Status of the answer to an event; 0: it takes it.</summary>
    public Func<HttpContext, JsonElement, Task<int>> Answer { get; set; } = (_, _) => Task.FromResult(0);

    public static async Task<WebhookReceiver> StartAsync()
    {
        var builder = WebApplication.CreateBuilder(["--urls", "http://127.0.0.1:0"]);
        builder.Logging.ClearProviders();
        var app = builder.Build();
        var receiver = new WebhookReceiver(app);
        app.MapPost("/hook", (Delegate)receiver.TakeAsync);
        await app.StartAsync();
        return receiver;
    }

    /// <summary>The contents of the messages that it took of a room.</summary>
    public string[] Contents(string roomId) =>
        [.. Taken.Select(one => one.GetProperty("data")).Where(data => data.GetProperty("room_id").GetString() == roomId).Select(data => data.GetProperty("content").GetString()!)];

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task<IResult> TakeAsync(HttpContext context)
    {
        Interlocked.Increment(ref _requests);
        using var reader = new StreamReader(context.Request.Body);
        var body = await reader.ReadToEndAsync();
        var headers = context.Request.Headers;
        var signed = Encoding.UTF8.GetBytes($"{headers["Webhook-Id"]}.{headers["Webhook-Timestamp"]}.{body}");
        var signature = $"v1,{Convert.ToBase64String(HMACSHA256.HashData(Encoding.UTF8.GetBytes(Secret), signed))}";
        var one = JsonDocument.Parse(body).RootElement;
        if (headers["Webhook-Signature"] != signature || headers["Webhook-Id"] != one.GetProperty("id").GetString())
        {
            return Results.Unauthorized();
        }

        if (await Answer(context, one) is var status and not 0)
        {
            return Results.StatusCode(status);
        }

        _taken.Enqueue(one);
        return Results.Ok();
    }
}
