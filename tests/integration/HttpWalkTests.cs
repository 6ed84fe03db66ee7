using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>One walk through every endpoint of the OpenAPI document, on a cluster: each does what it is for, a POST that comes again to another node does it once, and
/// what is read has an <c>ETag</c> and a <c>HEAD</c>.</summary>
[Collection(TrafficCollection.Name)]
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class HttpWalkTests(FaultCluster fixture) : IDisposable
{
    private const string Kept = "Idempotency-Replayed";

    // What they tell does not change by itself.
    private static readonly HashSet<string> Still = ["get_room", "list_members", "get_message", "list_pins", "get_notification_preferences", "get_push_key"];

    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(30) };
    private readonly Dictionary<string, (string Method, string Path, JsonElement Operation)> _operations = [];
    private readonly HashSet<string> _done = [];
    private readonly string _run = Guid.NewGuid().ToString("N")[..8];
    private int _turn;

    private string Ana => $"ana-{_run}";

    private string Bruno => $"bruno-{_run}";

    public void Dispose() => _http.Dispose();

    [Fact]
    public async Task Every_endpoint_of_the_document_works_and_no_post_is_done_twice()
    {
        await ReadDocumentAsync();
        var room = Text(await DoAsync("create_room", Ana, body: """{"kind":"public","name":"Walk"}"""), "room_id");
        var first = await WalkMessagesAsync(room);
        await WalkMembersAsync(room);
        await WalkUserAsync(room);
        await WalkServerAsync(room);
        foreach (var (operation, (_, path, _)) in _operations.Where(one => !_done.Contains(one.Key) && one.Value.Method == "GET").ToArray())
        {
            // What is only read by a member needs no step of its own.
            await DoAsync(operation, Ana, string.Join('&', new[] { $"roomId={room}", $"messageId={first}" }.Where(value => path.Contains($"{{{value.Split('=')[0]}}}", StringComparison.Ordinal))));
        }

        await DoAsync("delete_message", Ana, $"messageId={first}");
        await DoAsync("delete_room", Ana, $"roomId={room}");

        Assert.True(_operations.Keys.All(_done.Contains), $"Not walked, add a step: {string.Join(", ", _operations.Keys.Except(_done))}");
    }

    private async Task<string> WalkMessagesAsync(string room)
    {
        await DoAsync("put_member", Ana, $"roomId={room}&userId={Bruno}", """{"role":"member"}""");
        Assert.Equal("t", Text(await DoAsync("update_room", Ana, $"roomId={room}", """{"topic":"t"}"""), "topic"));
        var first = Text(await DoAsync("send_message", Ana, $"roomId={room}", """{"content":"una canción"}"""), "message_id");
        var reply = await DoAsync("send_message", Bruno, $"roomId={room}", $$"""{"content":"hola","reply_to":"{{first}}"}""");
        var page = await DoAsync("list_messages", Bruno, $"roomId={room}");
        Assert.Equal(["una canción", "hola"], page.GetProperty("items").EnumerateArray().Select(item => Text(item, "content")));
        Assert.Equal("una canción", Text(await DoAsync("get_message", Bruno, $"messageId={first}"), "content"));
        Assert.Equal(2, (await DoAsync("edit_message", Ana, $"messageId={first}", """{"content":"otra canción"}""")).GetProperty("version").GetInt32());
        await DoAsync("add_reaction", Bruno, $"messageId={first}&emoji=:ok:");
        await DoAsync("remove_reaction", Bruno, $"messageId={first}&emoji=:ok:");
        await DoAsync("pin_message", Ana, $"messageId={first}");
        Assert.Equal(first, Text((await DoAsync("list_pins", Bruno, $"roomId={room}")).GetProperty("items")[0], "id"));
        await DoAsync("unpin_message", Ana, $"messageId={first}");
        Assert.Equal("hola", Text((await DoAsync("get_thread", Ana, $"messageId={first}")).GetProperty("items")[0], "content"));
        await Eventually.EqualsAsync(
            (first, 1),
            async () => (await DoAsync("list_threads", Ana)).GetProperty("items").EnumerateArray()
                .Select(one => (Text(one, "thread_root"), one.GetProperty("unread").GetInt32())).FirstOrDefault());
        Assert.Equal(0, (await DoAsync("follow_thread", Bruno, $"messageId={first}")).GetProperty("unread").GetInt32());
        Assert.False((await DoAsync("unfollow_thread", Bruno, $"messageId={first}")).GetProperty("following").GetBoolean());
        Assert.Equal(0, (await DoAsync("read_room", Ana, $"roomId={room}", $$"""{"seq":{{reply.GetProperty("seq").GetInt64()}}}""")).GetProperty("unread").GetInt32());
        await Eventually.EqualsAsync(first, async () => Text((await DoAsync("search", Bruno, query: $"query=cancion&room_id={room}")).GetProperty("items").EnumerateArray().FirstOrDefault(), "id"));
        Assert.Equal(first, Text(await DoAsync("explain_message", "root", $"messageId={first}", role: "admin"), "message_id"));
        await DoAsync("sync", Ana, query: $"rooms={room}:0");
        await DoAsync("stream", Ana, query: $"rooms={room}");
        Assert.Contains((await DoAsync("list_rooms", Bruno)).GetProperty("rooms").EnumerateArray(), one => Text(one, "room_id") == room);
        return first;
    }

    private async Task WalkMembersAsync(string room)
    {
        var (carla, dario, eva) = ($"carla-{_run}", $"dario-{_run}", $"eva-{_run}");
        foreach (var user in new[] { carla, dario, eva })
        {
            await DoAsync("invite_user", Ana, $"roomId={room}", Of(user));
        }

        Assert.Equal("accepted", Text(await DoAsync("accept_invitation", carla, $"roomId={room}"), "action"));
        Assert.Equal("declined", Text(await DoAsync("decline_invitation", dario, $"roomId={room}"), "action"));
        Assert.Equal("revoked", Text(await DoAsync("invitation_revoke_user", Ana, $"roomId={room}&userId={eva}"), "action"));
        Assert.Equal("removed", Text(await DoAsync("remove_member", Ana, $"roomId={room}&userId={carla}"), "action"));
        Assert.Equal("muted", Text(await DoAsync("mute_user", Ana, $"roomId={room}", Of(Bruno)), "action"));
        Assert.Equal("unmuted", Text(await DoAsync("unmute_user", Ana, $"roomId={room}&userId={Bruno}"), "action"));
        Assert.Equal("kicked", Text(await DoAsync("kick_user", Ana, $"roomId={room}", Of(Bruno)), "action"));
        Assert.Equal("banned", Text(await DoAsync("ban_user", Ana, $"roomId={room}", Of(Bruno)), "action"));
        Assert.Equal("unbanned", Text(await DoAsync("unban_user", Ana, $"roomId={room}&userId={Bruno}"), "action"));
        Assert.Equal([Ana], (await DoAsync("list_members", Ana, $"roomId={room}")).GetProperty("items").EnumerateArray().Select(item => Text(item, "user_id")));
        await DoAsync("list_reports", Ana, $"roomId={room}");

        static string Of(string user) => $$"""{"user_id":"{{user}}"}""";
    }

    private async Task WalkUserAsync(string room)
    {
        await DoAsync("set_presence", Ana, body: """{"status":"busy"}""");
        await DoAsync("get_room_presence", Ana, $"roomId={room}");
        await DoAsync("get_users_presence", Bruno, body: $$"""{"user_ids":["{{Ana}}"]}""");
        await DoAsync("set_notification_preferences", Ana, body: """{"level":"mentions"}""");
        Assert.Equal("mentions", Text(await DoAsync("get_notification_preferences", Ana), "level"));
        Assert.Equal(1, (await DoAsync("server_notify", "shop", body: $$"""{"user_ids":["{{Ana}}"],"title":"Hola"}""", role: "service")).GetProperty("notified").GetInt32());
        await Eventually.EqualsAsync(2, async () => (await DoAsync("count_notifications", Ana)).GetProperty("unread").GetInt32()); // Bruno's reply is the other one.
        Assert.Contains((await DoAsync("list_notifications", Ana)).GetProperty("items").EnumerateArray(), item => Text(item, "title") == "Hola");
        Assert.Equal(0, (await DoAsync("read_notifications", Ana, body: """{"all":true}""")).GetProperty("unread").GetInt32());
        await DoAsync("get_push_key", Ana);
        await DoAsync("subscribe_push", Ana, body: """
            {"device_id":"d1","endpoint":"https://push.example.net/abc","keys":{"p256dh":"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4","auth":"BTBZMqHH6r4Tts7J_aSIgg"}}
            """);
        await DoAsync("unsubscribe_push", Ana, query: "device_id=d1");
        var pushed = await DoAsync("sync_push", Ana, body: $$"""{"order":"{{_run}}"}""");
        var pulled = await DoAsync("sync_pull", Bruno, query: $"since={pushed.GetProperty("seq").GetInt64() - 1}");
        Assert.Equal(_run, Text(pulled.GetProperty("items")[0].GetProperty("metadata"), "order"));
    }

    private async Task WalkServerAsync(string room)
    {
        await DoAsync("server_send_message", "shop", body: $$"""{"room_id":"{{room}}","user_id":"{{Ana}}","content":"for Ana"}""", role: "service");
        await DoAsync("server_connections", "shop", query: $"user_id={Ana}", role: "service");
        await using var ana = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[0], room, Ana);
        await DoAsync("server_broadcast", "shop", body: $$"""{"room_id":"{{room}}","event":"once"}""", role: "service");
        await DoAsync("server_disconnect", "shop", body: $$"""{"user_id":"{{Ana}}"}""", role: "service");
        Assert.Equal(4506, await ana.WaitForCloseAsync());
        Assert.Single(ana.Frames, frame => frame.Type == "broadcast");
        await DoAsync("revoke", "root", body: $$"""{"user_id":"gone-{{_run}}"}""", role: "admin");
        Assert.Contains((await DoAsync("list_audit", "root", role: "admin")).GetProperty("items").EnumerateArray(), item => Text(item, "target_id") == $"gone-{_run}");
        await DoAsync("export_user", Ana, $"userId={Ana}");
        await DoAsync("delete_user", "root", $"userId=gone-{_run}", role: "admin");
        await DoAsync("get_user_deletion", "root", $"userId=gone-{_run}", role: "admin");
        await DoAsync("issue_token", Ana, body: """{"user_id":"anybody"}""");
    }

    /// <summary>Does one operation, and all that holds for its kind.</summary>
    /// <param name="operation">Its id.</param>
    /// <param name="user">Who.</param>
    /// <param name="path">Values of the path: <c>roomId=lobby&amp;userId=ana</c>.</param>
    /// <param name="body">As JSON.</param>
    /// <param name="query">Without a mark.</param>
    /// <param name="role">Of the token.</param>
    private async Task<JsonElement> DoAsync(string operation, string user, string path = "", string? body = null, string query = "", string role = "user")
    {
        var (method, template, description) = _operations[operation];
        foreach (var (name, value) in path.Split('&', StringSplitOptions.RemoveEmptyEntries).Select(pair => pair.Split('=') is var parts ? (parts[0], parts[1]) : default))
        {
            template = template.Replace($"{{{name}}}", Uri.EscapeDataString(value), StringComparison.Ordinal);
        }

        var takesKey = description.TryGetProperty("parameters", out var parameters) && parameters.EnumerateArray().Any(one => Text(one, "name") == "Idempotency-Key");
        var key = takesKey ? Guid.NewGuid().ToString() : null;
        var target = template + (query.Length > 0 ? "?" + query : "");
        var answer = await SendAsync(method, target, user, role, body, key);
        Assert.True((int)answer.Status is >= 200 and < 300, $"{operation} {target}: {(int)answer.Status} {answer.Body}");
        _done.Add(operation);
        if (takesKey)
        {
            await RepeatAsync(operation, method, target, user, role, body, key!, answer);
        }
        else if (method == "GET" && operation is not ("stream" or "export_user"))
        {
            Assert.True(answer.Headers.ETag is not null, $"{operation} has no ETag");
            var head = await SendAsync("HEAD", target, user, role, null, null);
            Assert.Equal((operation, HttpStatusCode.OK, ""), (operation, head.Status, head.Body));
            if (Still.Contains(operation))
            {
                var known = await SendAsync("GET", target, user, role, null, null, answer.Headers.ETag.ToString());
                Assert.Equal((operation, HttpStatusCode.NotModified, ""), (operation, known.Status, known.Body));
            }
        }

        return answer.Body.Length > 0 ? JsonDocument.Parse(answer.Body).RootElement : default;
    }

    private async Task RepeatAsync(string operation, string method, string target, string user, string role, string? body, string key, Answer first)
    {
        var again = await SendAsync(method, target, user, role, body, key);
        Assert.Equal((operation, first.Status, first.Headers.Location), (operation, again.Status, again.Headers.Location));
        if (again.Headers.Contains(Kept))
        {
            Assert.Equal((operation, first.Body), (operation, again.Body));
        }
        else
        {
            var (one, other) = (JsonDocument.Parse(first.Body).RootElement, JsonDocument.Parse(again.Body).RootElement);
            Assert.True(other.TryGetProperty("duplicate", out var duplicate) && duplicate.GetBoolean(), $"{operation}: neither kept nor a duplicate: {again.Body}");
            Assert.Equal(Text(one, "message_id"), Text(other, "message_id"));
        }

        var changed = JsonNode.Parse(body ?? "{}")!.AsObject();
        changed[changed.ContainsKey("content") ? "content" : "note"] = "another";
        var refused = await SendAsync(method, target, user, role, changed.ToJsonString(), key);
        Assert.True(refused.Status == HttpStatusCode.UnprocessableEntity, $"{operation} with another body: {(int)refused.Status} {refused.Body}");
    }

    // Each request through another node than the one before.
    private async Task<Answer> SendAsync(string method, string target, string user, string role, string? body, string? key, string? known = null)
    {
        var nodes = fixture.Cluster.NodeUrls;
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(nodes[_turn++ % nodes.Count], target))
        {
            Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json"),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Tokens.With(user, role));
        if (key is not null)
        {
            request.Headers.Add("Idempotency-Key", key);
        }

        if (known is not null)
        {
            request.Headers.TryAddWithoutValidation("If-None-Match", known);
        }

        using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        var isStream = response.Content.Headers.ContentType?.MediaType is "text/event-stream" or "application/x-ndjson"; // No document; the first one has no end.
        return new Answer(response.StatusCode, isStream ? "" : await response.Content.ReadAsStringAsync(), response.Headers);
    }

    private async Task ReadDocumentAsync()
    {
        using var document = JsonDocument.Parse(await _http.GetStringAsync(new Uri(fixture.Gateways[0], "/openapi/v1.json")));
        foreach (var path in document.RootElement.GetProperty("paths").EnumerateObject())
        {
            foreach (var operation in path.Value.EnumerateObject())
            {
                _operations[Text(operation.Value, "operationId")] = (operation.Name.ToUpperInvariant(), path.Name, operation.Value.Clone());
            }
        }
    }

    private static string Text(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) ? value.ToString() : "";

    private sealed record Answer(HttpStatusCode Status, string Body, HttpResponseHeaders Headers);
}
