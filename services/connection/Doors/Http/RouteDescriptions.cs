using System.Diagnostics.CodeAnalysis;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Doors.Http;

/// <summary>What an endpoint says of itself, for the OpenAPI document (<see cref="OpenApiDocuments"/>).</summary>
internal static class RouteDescriptions
{
    private const string ProblemType = "application/problem+json";

    /// <summary>What any request may be refused for.</summary>
    public static IReadOnlyList<ErrorCode> Always { get; } =
    [
        ErrorCode.BadRequest, ErrorCode.AuthRequired, ErrorCode.InvalidToken, ErrorCode.TokenExpired, ErrorCode.TokenRevoked, ErrorCode.RateLimited, ErrorCode.Internal, ErrorCode.Unavailable,
    ];

    /// <param name="route">The endpoint.</param>
    /// <param name="name">Of the operation, unique: <c>send_message</c>.</param>
    /// <param name="summary">One sentence.</param>
    public static RouteHandlerBuilder Describe(this RouteHandlerBuilder route, string name, string summary) => route.WithName(name).WithSummary(summary);

    /// <summary>The body, as JSON. The type is for the document only: the body is read as a frame is.</summary>
    public static RouteHandlerBuilder Takes<TBody>(this RouteHandlerBuilder route, [StringSyntax(StringSyntaxAttribute.Json)] string? example = null)
        where TBody : class => route.Accepts<TBody>("application/json").WithMetadata(new RouteExample(Status: null, example));

    /// <summary>The answer. The type is for the document only.</summary>
    public static RouteHandlerBuilder Answers<TBody>(
        this RouteHandlerBuilder route, int status = StatusCodes.Status200OK, [StringSyntax(StringSyntaxAttribute.Json)] string? example = null,
        string contentType = "application/json") => route.Produces<TBody>(status, contentType).WithMetadata(new RouteExample(status, example));

    /// <summary>The endpoint knows <c>Idempotency-Key</c>: it is that of the message that it writes, in the room's log.</summary>
    public static RouteHandlerBuilder TakesKey(this RouteHandlerBuilder route) =>
        route.WithMetadata(new TakesIdempotencyKey(KeepsAnswer: false)).Produces<Problem>(StatusCodes.Status422UnprocessableEntity, ProblemType);

    /// <summary>The endpoint knows <c>Idempotency-Key</c>: its answers are kept (<see cref="KeptAnswers"/>).</summary>
    public static RouteHandlerBuilder KeepsAnswers(this RouteHandlerBuilder route) => route
        .WithMetadata(new TakesIdempotencyKey(KeepsAnswer: true))
        .Produces<Problem>(StatusCodes.Status409Conflict, ProblemType)
        .Produces<Problem>(StatusCodes.Status422UnprocessableEntity, ProblemType)
        .AddEndpointFilter<KeptAnswers>();

    /// <summary>What it may be refused for, besides what every request may be.</summary>
    public static RouteHandlerBuilder Refuses(this RouteHandlerBuilder route, params ErrorCode[] codes)
    {
        foreach (var status in Always.Concat(codes).Select(code => ErrorCatalog.Of(code).Status).Distinct().Order())
        {
            route.Produces<Problem>(status, ProblemType);
        }

        return route.WithMetadata(new Refusals(codes));
    }
}

/// <summary>The refusals that an endpoint documents, besides those of every endpoint.</summary>
internal sealed record Refusals(IReadOnlyList<ErrorCode> Codes);

/// <summary>An example of a body or an answer.</summary>
/// <param name="Status">Of the answer; null: it is the request's body.</param>
/// <param name="Json">Null when there is none.</param>
internal sealed record RouteExample(int? Status, string? Json);

/// <summary>The endpoint knows <c>Idempotency-Key</c>.</summary>
/// <param name="KeepsAnswer">The answer is kept; else the key is that of what is written.</param>
internal sealed record TakesIdempotencyKey(bool KeepsAnswer);

/// <summary>A refusal, as <see cref="Problems"/> writes it.</summary>
/// <param name="Type"><c>urn:tertulia:error:</c> and the name.</param>
/// <param name="Title">The catalog's sentence.</param>
/// <param name="Status">As the answer's.</param>
/// <param name="Detail">A sentence for a developer; absent when the title says enough.</param>
/// <param name="Code">As in an <c>error</c> frame.</param>
/// <param name="Name">As in an <c>error</c> frame.</param>
/// <param name="Temporary">Trying again later can succeed without a change of the request.</param>
/// <param name="RetryAfterMs">Milliseconds after which trying again makes sense; absent when unknown.</param>
internal sealed record Problem(string Type, string Title, int Status, string? Detail, int Code, string Name, bool Temporary, long? RetryAfterMs);
