using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Net.Http.Headers;
using Microsoft.OpenApi;
using Scalar.AspNetCore;
using Tertulia.Contracts;

namespace Tertulia.Connections.Doors.Http;

/// <summary><c>/openapi/v1.json</c>: every endpoint of the HTTP API with its bodies, answers, refusals and examples; in the Development environment also a page to read
/// it and to try it, at <c>/openapi</c>, which loads nothing from elsewhere.</summary>
internal static class OpenApiDocuments
{
    private const string Version = "v1";
    private const string Path = "/openapi/v1.json";
    private const string Page = "/openapi";
    private const string Scheme = "bearer";
    private const int NonceBytes = 16;

    public static IServiceCollection AddOpenApiDocuments(this IServiceCollection services)
    {
        services.ConfigureHttpJsonOptions(json => json.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower);
        return services.AddOpenApi(Version, options =>
        {
            options.ShouldInclude = description => description.RelativePath?.StartsWith("api/", StringComparison.Ordinal) == true;
            options.AddDocumentTransformer((document, _, _) => DescribeDocument(document));
            options.AddOperationTransformer((operation, context, _) => DescribeOperation(operation, context.Description.RelativePath, context.Description.ActionDescriptor.EndpointMetadata));
        });
    }

    public static void MapOpenApiDocuments(this WebApplication app)
    {
        // Made once, when it is first asked for: it does not change, and nobody needs a token for it.
        var document = new Lazy<Task<byte[]>>(() => MakeAsync(app.Services));
        app.MapGet(Path, async () => TypedResults.Bytes(await document.Value, "application/json; charset=utf-8")).ExcludeFromDescription();
        if (app.Environment.IsDevelopment())
        {
            app.MapScalarApiReference(Page, Configure);
        }
    }

    /// <summary>The document as it is served.</summary>
    internal static async Task<byte[]> MakeAsync(IServiceProvider services)
    {
        var document = await services.GetRequiredKeyedService<IOpenApiDocumentProvider>(Version).GetOpenApiDocumentAsync(CancellationToken.None);
        using var bytes = new MemoryStream();
        await document.SerializeAsJsonAsync(bytes, OpenApiSpecVersion.OpenApi3_1, CancellationToken.None);
        return bytes.ToArray();
    }

    private static void Configure(ScalarOptions options, HttpContext context)
    {
        var nonce = Convert.ToBase64String(RandomNumberGenerator.GetBytes(NonceBytes));
        context.Response.Headers.ContentSecurityPolicy =
            $"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; "
            + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        context.Response.Headers[HeaderNames.XContentTypeOptions] = "nosniff";
        options.WithTitle("Tertulia").WithOpenApiRoutePattern(Path).WithNonce(nonce).DisableDefaultFonts().DisableTelemetry().DisableAgent();
    }

    private static Task DescribeDocument(OpenApiDocument document)
    {
        document.Info = new OpenApiInfo
        {
            Title = "Tertulia",
            Version = Version,
            Description = "The HTTP API of a conversation backend: the same rooms, ids, seqs and order as on its sockets. A change that is answered with 200, 201 or 204 is durable.",
        };
        document.Servers = [new OpenApiServer { Url = "/" }];
        document.Components ??= new OpenApiComponents();
        document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>(StringComparer.Ordinal)
        {
            [Scheme] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http, Scheme = Scheme, BearerFormat = "JWT", Description = "A token of the configured keys; also as the query parameter `token`.",
            },
        };
        document.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(Scheme, document)] = [] }];
        return Task.CompletedTask;
    }

    private static Task DescribeOperation(OpenApiOperation operation, string? path, IList<object> metadata)
    {
        // Of endpoints that are one command, which look at the path themselves.
        foreach (var name in (path ?? "").Split('/').Where(segment => segment is ['{', .., '}']).Select(segment => segment[1..^1]))
        {
            if (operation.Parameters?.Any(parameter => parameter.In == ParameterLocation.Path && parameter.Name == name) != true)
            {
                (operation.Parameters ??= []).Add(new OpenApiParameter
                {
                    Name = name, In = ParameterLocation.Path, Required = true, Schema = new OpenApiSchema { Type = JsonSchemaType.String },
                });
            }
        }

        foreach (var example in metadata.OfType<RouteExample>().Where(example => example.Json is not null))
        {
            var content = example.Status is { } status ? operation.Responses?[$"{status}"].Content : operation.RequestBody?.Content;
            if (content is not null && content.TryGetValue("application/json", out var media))
            {
                media.Example = JsonNode.Parse(example.Json!);
            }
        }

        var key = metadata.OfType<TakesIdempotencyKey>().LastOrDefault();
        if (key is not null)
        {
            (operation.Parameters ??= []).Add(new OpenApiParameter
            {
                Name = IdempotencyKey.Header, In = ParameterLocation.Header, Description = "A repeated request with the same key has the first one's result, whichever node gets it.",
                Schema = new OpenApiSchema { Type = JsonSchemaType.String, MinLength = 1, MaxLength = IdempotencyKey.MaxChars },
            });
        }

        if (metadata.OfType<Refusals>().LastOrDefault() is { } refusals)
        {
            DescribeRefusals(operation, [.. RouteDescriptions.Always, .. refusals.Codes]);
        }

        if (key is not null)
        {
            DescribeRepeat(operation, IdempotencyKey.Reused);
            DescribeRepeat(operation, key.KeepsAnswer ? KeptAnswers.UnderWay : null);
        }

        return Task.CompletedTask;
    }

    // One example for each code, so that a reader sees which of them may come.
    private static void DescribeRefusals(OpenApiOperation operation, IEnumerable<ErrorCode> codes)
    {
        foreach (var group in codes.Distinct().Select(ErrorCatalog.Of).GroupBy(entry => entry.Status))
        {
            if (operation.Responses?.GetValueOrDefault($"{group.Key}") is not OpenApiResponse response || response.Content?.Values.FirstOrDefault() is not { } media)
            {
                continue;
            }

            response.Description = string.Join(", ", group.Select(entry => entry.Name));
            media.Examples = group.ToDictionary(
                entry => entry.Name,
                entry => (IOpenApiExample)ExampleOf(entry, entry.Status),
                StringComparer.Ordinal);
        }
    }

    // Of a key that comes again: a status that is not its code's own.
    private static void DescribeRepeat(OpenApiOperation operation, Refused? refused)
    {
        if (refused is { Status: { } status } && operation.Responses?.GetValueOrDefault($"{status}") is OpenApiResponse response && response.Content?.Values.FirstOrDefault() is { } media)
        {
            var entry = ErrorCatalog.Of(refused.Code);
            media.Examples ??= new Dictionary<string, IOpenApiExample>(StringComparer.Ordinal);
            media.Examples[entry.Name] = ExampleOf(entry, status);
            response.Description = string.Join(", ", media.Examples.Keys.SkipLast(1).Append($"{entry.Name}: {refused.Detail}"));
        }
    }

    private static OpenApiExample ExampleOf(ErrorEntry entry, int status) => new OpenApiExample
    {
        Value = new JsonObject
        {
            ["type"] = $"urn:tertulia:error:{entry.Name}",
            ["title"] = entry.Message,
            ["status"] = status,
            ["code"] = (int)entry.Code,
            ["name"] = entry.Name,
            ["temporary"] = entry.Temporary,
        },
    };
}
