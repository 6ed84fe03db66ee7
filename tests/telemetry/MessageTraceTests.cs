using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;
using Tertulia.Hosting;
using Tertulia.Testing;

namespace Tertulia.Telemetry.Tests;

/// <summary>What a message leaves behind where traces are kept (docs/tracing.md).</summary>
[Trait(Needs.Trait, Needs.RabbitMq)]
[Trait(Needs.Trait, Needs.Postgres)]
public sealed partial class MessageTraceTests(TracedCluster fixture) : IClassFixture<TracedCluster>
{
    private const string Accept = "TERTULIA_ACCEPT_TRACES";
    private const string Secret = "what-nobody-but-the-room-may-read";

    // Every span of a message to two nodes.
    private const string Whole =
        "append, create tertulia.message, decide, deliver tertulia.node:{node_id}, deliver tertulia.node:{node_id}, process tertulia.message:{replica_id}, "
        + "publish tertulia.message:{replica_id}, publish tertulia.node:{node_id}, receive message";

    private static readonly string Document = Path.Combine(Repository.Root, "docs/tracing.md");

    [Fact]
    public async Task One_message_among_500_others_is_one_trace_from_its_frame_to_both_nodes()
    {
        var nodes = fixture.Cluster.NodeUrls;
        await using var ana = await ChatClient.JoinAsync(nodes[0], "traced", "ana");
        await using var bruno = await ChatClient.JoinAsync(nodes[1], "traced", "bruno");
        var traceId = TraceId(random: 1);

        for (var number = 0; number < 501; number++)
        {
            var traceparent = number == 250 ? $",\"traceparent\":\"00-{traceId}-00f067aa0ba902b7-01\"" : "";
            await ana.SendAsync($$"""{"type":"message","content":"{{Secret}} {{number}}"{{traceparent}}}""");
        }

        await Eventually.EqualsAsync(501, () => Task.FromResult(bruno.Frames.Count(frame => frame.Type == "message")));
        var tree = await WholeAsync(traceId);

        // The node, from the frame to the answer; then what the command is known by everywhere.
        var receive = tree.One("receive message");
        Assert.Equal((traceId, "00f067aa0ba902b7", "SERVER", "tertulia-connection", "stored"),
            (receive.TraceId, receive.ParentId, receive.Kind, receive.Service, receive["tertulia.outcome"]));
        var create = tree.One("create tertulia.message");
        Assert.Equal((traceId, receive.Id, "PRODUCER", "create"), (create.TraceId, create.ParentId, create.Kind, create["messaging.operation.type"]));
        Assert.Equal("traced", create["messaging.message.conversation_id"]);
        var messageId = create["messaging.message.id"];
        Assert.Equal(messageId, bruno.Frames.Single(frame => frame.Type == "message" && frame.Text("content") == $"{Secret} 250").Text("id"));

        // To the writer: what the broker is told, and what comes out of it.
        var publish = tree.One("publish tertulia.message:{replica_id}");
        var process = tree.One("process tertulia.message:{replica_id}");
        Assert.Equal(("CLIENT", "send", "tertulia-connection"), (publish.Kind, publish["messaging.operation.type"], publish.Service));
        Assert.Equal(("CONSUMER", "process", "tertulia-message"), (process.Kind, process["messaging.operation.type"], process.Service));
        Assert.Equal([create.Id], publish.Links);
        Assert.Equal([create.Id, publish.Id], process.Links);
        Assert.Equal($"tertulia.message:{process.Instance}", process["messaging.destination.name"]);
        Assert.Equal(process["messaging.destination.name"], publish["messaging.destination.name"]);
        Assert.Equal(process.Instance, publish["messaging.rabbitmq.destination.routing_key"]);
        Assert.True(int.Parse(publish["messaging.batch.message_count"] ?? "1", CultureInfo.InvariantCulture) >= 1);
        Assert.Equal(messageId, publish.Span.Links[0].Attributes.Single(attribute => attribute.Key == "messaging.message.id").Value.StringValue);

        // In the writer, and out to both nodes.
        Assert.All(new[] { tree.One("decide"), tree.One("append"), tree.One("publish tertulia.node:{node_id}") },
            step => Assert.Equal(process.Id, step.ParentId));
        Assert.True(int.Parse(tree.One("append")["tertulia.entries"]!, CultureInfo.InvariantCulture) >= 1);
        Assert.Equal("send", tree.One("publish tertulia.node:{node_id}")["messaging.operation.type"]);
        var delivers = tree.Spans.Where(span => span.Name == "deliver tertulia.node:{node_id}").ToArray();
        Assert.Equal(2, delivers.Select(span => span.Instance).Distinct().Count());
        Assert.Contains(receive.Instance, delivers.Select(span => span.Instance));
        Assert.All(delivers, deliver =>
        {
            Assert.Equal([create.Id], deliver.Links);
            Assert.Equal(("CONSUMER", "process", "1", "0"),
                (deliver.Kind, deliver["messaging.operation.type"], deliver["tertulia.fan_out.receivers"], deliver["tertulia.fan_out.missed"]));
            Assert.Equal((messageId, $"tertulia.node:{deliver.Instance}"), (deliver["messaging.message.id"], deliver["messaging.destination.name"]));
            Assert.NotEqual(traceId, deliver.TraceId);
        });

        Assert.All(tree.Spans.Where(span => span["messaging.system"] is not null), span =>
        {
            Assert.Equal(("rabbitmq", "127.0.0.1"), (span["messaging.system"], span["server.address"]));
            Assert.NotNull(span["server.port"]);
        });
        Assert.All(tree.Spans, span => Assert.Equal(Tracing.SchemaUrl, span.SchemaUrl));

        await MatchDocumentAsync(tree);
    }

