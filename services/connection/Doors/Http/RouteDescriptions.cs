using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Doors.Http;

/// <summary>The refusals that an endpoint documents, besides those of every endpoint.</summary>
internal sealed record Refusals(IReadOnlyList<ErrorCode> Codes);

/// <summary>What an endpoint says of itself, for the OpenAPI document.</summary>
internal static class RouteDescriptions
{
    private const string ProblemType = "application/problem+json";

    /// <summary>What any request may be refused for.</summary>
    public static IReadOnlyList<ErrorCode> Always { get; } =
    [
        ErrorCode.BadRequest, ErrorCode.AuthRequired, ErrorCode.InvalidToken, ErrorCode.TokenExpired, ErrorCode.RateLimited, ErrorCode.Internal, ErrorCode.Unavailable,
    ];

    /// <param name="route">The endpoint.</param>
    /// <param name="name">Of the operation, unique: <c>send_message</c>.</param>
    /// <param name="summary">One sentence.</param>
    public static RouteHandlerBuilder Describe(this RouteHandlerBuilder route, string name, string summary) => route.WithName(name).WithSummary(summary);

    /// <summary>The body, as JSON. The type is for the document only: the body is read as a frame is.</summary>
    public static RouteHandlerBuilder Takes<TBody>(this RouteHandlerBuilder route)
        where TBody : class => route.Accepts<TBody>("application/json");

    /// <summary>The answer. The type is for the document only.</summary>
    public static RouteHandlerBuilder Answers<TBody>(this RouteHandlerBuilder route, int status = StatusCodes.Status200OK) => route.Produces<TBody>(status);

    /// <summary>What it may be refused for, besides what every request may be.</summary>
    public static RouteHandlerBuilder Refuses(this RouteHandlerBuilder route, params ErrorCode[] codes)
    {
        foreach (var status in Always.Concat(codes).Select(code => ErrorCatalog.Of(code).Status).Distinct().Order())
        {
            route.Produces<Microsoft.AspNetCore.Mvc.ProblemDetails>(status, ProblemType);
        }

        return route.WithMetadata(new Refusals(codes));
    }
}
