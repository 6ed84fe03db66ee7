using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Tertulia.Testing;

namespace Tertulia.Integration.Tests;

/// <summary>The HTTP API on a cluster: the same rooms as on the sockets, and 201 means durable.</summary>
[Collection(TrafficCollection.Name)]
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed class HttpTests(FaultCluster fixture) : IDisposable
{
    private readonly string _room = $"http-{Guid.NewGuid():N}";
    private int _last; // 0 until the last message is known.
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(30) };

    private ClusterProcesses Cluster => fixture.Cluster;

    public void Dispose() => _http.Dispose();

    [Fact]
    public async Task A_message_that_is_posted_to_a_node_without_the_room_is_seen_on_the_sockets_of_another_one()
    {
        await using var ana = await ChatClient.JoinAsync(Cluster.NodeUrls[0], _room, "ana");

        var posted = await PostAsync(Cluster.NodeUrls[1], "hola");

        Assert.Equal(HttpStatusCode.Created, posted.Status);
        var seen = await ana.WaitForAsync("message");
        Assert.Equal(
            (posted.Json.GetProperty("message_id").GetString(), posted.Json.GetProperty("seq").GetInt64(), posted.Json.GetProperty("epoch").GetString(), "hola"),
            (seen.Text("id"), seen.Seq, seen.Epoch, seen.Text("content")));
        var history = await GetAsync(fixture.Gateways[0], $"/api/v1/rooms/{_room}/messages?limit=1&user_id=ana");
        Assert.Equal(seen.Text("id"), history.GetProperty("items")[0].GetProperty("id").GetString());
        var one = await GetAsync(fixture.Gateways[1], $"{posted.Location}?user_id=ana");
        Assert.Equal((_room, "hola"), (one.GetProperty("room_id").GetString(), one.GetProperty("content").GetString()));
        var rooms = await GetAsync(fixture.Gateways[0], $"/api/v1/rooms?limit=1000&user_id=ana");
        Assert.Contains(rooms.GetProperty("rooms").EnumerateArray(), room => room.GetProperty("room_id").GetString() == _room);
    }

    [Fact]
    public async Task A_request_that_is_repeated_while_the_owner_is_killed_writes_one_message()
    {
        await using var ana = await ChatClient.JoinAsync(Cluster.NodeUrls[0], _room, "ana");
        var muted = await MuteAsync(Cluster.NodeUrls[0]);
        Assert.False(muted.IsRepeated);
        using var done = new CancellationTokenSource();
        var sending = SendUntilAsync(done.Token);
        await ana.ContentsAsync(20);

        foreach (var replica in Cluster.Messages)
        {
            await replica.KillAsync();
            await fixture.RestartAsync(replica);
        }

        await done.CancelAsync();
        var sent = await sending;
        Assert.Equal((muted.Body, true), await MuteAsync(Cluster.NodeUrls[1])); // Whoever was killed, and through another node.

        await ana.WaitForAsync(frame => frame.Text("content") == $"m{sent}", "the last message");
        var expected = Enumerable.Range(1, sent).Select(number => $"m{number}");
        Assert.Equal(expected, ana.Frames.Where(frame => frame.Type == "message").Select(frame => frame.Text("content")));
    }

    [Fact]
    public async Task A_stream_goes_on_after_its_node_is_killed_without_a_gap()
    {
        await using var ana = await ChatClient.JoinAsync(Cluster.NodeUrls[0], _room, "ana");
        var seen = new List<(long Seq, string Content)>();
        var lastEventId = "";
        var resumed = 0;
        using var done = new CancellationTokenSource();
        var reading = ReadAsync();
        await Eventually.HoldsAsync(() => Volatile.Read(ref resumed) == 1, "the stream is open");
        var sending = SendUntilAsync(done.Token);
        await ana.ContentsAsync(20);

        foreach (var node in Cluster.Connections.Skip(1)) // Ana's stays.
        {
            await node.KillAsync();
            await fixture.RestartAsync(node);
        }

        await done.CancelAsync();
        var sent = await sending;
        await Eventually.CompletesAsync(reading, $"message {sent} is seen");
        Assert.Equal(Enumerable.Range(1, sent).Select(number => $"m{number}"), seen.DistinctBy(one => one.Seq).Select(one => one.Content));

        // As a browser does: opens the stream again, with the last id, until it has seen the last message.
        async Task ReadAsync()
        {
            while (!seen.Exists(one => IsLast(one.Content)))
            {
                try
                {
                    using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(fixture.Gateways[0], $"/api/v1/stream?rooms={_room}&history=0&user_id=bruno"));
                    request.Headers.TryAddWithoutValidation("Last-Event-ID", lastEventId);
                    await using var stream = await EventStreamReader.OpenAsync(_http, request);
                    while (await stream.NextAsync() is { } frame)
                    {
                        lastEventId = stream.LastEventId.Length > 0 ? stream.LastEventId : lastEventId;
                        if (frame.Type == "joined")
                        {
                            Volatile.Write(ref resumed, resumed + 1);
                            seen.AddRange(frame.Items("history").Select(item => (item.GetProperty("seq").GetInt64(), item.GetProperty("content").GetString()!)));
                        }
                        else if (frame.Type == "message")
                        {
                            seen.Add((frame.Seq, frame.Text("content")));
                        }

                        if (seen.Exists(one => IsLast(one.Content)))
                        {
                            return;
                        }
                    }
                }
                catch (Exception exception) when (exception is HttpRequestException or IOException or TaskCanceledException or JsonException)
                {
                    continue; // Comes back at once, as often as it takes: the test ends it.
                }
            }
        }
    }

    [Fact]
    public async Task Polling_sees_every_message_once_while_a_node_is_killed()
    {
        await using var ana = await ChatClient.JoinAsync(Cluster.NodeUrls[0], _room, "ana");
        using var done = new CancellationTokenSource();
        var positions = $"{_room}:1@{ana.Frames[0].Epoch}";
        var seen = new List<string>();
        var sending = SendUntilAsync(done.Token);
        var polling = PollAsync();
        await ana.ContentsAsync(20);

        await Cluster.Connections[1].KillAsync();
        await fixture.RestartAsync(Cluster.Connections[1]);

        await done.CancelAsync();
        var sent = await sending;
        await Eventually.CompletesAsync(polling, $"message {sent} is polled");
        Assert.Equal(Enumerable.Range(1, sent).Select(number => $"m{number}"), seen);

        async Task PollAsync()
        {
            while (!seen.Exists(IsLast))
            {
                try
                {
                    var answer = await GetAsync(fixture.Gateways[1], $"/api/v1/sync?rooms={positions}&wait=10&user_id=ana");
                    var room = answer.GetProperty("rooms")[0];
                    if (room.TryGetProperty("items", out var items))
                    {
                        Assert.True(room.GetProperty("recovered").GetBoolean());
                        seen.AddRange(items.EnumerateArray().Select(item => item.GetProperty("content").GetString()!));
                        positions = answer.GetProperty("positions").GetString()!;
                    }
                }
                catch (Exception exception) when (exception is HttpRequestException or IOException or TaskCanceledException or JsonException)
                {
                    continue;
                }
            }
        }
    }

    /// <summary>Sends one message after the other through the gateway, each until it is acknowledged, as a program does that must not lose one.</summary>
    private async Task<int> SendUntilAsync(CancellationToken enough)
    {
        for (var number = 1; ; number++)
        {
            if (enough.IsCancellationRequested)
            {
                Volatile.Write(ref _last, number); // Before it is sent: whoever sees it knows that nothing comes after it.
            }

            await Eventually.EqualsAsync(
                HttpStatusCode.Created,
                async () =>
                {
                    try
                    {
                        return (await PostAsync(fixture.Gateways[0], $"m{number}", key: $"k{number}")).Status;
                    }
                    catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException)
                    {
                        return HttpStatusCode.ServiceUnavailable;
                    }
                },
                TimeSpan.FromMinutes(1));
            if (number == Volatile.Read(ref _last))
            {
                return number;
            }
        }
    }

    private async Task<(string Body, bool IsRepeated)> MuteAsync(Uri node)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(node, $"/api/v1/rooms/{_room}/mutes?user_id=ana"))
        {
            Content = JsonContent.Create(new { user_id = "bruno" }),
        };
        request.Headers.Add("Idempotency-Key", _room);
        using var response = await _http.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return (await response.Content.ReadAsStringAsync(), response.Headers.Contains("Idempotency-Replayed"));
    }

    private bool IsLast(string content) => Volatile.Read(ref _last) is > 0 and var last && content == $"m{last}";

    private async Task<(HttpStatusCode Status, JsonElement Json, string? Location)> PostAsync(Uri server, string content, string? key = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(server, $"/api/v1/rooms/{_room}/messages?user_id=ana"))
        {
            Content = JsonContent.Create(new { content }),
        };
        if (key is not null)
        {
            request.Headers.Add("Idempotency-Key", key);
        }

        using var response = await _http.SendAsync(request);
        return (response.StatusCode, await response.Content.ReadFromJsonAsync<JsonElement>(), response.Headers.Location?.OriginalString);
    }

    private Task<JsonElement> GetAsync(Uri server, string path) => _http.GetFromJsonAsync<JsonElement>(new Uri(server, path));
}