    [Fact]
    public async Task A_request_through_the_gateway_is_part_of_the_message_s_trace()
    {
        await using var ana = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[1], "requested", "ana");
        var traceId = TraceId(random: 2);
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(
            HttpMethod.Post, new Uri(fixture.Cluster.GatewayUrl, "/api/v1/rooms/requested/messages?user_id=ana&username=ana"))
        {
            Content = JsonContent.Create(new { content = Secret }),
            Headers = { { "traceparent", $"00-{traceId}-00f067aa0ba902b7-01" } },
        };

        using var answer = await http.SendAsync(request);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        var tree = await EventuallyAsync(traceId, found => Gateways(found) > 0 && Above(found, "receive message"));

        Assert.Equal("00f067aa0ba902b7", tree.Spans.Single(span => span is { Service: "tertulia-gateway", Kind: "SERVER" }).ParentId);
        var receive = tree.One("receive message");
        var served = tree.Spans.Single(span => span.Id == receive.ParentId);
        Assert.Equal(("tertulia-connection", "SERVER"), (served.Service, served.Kind));

        // Each process pushes its spans when it likes.
        static bool Above(SpanTree found, string name) =>
            found.Spans.FirstOrDefault(span => span.Name == name) is { } below && found.Spans.Any(span => span.Id == below.ParentId);

