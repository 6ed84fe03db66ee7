using System.Text.Json;
using Google.Protobuf;
using Microsoft.AspNetCore.Routing;
using Tertulia.Connections.Doors.Http;
using Tertulia.Connections.Doors.Native;
using Tertulia.Contracts;
using Tertulia.Testing;

namespace Tertulia.Connections.Tests.Doors.Http;

/// <summary>The OpenAPI document says what there is, and what it says is so.</summary>
public sealed class OpenApiTests : IAsyncLifetime
{
    private const string Read = "get_users_presence"; // Asks in a body: a repeated one has the answer of its own moment.

    private HttpHost _host = null!;
    private JsonElement _document;

    public async Task InitializeAsync()
    {
        _host = await HttpHost.StartAsync(("Environment", "Development"), ("Auth:Mode", "Development"));
        var answer = await _host.SendAsync(HttpMethod.Get, "/openapi/v1.json", userId: null);
        Assert.Equal((200, "application/json"), (answer.Status, answer.ContentType));
        _document = answer.Json;
    }

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Fact]
    public void Every_endpoint_is_in_it_with_a_name_a_sentence_and_its_refusals()
    {
        var endpoints = _host.Of<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>().Where(endpoint => endpoint.Metadata.GetMetadata<HttpGuard>() is not null).ToArray();
        var names = new List<string>();

        Assert.NotEmpty(endpoints);
        foreach (var endpoint in endpoints)
        {
            foreach (var method in endpoint.Metadata.GetRequiredMetadata<HttpMethodMetadata>().HttpMethods)
            {
                var path = "/" + endpoint.RoutePattern.RawText!.Trim('/');
                JsonElement operation = default;
                var isThere = _document.GetProperty("paths").TryGetProperty(path, out var item) && item.TryGetProperty(method.ToLowerInvariant(), out operation);
                Assert.True(isThere, $"{method} {path} is not described");
                Assert.True(operation.TryGetProperty("summary", out _), $"{method} {path} has no summary: Describe(…)");
                names.Add(operation.GetProperty("operationId").GetString()!);
                var takesKey = endpoint.Metadata.GetMetadata<TakesIdempotencyKey>() is not null;
                Assert.True(takesKey == (method == "POST" && names[^1] != Read), $"{method} {path} and Idempotency-Key: TakesKey() or KeepsAnswers()");
                var refusals = endpoint.Metadata.GetMetadata<Refusals>();
                Assert.True(refusals is not null, $"{method} {path} says nothing of its refusals: Refuses(…)");
                foreach (var entry in RouteDescriptions.Always.Concat(refusals.Codes).Select(ErrorCatalog.Of))
                {
                    var problem = operation.GetProperty("responses").GetProperty($"{entry.Status}").GetProperty("content").GetProperty("application/problem+json");
                    Assert.Equal("#/components/schemas/Problem", problem.GetProperty("schema").GetProperty("$ref").GetString());
                    Assert.Equal((int)entry.Code, problem.GetProperty("examples").GetProperty(entry.Name).GetProperty("value").GetProperty("code").GetInt32());
                }
            }
        }

        Assert.Equal(names.Distinct(), names);
    }

    [Fact]
    public void Every_body_and_answer_has_an_example_of_its_schema()
    {
        foreach (var (place, media) in Media())
        {
            Assert.True(media.TryGetProperty("example", out var example), $"{place} has no example");
            AssertFits(place, example, media.GetProperty("schema"));
        }
    }

    [Fact]
    public async Task A_problem_has_the_fields_of_its_schema()
    {
        var refused = await _host.SendAsync(HttpMethod.Get, "/api/v1/rooms", userId: null);

        AssertFits("a problem", refused.Json, _document.GetProperty("components").GetProperty("schemas").GetProperty("Problem"));
    }

    [Fact]
    public void What_is_written_of_a_message_is_in_its_schema()
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes, FrameJson.Options))
        {
            json.WriteStartObject();
            FrameJson.WriteMessageFields(json, Whole());
            json.WriteEndObject();
        }

        AssertFits("a message", JsonDocument.Parse(bytes.ToArray()).RootElement, _document.GetProperty("components").GetProperty("schemas").GetProperty("MessageItem"));
    }

    [Fact]
    public async Task In_development_there_is_a_page_that_loads_nothing_from_elsewhere()
    {
        var page = await _host.SendAsync(HttpMethod.Get, "/openapi/", userId: null);

        Assert.Equal((200, "text/html"), (page.Status, page.ContentType));
        Assert.StartsWith("default-src 'none'; script-src 'self' 'nonce-", page.Headers["Content-Security-Policy"], StringComparison.Ordinal);
        var nonce = page.Headers["Content-Security-Policy"].Split("'nonce-")[1].Split('\'')[0];
        Assert.Contains(nonce, page.Body.Replace("&#x2B;", "+", StringComparison.Ordinal), StringComparison.Ordinal);
        foreach (var source in page.Body.Split("src=\"").Skip(1).Select(rest => rest.Split('"')[0]))
        {
            Assert.DoesNotContain("//", source, StringComparison.Ordinal);
            Assert.Equal(200, (await _host.SendAsync(HttpMethod.Get, new Uri(new Uri(_host.Address, "/openapi/"), source).AbsolutePath, userId: null)).Status);
        }
    }

    [Fact]
    public async Task In_production_there_is_the_document_and_no_page()
    {
        await using var host = await HttpHost.StartAsync();

        Assert.Equal(200, (await host.SendAsync(HttpMethod.Get, "/openapi/v1.json", userId: null)).Status);
        Assert.Equal(404, (await host.SendAsync(HttpMethod.Get, "/openapi/", userId: null)).Status);
        Assert.Equal(404, (await host.SendAsync(HttpMethod.Post, "/api/v1/auth/token", userId: null, "{}")).Status);
    }

    private IEnumerable<(string Place, JsonElement Media)> Media()
    {
        foreach (var path in _document.GetProperty("paths").EnumerateObject())
        {
            foreach (var operation in path.Value.EnumerateObject())
            {
                var bodies = new List<(string, JsonElement)>();
                if (operation.Value.TryGetProperty("requestBody", out var body))
                {
                    bodies.Add(("body", body));
                }

                bodies.AddRange(operation.Value.GetProperty("responses").EnumerateObject().Where(response => response.Name[0] == '2').Select(response => (response.Name, response.Value)));
                foreach (var (name, owner) in bodies)
                {
                    if (owner.TryGetProperty("content", out var content) && content.TryGetProperty("application/json", out var media))
                    {
                        yield return ($"{operation.Name} {path.Name} {name}", media);
                    }
                }
            }
        }
    }

    // Enough of JSON Schema for what the document uses: references, properties, items.
    private void AssertFits(string place, JsonElement value, JsonElement schema)
    {
        while (schema.TryGetProperty("$ref", out var reference))
        {
            schema = _document.GetProperty("components").GetProperty("schemas").GetProperty(reference.GetString()!.Split('/')[^1]);
        }

        foreach (var way in new[] { "oneOf", "anyOf" })
        {
            if (schema.TryGetProperty(way, out var several) && value.ValueKind != JsonValueKind.Null)
            {
                AssertFits(place, value, several.EnumerateArray().First(one => !one.TryGetProperty("type", out var type) || type.ToString() != "null"));
                return;
            }
        }

        if (value.ValueKind == JsonValueKind.Object && schema.TryGetProperty("properties", out var properties))
        {
            foreach (var field in value.EnumerateObject())
            {
                Assert.True(properties.TryGetProperty(field.Name, out var inner), $"{place}: {field.Name} is not in the schema");
                AssertFits($"{place}.{field.Name}", field.Value, inner);
            }
        }
        else if (value.ValueKind == JsonValueKind.Array && schema.TryGetProperty("items", out var items))
        {
            foreach (var item in value.EnumerateArray())
            {
                AssertFits(place, item, items);
            }
        }
    }

    // Everything set, also what the contract gets later.
    private static Message Whole()
    {
        var message = new Message();
        foreach (var field in Message.Descriptor.Fields.InDeclarationOrder().Where(field => !field.IsRepeated))
        {
            object? value = field.FieldType switch
            {
                Google.Protobuf.Reflection.FieldType.String => field.Name,
                Google.Protobuf.Reflection.FieldType.Int64 => 1_900_000_000_000 + field.FieldNumber,
                Google.Protobuf.Reflection.FieldType.Int32 => 7,
                Google.Protobuf.Reflection.FieldType.UInt32 => 7u,
                Google.Protobuf.Reflection.FieldType.UInt64 => 7ul,
                Google.Protobuf.Reflection.FieldType.Bool => true,
                Google.Protobuf.Reflection.FieldType.Bytes => ByteString.CopyFromUtf8("""{"a":1}"""),
                _ => null,
            };
            if (value is not null)
            {
                field.Accessor.SetValue(message, value);
            }
        }

        message.Reactions.Add(new Reaction { Emoji = "+1", Count = 1, UserIds = { "ana" } });
        return message;
    }
}
