using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Verbs;
using Tertulia.Contracts;

namespace Tertulia.Connections.Doors.Http;

/// <summary>What is known of a user: handed out, and deleted.</summary>
internal static class UserEndpoints
{
    private const string Example = """{"user_id":"42","state":"running","requested_at":"2026-11-28T09:00:00.000Z","requested_by":"root","parts":16,"parts_done":3}""";

    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/users/{userId}/export", ExportAsync)
            .Describe("export_user", "All that is known of a user, as a stream of JSON lines. For the user and for admins and services.")
            .Answers<ExportLine>(example: """{"type":"membership","data":{"room_id":"lobby","role":"member","read_seq":42}}""", contentType: "application/x-ndjson")
            .Refuses(ErrorCode.Forbidden)
            .WithMetadata(new HttpGuard(Allowance.Free));
        api.MapDelete("/users/{userId}", EraseAsync)
            .Describe("delete_user", "Deletes what is known of a user, step by step; the user's tokens are void at once. For admins and services, and for the user where it is configured.")
            .Answers<DeletionAnswer>(StatusCodes.Status202Accepted, Example)
            .Refuses(ErrorCode.Forbidden, ErrorCode.LimitExceeded)
            .WithMetadata(new HttpGuard(Allowance.Free));
        api.MapGet("/users/{userId}/deletion", GetDeletionAsync)
            .Describe("get_user_deletion", "How far the deletion of a user is. For admins and services.")
            .Answers<DeletionAnswer>(example: Example)
            .Refuses(ErrorCode.Forbidden)
            .WithMetadata(new HttpGuard(Allowance.Free));
    }

    /// <param name="userId">The user; <c>me</c> is the caller.</param>
    /// <param name="caller">Who asks.</param>
    /// <param name="export">Reads what there is.</param>
    /// <param name="records">The audit log.</param>
    /// <param name="cancellationToken">The client went.</param>
    internal static async Task<IResult> ExportAsync(string userId, Caller caller, UserExports export, ActionRecords records, CancellationToken cancellationToken)
    {
        userId = IdOf(userId, caller);
        if (!MayAsk(userId, caller))
        {
            return new Refused(ErrorCode.Forbidden, "a user is exported by itself, with a token without a rooms claim, or by admins and services");
        }

        await records.AddAsync(caller, "user_exported", "", userId, "", cancellationToken);
        return await export.BeginAsync(caller, userId, cancellationToken);
    }

    /// <param name="userId">The user; <c>me</c> is the caller.</param>
    /// <param name="messages"><c>delete</c> (default): they become tombstones. <c>keep</c>: they stay, without the user's name.</param>
    /// <param name="caller">Who asks.</param>
    /// <param name="privacy">Does it.</param>
    /// <param name="options">Whether users may.</param>
    /// <param name="auth">For how long tokens may live.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">The client went.</param>
    /// <returns>202: it is durable that it will be done.</returns>
    internal static async Task<IResult> EraseAsync(
        string userId, string? messages, Caller caller, PrivacyService.PrivacyServiceClient privacy, IOptions<PrivacyOptions> options, IOptions<AuthOptions> auth,
        TimeProvider time, CancellationToken cancellationToken)
    {
        userId = IdOf(userId, caller);
        if (!caller.IsPrivileged && !(options.Value.SelfDeletion && MayAsk(userId, caller)))
        {
            return new Refused(ErrorCode.Forbidden);
        }

        if (messages is not (null or "delete" or "keep"))
        {
            return new Refused(ErrorCode.BadRequest, "messages is delete or keep");
        }

        var asked = new EraseUserRequest
        {
            Actor = caller.ToActor(""), UserId = userId, KeepsMessages = messages == "keep",
            RevokeUntilMs = (time.GetUtcNow() + auth.Value.RevocationLife).ToUnixTimeMilliseconds(),
        };
        var state = await privacy.EraseUserAsync(asked, deadline: DateTime.UtcNow + HttpDoor.ReadDeadline, cancellationToken: cancellationToken);
        return HttpJson.Accepted(json => Write(json, state));
    }

    /// <param name="userId">The user; <c>me</c> is the caller.</param>
    /// <param name="caller">Who asks.</param>
    /// <param name="privacy">Knows it.</param>
    /// <param name="cancellationToken">The client went.</param>
    internal static async Task<IResult> GetDeletionAsync(string userId, Caller caller, PrivacyService.PrivacyServiceClient privacy, CancellationToken cancellationToken)
    {
        userId = IdOf(userId, caller);
        if (!MayAsk(userId, caller))
        {
            return new Refused(ErrorCode.Forbidden);
        }

        var state = await privacy.GetErasureAsync(
            new GetErasureRequest { UserId = userId }, deadline: DateTime.UtcNow + HttpDoor.ReadDeadline, cancellationToken: cancellationToken);
        return HttpJson.Ok(json => Write(json, state));
    }

    private static string IdOf(string userId, Caller caller) => userId == "me" ? caller.UserId : userId;

    private static bool MayAsk(string userId, Caller caller) => caller.IsPrivileged || (caller.UserId == userId && caller.Grants is null);

    private static void Write(Utf8JsonWriter json, UserErasure state)
    {
        json.WriteString("user_id"u8, state.UserId);
        json.WriteString("state"u8, state.State);
        if (state.State == "none")
        {
            return;
        }

        FrameJson.WriteTime(json, "requested_at"u8, state.RequestedAtMs);
        json.WriteString("requested_by"u8, state.RequestedBy);
        FrameJson.WriteOptionalTime(json, "completed_at"u8, state.CompletedAtMs);
        json.WriteNumber("parts"u8, state.Parts);
        json.WriteNumber("parts_done"u8, state.PartsDone);
    }
}

/// <summary>A line of <c>GET users/{id}/export</c>.</summary>
/// <param name="Type"><c>user</c>, <c>membership</c>, <c>message</c>, <c>reaction</c>, <c>report</c>, <c>audit</c>, <c>presence</c>, <c>preferences</c>, <c>notification</c>,
/// <c>push_subscription</c>; the last one is <c>end</c>.</param>
/// <param name="Data">Its fields.</param>
internal sealed record ExportLine(string Type, Dictionary<string, object> Data);

/// <summary>How far the deletion of a user is.</summary>
/// <param name="UserId">Whose.</param>
/// <param name="State"><c>none</c>, <c>running</c> or <c>done</c>.</param>
/// <param name="RequestedAt">When it was asked for.</param>
/// <param name="RequestedBy">By whom.</param>
/// <param name="CompletedAt">When all of it was done.</param>
/// <param name="Parts">Of the rooms.</param>
/// <param name="PartsDone">Those of them that are done.</param>
internal sealed record DeletionAnswer(
    string UserId, string State, DateTimeOffset? RequestedAt, string? RequestedBy, DateTimeOffset? CompletedAt, int? Parts, int? PartsDone);
