using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;

namespace Tertulia.Hosting;

/// <summary>The answer to a path or a method that does not exist: <c>application/problem+json</c> that says what there is.</summary>
internal static class NotFound
{
    private const string WhatThereIs = "WebSockets are at /ws and /ws/{room_id}, the HTTP API is below /api/v1, and /health says how this process is.";

    /// <summary>Writes the body of a 404 or 405 that has none.</summary>
    public static Task AnswerAsync(StatusCodeContext context)
    {
        var http = context.HttpContext;
        return http.Response.StatusCode switch
        {
            StatusCodes.Status404NotFound => Results.Problem(
                $"There is nothing here. {WhatThereIs}", http.Request.Path, StatusCodes.Status404NotFound, "Not found").ExecuteAsync(http),
            StatusCodes.Status405MethodNotAllowed => Results.Problem(
                $"{http.Request.Method} is not possible here; Allow says what is.", http.Request.Path, StatusCodes.Status405MethodNotAllowed, "Method not allowed").ExecuteAsync(http),
            _ => Task.CompletedTask,
        };
    }
}
