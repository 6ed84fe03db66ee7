using System.Globalization;
using Grpc.Core;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Limits;
using Tertulia.Connections.Verbs;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Doors.Http;

/// <summary>How an endpoint of the HTTP API is guarded; of several the last one counts.</summary>
/// <param name="Allowance">From which allowance a request is taken: <see cref="Allowance.Event"/> or <see cref="Allowance.Free"/>.</param>
/// <param name="ServicesOnly">For services and admins, whose requests are not counted.</param>
/// <param name="MaxBodyBytes">Bytes of a request's body at most; null: as many as a frame of a socket may have.</param>
internal sealed record HttpGuard(Allowance Allowance = Allowance.Event, int? MaxBodyBytes = null, bool ServicesOnly = false);

/// <summary>What every request of the HTTP API passes before its endpoint: the token, the allowance of its user, the size of its body, the form of the ids in its
/// path. And the one place where a failed call or a bug becomes a problem.</summary>
internal sealed partial class HttpAccess(
    RequestDelegate next, RequestIdentity identity, UserRates rates, FreeRates freeRates, IOptions<LimitOptions> limits, ILogger<HttpAccess> logger)
{
    private const int MaxPathValueChars = 128;

    private readonly int _maxBodyBytes = limits.Value.EffectiveFrameBytes;

    public async Task InvokeAsync(HttpContext context)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<HttpGuard>() is not { } guard)
        {
            await next(context);
            return;
        }

        try
        {
            if (await RefusalAsync(context, guard) is { } refusal)
            {
                await refusal.ExecuteAsync(context);
                return;
            }

            if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            {
                size.MaxRequestBodySize = guard.MaxBodyBytes ?? _maxBodyBytes;
            }

            await next(context);
        }
        catch (Exception exception) when (context.RequestAborted.IsCancellationRequested && exception is OperationCanceledException or RpcException or IOException)
        {
            return; // The client is gone.
        }
        catch (Exception exception) when (!context.Response.HasStarted)
        {
            context.Response.Clear();
            await Translate(exception, context).ExecuteAsync(context);
        }
    }

    private async ValueTask<Refused?> RefusalAsync(HttpContext context, HttpGuard guard)
    {
        var (caller, error) = await identity.OfAsync(context.Request, context.RequestAborted);
        if (caller is null)
        {
            error = error == ErrorCode.Unspecified ? ErrorCode.AuthRequired : error;
            if (ErrorCatalog.Of(error).Status == StatusCodes.Status401Unauthorized)
            {
                context.Response.Headers.WWWAuthenticate = "Bearer";
            }

            return new Refused(error);
        }

        if (guard.ServicesOnly)
        {
            context.Features.Set(caller);
            return caller.IsPrivileged ? null : new Refused(ErrorCode.Forbidden);
        }

        var allowed = guard.Allowance == Allowance.Free
            ? freeRates.TryTake(caller.UserId, out var retryAfterMs)
            : rates.TryTake(caller.UserId, out retryAfterMs);
        if (!allowed)
        {
            return new Refused(ErrorCode.RateLimited, RetryAfterMs: retryAfterMs);
        }

        context.Features.Set(caller);
        return CheckPath(context.Request.RouteValues);
    }

    // Path segments name things: what no store, log or encoder has to bear does not come further.
    private static Refused? CheckPath(RouteValueDictionary values)
    {
        foreach (var (name, value) in values)
        {
            var text = Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
            if (name == "roomId" ? !RoomIdFormat.IsValid(text) : !IdentityText.IsClean(text, MaxPathValueChars))
            {
                return new Refused(ErrorCode.BadRequest, name == "roomId" ? RoomIdFormat.Rule : $"{name} in the path must be 1 to {MaxPathValueChars} characters without control characters");
            }
        }

        return null;
    }

    private Refused Translate(Exception exception, HttpContext context)
    {
        switch (exception)
        {
            case RpcException rpc:
                return Refused.Of(RpcErrors.ToRefusal(rpc));
            case BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge }:
                return new Refused(ErrorCode.TooLarge, "the body is larger than it may be");
            case BadHttpRequestException bad:
                return new Refused(ErrorCode.BadRequest, bad.InnerException is null ? bad.Message : "the request is malformed");
            default:
                LogFailed(exception, context.Request.Method, context.GetEndpoint()?.DisplayName ?? "");
                return new Refused(ErrorCode.Internal);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "{Method} {Endpoint} failed")]
    private partial void LogFailed(Exception exception, string method, string endpoint);
}

/// <summary>A refusal as <c>application/problem+json</c> (RFC 9457), with <c>Retry-After</c> when the time is known.</summary>
/// <param name="Code">Of the catalog.</param>
/// <param name="Detail">A sentence for a developer; null or empty for the catalog's.</param>
/// <param name="RetryAfterMs">Milliseconds; 0 when unknown.</param>
/// <param name="Status">A more exact status than the catalog's; null for that one.</param>
internal sealed record Refused(ErrorCode Code, string? Detail = null, long RetryAfterMs = 0, int? Status = null) : IResult
{
    private const long LaterMs = 1_000;

    /// <summary>What a service said.</summary>
    public static Refused Of(Refusal refusal) => new(refusal.Code, refusal.Detail, refusal.RetryAfterMs);

    /// <summary>The outcome of a command that is no acknowledgement.</summary>
    public static Refused Of(ServerEvent outcome) => outcome is ErrorEvent error ? new(error.Code, error.Message, error.RetryAfterMs) : new(ErrorCode.Internal);

    /// <inheritdoc />
    public Task ExecuteAsync(HttpContext httpContext)
    {
        httpContext.Response.Headers[HeaderNames.CacheControl] = "no-store";
        return Problems.WriteAsync(httpContext, Code, string.IsNullOrEmpty(Detail) ? null : Detail, Later(), Status);
    }

    // What does not work now is tried again soon, also where nobody can say when.
    private long? Later() => RetryAfterMs > 0 ? RetryAfterMs : ErrorCatalog.Of(Code) is { Status: StatusCodes.Status503ServiceUnavailable } ? LaterMs : null;
}
