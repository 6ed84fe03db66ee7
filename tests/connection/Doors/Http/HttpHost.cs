using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Tertulia.Bus;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Tests.Auth;
using Tertulia.Connections.Tests.Doors.Native;
using Tertulia.Connections.Tests.Support;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Doors.Http;

/// <summary>A connection service as it is, on a port, with a test in the place of the other services and in time that a test lets pass.</summary>
internal sealed class HttpHost : IAsyncDisposable
{
    public const string Epoch = "e1";

    private readonly WebApplication _app;
    private readonly Channel<Command> _commands = Channel.CreateUnbounded<Command>();
    private readonly HttpClient _client;
    private IAsyncDisposable? _reception;

    private HttpHost(WebApplication app, FakeTimeProvider time, ScriptedCalls calls, ConcurrentQueue<string> log)
    {
        (_app, Time, Calls, Log) = (app, time, calls, log);
        _client = new HttpClient { Timeout = Eventually.Deadline };
    }

    public FakeTimeProvider Time { get; }

    public ScriptedCalls Calls { get; }

    public ConcurrentQueue<string> Log { get; }

    public Uri Address => new(_app.Urls.First());

    public string Id => Of<ProcessIdentity>().Id;

    public T Of<T>()
        where T : notnull => _app.Services.GetRequiredService<T>();

    public static async Task<HttpHost> StartAsync(params (string Key, string Value)[] settings)
    {
        var environment = settings.FirstOrDefault(setting => setting.Key == "Environment").Value ?? "Production";
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { EnvironmentName = environment });
        builder.Configuration["Auth:Secret"] = TokenIssuer.Secret;
        builder.Configuration["Bus:Kind"] = "InProcess";
        builder.Configuration["urls"] = "http://127.0.0.1:0";
        foreach (var (key, value) in settings)
        {
            builder.Configuration[key] = value;
        }

        builder.AddDefaults("connection");
        builder.Logging.ClearProviders();
        var (time, calls, log) = (new FakeTimeProvider(), new ScriptedCalls(), new ConcurrentQueue<string>());
        builder.Logging.AddProvider(new QueueLoggerProvider(log)).SetMinimumLevel(LogLevel.Trace);
        builder.Services.AddLiveBus().AddConnectionService();
        builder.Services.AddSingleton(new MessageService.MessageServiceClient(calls));
        builder.Services.AddSingleton(new SecurityService.SecurityServiceClient(calls));
        builder.Services.AddSingleton(new PrivacyService.PrivacyServiceClient(calls));
        builder.Services.AddSingleton(new RequestService.RequestServiceClient(calls));
        calls.On<BeginRequestRequest, BeginRequestReply>("BeginRequest", _ => new BeginRequestReply { State = BeginRequestReply.Types.State.Taken });
        calls.On<FinishRequestRequest, FinishRequestReply>("FinishRequest", _ => new FinishRequestReply());
        builder.Services.AddSingleton(new PresenceService.PresenceServiceClient(calls));
        builder.Services.AddSingleton(new NotificationService.NotificationServiceClient(calls));
        builder.Services.AddSingleton(new PushService.PushServiceClient(calls));
        builder.Services.AddSingleton<TimeProvider>(time);
        var app = builder.Build();
        app.MapDefaults();
        app.MapConnectionService();
        var host = new HttpHost(app, time, calls, log);
        host._reception = await host.Of<ISubmitQueue>().ReceiveAsync(TestNode.Replica, async batch =>
        {
            foreach (var command in batch.Commands)
            {
                await host._commands.Writer.WriteAsync(command);
            }
        }, () => ValueTask.CompletedTask, CancellationToken.None);
        await app.StartAsync();
        await Eventually.HoldsAsync(() => host.Of<NodeInbox>().IsReceiving, "the node receives");
        var owners = new NodeBatch { From = TestNode.Replica };
        owners.Owners.AddRange(Enumerable.Range(0, Contracts.Partitioner.DefaultPartitions).Select(
            partition => new PartitionOwner { Partition = (uint)partition, OwnerEpoch = 1 }));
        await host.TellAsync(owners);
        return host;
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await Eventually.HoldsAsync(() => Of<SessionRegistry>().Count == 0, "the streams have ended"); // Stopping would give them a time that does not pass here.
        await _app.StopAsync();
        await _reception!.DisposeAsync();
        await _app.DisposeAsync();
    }

    public string Token(string userId, string? role = null, object? rooms = null) => TokenIssuer.Hs256(
        Claims(userId, role, rooms));

    /// <summary>The next command that reached a partition.</summary>
    public async Task<Command> CommandAsync(Command.BodyOneofCase body)
    {
        var command = await Eventually.CompletesAsync(_commands.Reader.ReadAsync().AsTask(), $"a command {body} reaches its partition");
        Assert.Equal(body, command.BodyCase);
        return command;
    }

    public bool TryReadCommand(out Command? command) => _commands.Reader.TryRead(out command);

    /// <summary>Sends the node a batch through the bus.</summary>
    public async Task TellAsync(NodeBatch batch) =>
        Assert.Empty(await Of<ILiveBus>().SendToNodesAsync([new NodeSend(Id, batch)], CancellationToken.None));

    public Task ReplyAsync(Command command, Action<CommandReply> outcome)
    {
        var reply = new CommandReply { CommandId = command.CommandId, RoomId = command.RoomId };
        outcome(reply);
        return TellAsync(new NodeBatch { Replies = { reply } });
    }

    /// <summary>Sends a request as a user; null: as nobody.</summary>
    public Task<HttpAnswer> SendAsync(
        HttpMethod method, string path, string? userId, string? json = null, params (string Name, string Value)[] headers) =>
        SendRawAsync(method, path, userId is null ? null : Token(userId), json is null ? null : Encoding.UTF8.GetBytes(json), headers);

    public async Task<HttpAnswer> SendRawAsync(
        HttpMethod method, string path, string? token, byte[]? body = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, new Uri(Address, path));
        if (token is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }

        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using var response = await _client.SendAsync(request);
        return new HttpAnswer((int)response.StatusCode, await response.Content.ReadAsStringAsync(), response.Content.Headers.ContentType?.MediaType,
            response.Headers.Concat(response.Content.Headers).ToDictionary(header => header.Key, header => string.Join(',', header.Value), StringComparer.OrdinalIgnoreCase));
    }

    /// <summary>Opens a stream of Server-Sent Events.</summary>
    public async Task<EventStreamReader> StreamAsync(string path, string userId, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(Address, path));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Token(userId));
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return await EventStreamReader.OpenAsync(_client, request);
    }

    private Dictionary<string, object> Claims(string userId, string? role, object? rooms)
    {
        var claims = new Dictionary<string, object> { ["sub"] = userId, ["exp"] = Time.GetUtcNow().ToUnixTimeSeconds() + 3600 };
        if (role is not null)
        {
            claims["role"] = role;
        }

        if (rooms is not null)
        {
            claims["rooms"] = rooms;
        }

        return claims;
    }
}

/// <summary>What came back.</summary>
internal sealed record HttpAnswer(int Status, string Body, string? ContentType, IReadOnlyDictionary<string, string> Headers)
{
    public JsonElement Json => JsonDocument.Parse(Body).RootElement;

    /// <summary>Status, code and name of a problem.</summary>
    public (int Status, int Code, string? Name) Problem
    {
        get
        {
            Assert.Equal("application/problem+json", ContentType);
            return (Status, Json.GetProperty("code").GetInt32(), Json.GetProperty("name").GetString());
        }
    }
}