        static int Gateways(SpanTree found) => found.Spans.Count(span => span is { Service: "tertulia-gateway", Kind: "SERVER" });
    }

    [Fact]
    public async Task The_fan_out_in_a_room_of_200_is_one_span_for_each_node_in_a_trace_of_its_own_and_of_half_of_the_messages()
    {
        List<ChatClient> clients = [];
        try
        {
            foreach (var part in Enumerable.Range(0, 200).Chunk(20))
            {
                clients.AddRange(await Task.WhenAll(part.Select(number =>
                    ChatClient.JoinAsync(fixture.Cluster.NodeUrls[number % 2], "hall", $"user-{number.ToString(CultureInfo.InvariantCulture)}"))));
            }

            var (kept, left) = (TraceId(random: 3), TraceId(random: (1L << 56) - 1));
            await SayAsync(clients[0], left);
            await SayAsync(clients[0], kept);
            await Task.WhenAll(clients.Select(client =>
                Eventually.EqualsAsync(2, () => Task.FromResult(client.Frames.Count(frame => frame.Type == "message")))));

            var tree = await WholeAsync(kept); // What came before has been exported then.

            var delivers = tree.Spans.Where(span => span.Name.StartsWith("deliver", StringComparison.Ordinal)).ToArray();
            Assert.Equal(["100", "100"], delivers.Select(span => span["tertulia.fan_out.receivers"]));
            Assert.All(delivers, deliver =>
            {
                // A node may not have heard of the last ones yet.
                Assert.InRange(int.Parse(deliver["tertulia.fan_out.members"]!, CultureInfo.InvariantCulture), 151, 200);
                Assert.Single(fixture.Received.Spans, span => span.TraceId == deliver.TraceId);
                Assert.True(deliver.Span.CalculateSize() < 1024, $"a fan-out of 100 receivers takes {deliver.Span.CalculateSize()} bytes");
            });

            Assert.Equal(
                Whole.Replace("deliver tertulia.node:{node_id}, ", "", StringComparison.Ordinal), SpanTree.Of(left, fixture.Received.Spans).Names);
        }
        finally
        {
            await Task.WhenAll(clients.Select(client => client.DisposeAsync().AsTask()));
        }
    }

    [Fact]
    public async Task A_latency_names_a_trace_and_nothing_that_was_written_leaves_the_cluster()
    {
        await using var ana = await ChatClient.JoinAsync(fixture.Cluster.NodeUrls[0], "exemplary", "ana");
        var traceId = TraceId(random: 5);
        await SayAsync(ana, traceId);
        var tree = await EventuallyAsync(traceId, found => found.Spans.Any(span => span.Name.StartsWith("deliver", StringComparison.Ordinal)));
        var deliver = tree.One("deliver tertulia.node:{node_id}");

        await Eventually.HoldsAsync(
            () => fixture.Received.Metrics.Any(metric => metric is { Name: "tertulia.delivery.latency", Unit: "s" }
                && metric.Histogram.DataPoints.SelectMany(point => point.Exemplars).Any(exemplar => ReceivedSpan.Hex(exemplar.TraceId) == deliver.TraceId)),
            "an exemplar of the latency names the trace of the fan-out");

        var names = fixture.Received.Metrics.Select(metric => metric.Name).ToHashSet(StringComparer.Ordinal);
        Assert.Superset(
            new HashSet<string>(
                ["tertulia.commands.oldest.age", "tertulia.follower.lag", "messaging.client.operation.duration", "rpc.server.call.duration"], StringComparer.Ordinal),
            names);
        await Eventually.HoldsAsync(() => fixture.Received.Logs.Count > 0, "log lines are pushed");
        Assert.False(fixture.Received.Contains(Secret), "the content of a message was exported");
    }

    [Fact]
    public async Task The_lines_on_the_console_are_objects_for_programs_when_they_are_wanted_so()
    {
        await Eventually.HoldsAsync(() => new FileInfo(fixture.Cluster.Connections[0].LogPath).Length > 0, "the node has logged something");

        var lines = await File.ReadAllLinesAsync(fixture.Cluster.Connections[0].LogPath);

        Assert.All(lines, line => Assert.Equal(JsonValueKind.Object, JsonDocument.Parse(line).RootElement.ValueKind));
        Assert.All(lines, line => Assert.DoesNotContain(Secret, line, StringComparison.Ordinal));
    }

    private Task<SpanTree> WholeAsync(string traceId) => EventuallyAsync(traceId, tree => tree.Names == Whole);

    private async Task<SpanTree> EventuallyAsync(string traceId, Func<SpanTree, bool> isWhole)
    {
        var tree = SpanTree.Of(traceId, fixture.Received.Spans);
        await Eventually.HoldsAsync(() => isWhole(tree = SpanTree.Of(traceId, fixture.Received.Spans)), "the trace is whole", () => tree.Names);
        return tree;
    }

    private static Task<Frame> SayAsync(ChatClient client, string traceId) =>
        client.AskAsync($"\"type\":\"message\",\"content\":\"{Secret}\",\"traceparent\":\"00-{traceId}-00f067aa0ba902b7-01\"");

    // The bits that are random decide about large rooms: low ones are kept.
    private static string TraceId(long random) => $"{Guid.NewGuid():N}"[..18] + random.ToString("x14", CultureInfo.InvariantCulture);

    private static async Task MatchDocumentAsync(SpanTree tree)
    {
        var text = await File.ReadAllTextAsync(Document);
        var rendered = $"<!-- tree -->\n```\n{tree.Render()}\n```\n<!-- /tree -->";
        if (Environment.GetEnvironmentVariable(Accept) == "1")
        {
            await File.WriteAllTextAsync(Document, Tree().Replace(text, rendered));
        }
        else
        {
            Assert.True(
                Tree().Match(text).Value == rendered, $"docs/tracing.md shows another tree; {Accept}=1 ./dev test telemetry writes this one:\n{rendered}");
        }
    }

    [GeneratedRegex("<!-- tree -->.*<!-- /tree -->", RegexOptions.Singleline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Tree();
}
