using System.Text.Json;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Tertulia.Contracts;
using Tertulia.Hosting;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Doors.Http;

/// <summary>Every endpoint whose path names a room, a message, a user or an emoji: what is asked is about those, whatever the body and the query say, and with what the
/// token grants there.</summary>
public sealed class PathIdsTests : IAsyncLifetime
{
    private static readonly Dictionary<string, (string Field, string Right, string Wrong)> Ids = new()
    {
        ["roomId"] = ("room_id", "the-room", "wrong-room"),
        ["messageId"] = ("message_id", "the-message", "wrong-message"),
        ["userId"] = ("user_id", "the-user", "wrong-user"),
        ["emoji"] = ("emoji", ":right:", ":wrong:"),
    };

    private HttpHost _host = null!;

    public async Task InitializeAsync()
    {
        _host = await HttpHost.StartAsync(("Limits:EventsPerMinute", "0"));
        _host.Calls.On<GetMessageRequest, GetMessageReply>("GetMessage", request => new GetMessageReply
        {
            RoomId = request.MessageId == "the-message" ? "the-room" : "wrong-room", Epoch = "e1", Message = new Message { MessageId = request.MessageId, Seq = 1 },
        });
        _host.Calls.Refusal = RpcErrors.Refuse(ErrorCode.Forbidden);
    }

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Fact]
    public async Task What_the_path_names_counts()
    {
        var document = (await _host.SendAsync(HttpMethod.Get, "/openapi/v1.json", userId: null)).Json;
        var tried = new List<string>();
        foreach (var path in document.GetProperty("paths").EnumerateObject().Where(path => path.Name.Contains('{', StringComparison.Ordinal)))
        {
            foreach (var operation in path.Value.EnumerateObject())
            {
                await TryAsync(operation.Name, path.Name, ExampleOf(operation.Value));
                tried.Add($"{operation.Name} {path.Name}");
            }
        }

        Assert.True(tried.Count >= 25, string.Join(", ", tried));
    }

    private async Task TryAsync(string method, string path, JsonObject example)
    {
        var named = path.Split('/').Where(segment => segment is ['{', .., '}']).Select(segment => Ids[segment[1..^1]]).ToArray();
        var target = named.Aggregate(path, (text, id) => text.Replace($"{{{Ids.Single(pair => pair.Value == id).Key}}}", id.Right, StringComparison.Ordinal));
        foreach (var (field, _, wrong) in named)
        {
            example[field] = wrong;
        }

        // Flat, nested, twice, and under a name that is written otherwise.
        var nested = example.DeepClone().AsObject();
        nested["data"] = example.DeepClone();
        var escaped = named.Aggregate(nested.ToJsonString(), (json, id) => json[..^1] + $",\"{Escape(id.Field)}\":\"{id.Wrong}\"}}");
        var query = string.Join('&', named.Select(id => $"{id.Field}={id.Wrong}").Concat(Ids.Where(id => named.Contains(id.Value)).Select(id => $"{id.Key}={id.Value.Wrong}")));
        var rooms = new Dictionary<string, string[]> { ["the-room"] = ["read", "presence"], ["wrong-room"] = ["read", "write", "presence", "moderate"] };
        _host.Calls.Asked.Clear();

        // A user's data are the business of no token that names rooms.
        var token = path.StartsWith("/api/v1/users/", StringComparison.Ordinal) ? _host.Token("root", role: "admin") : _host.Token("ana", rooms: rooms);
        var asking = _host.SendRawAsync(
            new HttpMethod(method.ToUpperInvariant()), $"{target}?{query}", token, method == "get" ? null : System.Text.Encoding.UTF8.GetBytes(escaped));
        var said = new List<IMessage>();
        await Eventually.HoldsAsync(
            () =>
            {
                while (_host.TryReadCommand(out var command))
                {
                    said.Add(command!);
                    _ = _host.ReplyAsync(command!, reply => reply.Refused = new Refusal { Code = ErrorCode.Forbidden });
                }

                return asking.IsCompleted;
            },
            $"{method} {path} is answered");
        said.AddRange(_host.Calls.Asked.OfType<IMessage>());

        Assert.True(said.Count > 0, $"{method} {path} asks nobody: {(await asking).Body}");
        foreach (var message in said)
        {
            var text = message.ToString()!;
            foreach (var (field, _, wrong) in named)
            {
                Assert.False(text.Contains(wrong, StringComparison.Ordinal), $"{method} {path}: {field} of the body or the query reaches {message.Descriptor.Name} {text}");
            }

            if (message.Descriptor.FindFieldByName("actor")?.Accessor.GetValue(message) is Actor { Grant: { } grant })
            {
                Assert.True(grant is { Read: true, Write: false, Moderate: false }, $"{method} {path}: {message.Descriptor.Name} has the rights of another room: {grant}");
            }
        }
    }

    private static JsonObject ExampleOf(JsonElement operation) =>
        operation.TryGetProperty("requestBody", out var body) && body.GetProperty("content").GetProperty("application/json").TryGetProperty("example", out var example)
            ? JsonNode.Parse(example.GetRawText())!.AsObject()
            : [];

    // room_id as \u0072oom_id.
    private static string Escape(string name) => $"\\u{(int)name[0]:x4}{name[1..]}";
}
