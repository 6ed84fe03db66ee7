using System.Net;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Events;
using Tertulia.Connections.Limits;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Verbs;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Doors.Http;

/// <summary><c>GET /api/v1/stream?rooms=a,b</c>: a read-only session whose wire is a stream of Server-Sent Events. It enters the rooms as a socket does, resumes them by
/// <c>Last-Event-ID</c>, and is closed, moved and held back as a socket is.</summary>
internal sealed class EventStreams(
    ISessionFlow flow, NativeFormat native, SessionSweeper sweeper, ConnectionCounts counts, IOptions<OutboxOptions> outboxes, IOptions<LimitOptions> limits,
    OutboxBudget budget, TimeProvider time)
{
    private const string ContentType = "text/event-stream";
    private const int MaxRooms = 100;
    private const int RetryMs = 2000; // After which a browser comes back: its own default is up to 5 s.

    private readonly SseFormat _format = new(native);

    /// <summary>Maps the endpoint.</summary>
    public static void Map(IEndpointRouteBuilder api) => api.MapGet("/stream", StreamAsync)
        .WithMetadata(new HttpGuard(Allowance.Free))
        .Describe("stream", "The events of some rooms as Server-Sent Events, each the JSON of a socket's frame. Last-Event-ID resumes all rooms.")
        .Answers<string>(contentType: ContentType)
        .Refuses(ErrorCode.LimitExceeded);

    /// <param name="rooms">Room ids, separated by commas, at most 100.</param>
    /// <param name="lastEventId">Positions to resume from, for clients that cannot send the header <c>Last-Event-ID</c>.</param>
    /// <param name="history">Messages of history of a room that is not resumed, 0 to 100; default 50.</param>
    /// <param name="caller">Who reads.</param>
    /// <param name="context">The request.</param>
    /// <param name="streams">Serves it.</param>
    internal static async Task<IResult> StreamAsync(
        string rooms, [FromQuery(Name = "last_event_id")] string? lastEventId, int? history, Caller caller, HttpContext context, EventStreams streams)
    {
        var ids = rooms.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var last = context.Request.Headers["Last-Event-ID"].ToString() is { Length: > 0 } header ? header : lastEventId ?? "";
        if (ids.Length == 0 || ids.Length > streams.MaxRoomsOfOne || !Array.TrueForAll(ids, id => RoomIdFormat.IsValid(id)) || history is < 0 or > LimitOptions.MaxHistoryPage)
        {
            return new Refused(ErrorCode.BadRequest, $"rooms are 1 to {streams.MaxRoomsOfOne} room ids, separated by commas; history is 0 to {LimitOptions.MaxHistoryPage}");
        }

        if (Positions.Parse(last, epoch: "", MaxRooms) is not { } positions)
        {
            return new Refused(ErrorCode.BadRequest, "Last-Event-ID: " + Positions.Rule);
        }

        return await streams.ServeAsync(context, caller, [.. ids.Distinct(StringComparer.Ordinal)], positions, history) ?? Results.Empty;
    }

    private int MaxRoomsOfOne => limits.Value.RoomsPerConnection == 0 ? MaxRooms : Math.Min(MaxRooms, limits.Value.RoomsPerConnection);

    /// <returns>Null when it was served to its end.</returns>
    private async Task<IResult?> ServeAsync(
        HttpContext context, Caller caller, string[] rooms, IReadOnlyList<(string RoomId, Position Position)> positions, int? history)
    {
        var address = ForwardedClient.Of(context).Address;
        if (!TryCount(caller, address))
        {
            return new Refused(ErrorCode.LimitExceeded, "too many connections");
        }

        try
        {
            await BeginAsync(context);
            var wire = new SseWire(context.Response.Body, context.Abort, _format, [.. positions.Where(position => rooms.Contains(position.RoomId))], time);
            var outbox = new Outbox(wire, outboxes.Value, time, budget);
            var session = new Session(Guid.CreateVersion7().ToString("N"), new SessionOpening(caller, null, null, GatewayOf(context.Request), address), outbox);
            wire.Taken = session.Heard;
            await RunAsync(session, rooms, positions, history, context.RequestAborted);
            return null;
        }
        finally
        {
            counts.Remove(address);
            counts.RemoveUser(caller.UserId);
        }
    }

    private async Task RunAsync(
        Session session, string[] rooms, IReadOnlyList<(string RoomId, Position Position)> positions, int? history, CancellationToken aborted)
    {
        sweeper.Add(session);
        try
        {
            await flow.OpenedAsync(session, aborted);
            foreach (var roomId in rooms)
            {
                var since = positions.FirstOrDefault(position => position.RoomId == roomId).Position;
                await flow.OnCommandAsync(session, new JoinCommand { RoomId = roomId, Since = since, History = history }, aborted);
            }

            await session.Outbox.WhenEndedAsync().WaitAsync(aborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        finally
        {
            session.Outbox.End();
            await session.Outbox.WhenEndedAsync().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // Nothing writes to the response any more.
            await flow.ClosedAsync(session);
            sweeper.Remove(session);
        }
    }

    private static async Task BeginAsync(HttpContext context)
    {
        var response = context.Response;
        response.ContentType = ContentType;
        response.Headers[HeaderNames.CacheControl] = "no-store";
        response.Headers["X-Accel-Buffering"] = "no"; // Proxies that would gather it.
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        if (context.Features.Get<IHttpMinResponseDataRateFeature>() is { } rate)
        {
            rate.MinDataRate = null; // A slow reader is the outbox's matter.
        }

        await response.Body.WriteAsync(System.Text.Encoding.ASCII.GetBytes($"retry: {RetryMs}\n\n"), context.RequestAborted);
        await response.Body.FlushAsync(context.RequestAborted);
    }

    private bool TryCount(Caller caller, IPAddress? address)
    {
        if (!counts.TryAdd(address))
        {
            return false;
        }

        if (counts.TryAddUser(caller.UserId))
        {
            return true;
        }

        counts.Remove(address);
        return false;
    }

    private static string? GatewayOf(HttpRequest request) =>
        request.Headers[InternalAuthSetup.GatewayIdHeader].ToString() is { Length: > 0 } gatewayId ? gatewayId : null;
}
