using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Notifications.Admin;

/// <summary>Commands for operators, below <c>/admin</c>: only for those who know the internal secret, on every port.</summary>
internal static class AdminEndpoints
{
    /// <summary>The group that features add their commands to.</summary>
    public static RouteGroupBuilder MapAdmin(this IEndpointRouteBuilder app)
    {
        var group = app.MapGroup("/admin");
        group.AddEndpointFilter(async (context, next) =>
            InternalPeer.Sent(context.HttpContext) || context.HttpContext.RequestServices.GetRequiredService<InternalAuth>().Accepts(context.HttpContext.Request)
                ? HasNul(context.HttpContext.Request) ? Problems.From(ErrorCode.BadRequest, "a parameter holds U+0000") : await next(context)
                : Results.Unauthorized());
        return group;
    }

    // No database takes it, and nothing has it.
    private static bool HasNul(HttpRequest request) =>
        request.Path.Value!.Contains('\0', StringComparison.Ordinal) || request.Query.Any(one => one.Value.Any(value => value?.Contains('\0', StringComparison.Ordinal) == true));
}
