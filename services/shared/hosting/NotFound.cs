using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Tertulia.Contracts;

namespace Tertulia.Hosting;

/// <summary>The answer to a path, a method or a kind of body that there is not, and to a query that cannot be read: <c>application/problem+json</c> that says what
/// there is.</summary>
internal static class NotFound
{
    private const string WhatThereIs = "WebSockets are at /ws and /ws/{room_id}, the HTTP API is below /api/v1, and /health says how this process is.";

    /// <summary>Writes the body of a refusal that has none. A method that is only asked about (<c>OPTIONS</c>) is told which there are.</summary>
    public static Task AnswerAsync(StatusCodeContext context)
    {
        var (request, response) = (context.HttpContext.Request, context.HttpContext.Response);
        if (response.StatusCode == StatusCodes.Status405MethodNotAllowed)
        {
            response.Headers.Allow = Allowed(request, response.Headers.Allow);
            if (HttpMethods.IsOptions(request.Method))
            {
                response.StatusCode = StatusCodes.Status204NoContent;
                return Task.CompletedTask;
            }
        }

        return response.StatusCode switch
        {
            // Endpoints that were compiled with the program say no more of an optional value of the query that cannot be read.
            StatusCodes.Status400BadRequest => WriteAsync(context, title: null, "a value of the query is not of its parameter's type"),
            StatusCodes.Status404NotFound => WriteAsync(context, "Not found", $"There is nothing here. {WhatThereIs}"),
            StatusCodes.Status405MethodNotAllowed => WriteAsync(context, "Method not allowed", $"{request.Method} is not possible here; Allow says what is."),
            StatusCodes.Status406NotAcceptable => WriteAsync(context, "Not acceptable", "Answers are application/json, refusals application/problem+json."),
            StatusCodes.Status415UnsupportedMediaType => WriteAsync(context, "Unsupported media type", "the body must be application/json"),
            _ => Task.CompletedTask,
        };
    }

    // What is answered to GET is answered to HEAD in the API (HeadRequests), and OPTIONS always.
    private static string Allowed(HttpRequest request, Microsoft.Extensions.Primitives.StringValues routes)
    {
        var methods = routes.ToString().Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).ToList();
        if (methods.Contains(HttpMethods.Get) && HeadRequests.Answers(request.Path))
        {
            methods.Add(HttpMethods.Head);
        }

        return string.Join(", ", methods.Append(HttpMethods.Options).Distinct());
    }

    private static Task WriteAsync(StatusCodeContext context, string? title, string detail) =>
        Problems.WriteAsync(context.HttpContext, ErrorCode.BadRequest, detail, status: context.HttpContext.Response.StatusCode, title: title);
}
