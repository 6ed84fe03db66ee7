using Tertulia.Connections.Auth;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Watching;
using Tertulia.Contracts;

namespace Tertulia.Connections.Doors.Http;

/// <summary>Who is there, how users are shown, and how the caller wants to be.</summary>
internal static class PresenceEndpoints
{
    private const uint MaxUsers = 200;

    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/presence/rooms/{roomId}", GetRoomAsync)
            .Describe("get_room_presence", "Who is in a room now; of a large room only how many.")
            .Answers<RoomPresenceAnswer>(example: """{"room_id":"lobby","online":1,"users":[{"user_id":"ana","username":"Ana","status":"online"}]}""")
            .Refuses(ErrorCode.Forbidden, ErrorCode.NotMember, ErrorCode.Banned, ErrorCode.RoomNotFound);
        api.MapPost("/presence/users", GetUsersAsync)
            .Describe("get_users_presence", "How users are shown, in the order in which they were asked for; of who is not online when they were seen last.")
            .Takes<UsersBody>("""{"user_ids":["ana","bruno"]}""")
            .Answers<UsersPresenceAnswer>(example: """{"users":[{"user_id":"ana","username":"Ana","status":"online"},{"user_id":"bruno","username":"Bruno","status":"offline","last_seen":"2026-11-27T08:00:00.000Z"}]}""")
            .Refuses(ErrorCode.InvalidJson);
        api.MapPut("/presence/me", SetAsync)
            .Describe("set_presence", "How the caller is shown on all devices.")
            .Takes<PresenceBody>("""{"status":"busy","text":"In a meeting","until":"2026-11-27T10:00:00.000Z"}""")
            .Answers<ChosenAnswer>(example: """{"user_id":"ana","status":"busy","text":"In a meeting","until":"2026-11-27T10:00:00.000Z"}""")
            .Refuses(ErrorCode.InvalidJson);
    }

    internal static async Task<IResult> GetRoomAsync(
        string roomId, Caller caller, MessageService.MessageServiceClient messages, PresenceService.PresenceServiceClient presence, PatientReads reads,
        CancellationToken cancellationToken)
    {
        if (!caller.IsPrivileged && caller.Grants is { } grants && !grants.For(roomId).Presence)
        {
            return new Refused(ErrorCode.Forbidden);
        }

        // Who may read the room may see who is there; the service that knows the room says so.
        var asked = new GetSnapshotRequest { RoomId = roomId, Actor = caller.ToActor(roomId) };
        await reads.BeginHistory().ReadAsync(options => messages.GetSnapshotAsync(asked, options), cancellationToken);
        var room = await presence.GetRoomAsync(
            new GetRoomRequest { RoomId = roomId, Limit = MaxUsers }, deadline: DateTime.UtcNow + HttpDoor.ReadDeadline, cancellationToken: cancellationToken);
        return HttpJson.Ok(json =>
        {
            json.WriteString("room_id"u8, roomId);
            json.WriteNumber("online"u8, room.Online);
            FrameJson.WriteUsers(json, "users"u8, room.Users);
        });
    }

    internal static async Task<IResult> GetUsersAsync(
        HttpRequest request, Caller caller, HttpCommands commands, PresenceService.PresenceServiceClient presence, CancellationToken cancellationToken)
    {
        var (command, refused) = await commands.ReadAsync<PresenceWatchCommand>(request, "presence_watch", roomId: null, cancellationToken);
        if (command is null || command.UserIds.Count == 0)
        {
            return refused ?? new Refused(ErrorCode.BadRequest, "user_ids is required");
        }

        var asked = new GetUsersRequest { UserIds = { command.UserIds.Distinct(StringComparer.Ordinal) } };
        var shown = await presence.GetUsersAsync(asked, deadline: DateTime.UtcNow + HttpDoor.ReadDeadline, cancellationToken: cancellationToken);
        return HttpJson.Ok(json => FrameJson.WriteUsers(json, "users"u8, shown.Users));
    }

    internal static async Task<IResult> SetAsync(
        HttpRequest request, Caller caller, HttpCommands commands, PresenceService.PresenceServiceClient presence, PresenceFlow flow, TimeProvider time,
        CancellationToken cancellationToken)
    {
        var (command, refused) = await commands.ReadAsync<PresenceSetCommand>(request, "presence_set", roomId: null, cancellationToken);
        if (command is null)
        {
            return refused!;
        }

        if (command.IsOfDevice || !PresenceStatus.CanBeChosen(command.Status) || command.Until <= time.GetUtcNow())
        {
            return new Refused(ErrorCode.BadRequest, "status must be online, away, busy or invisible, of all devices; until must be in the future");
        }

        var chosen = new SetStatusRequest
        {
            UserId = caller.UserId, Status = command.Status, Text = command.Text ?? "", Emoji = command.Emoji ?? "", UntilMs = command.Until?.ToUnixTimeMilliseconds() ?? 0,
        };
        var status = await presence.SetStatusAsync(chosen, deadline: DateTime.UtcNow + HttpDoor.ReadDeadline, cancellationToken: cancellationToken);
        flow.OnChosen(status);
        return commands.Answer(new ChosenStatusEvent(status, Ref: null));
    }
}

/// <summary>Body of <c>POST presence/users</c>.</summary>
/// <param name="UserIds">1 to 500.</param>
internal sealed record UsersBody(IReadOnlyList<string> UserIds);

/// <summary>Body of <c>PUT presence/me</c>.</summary>
/// <param name="Status"><c>online</c>, <c>away</c>, <c>busy</c> or <c>invisible</c>.</param>
/// <param name="Text">At most 140 characters.</param>
/// <param name="Emoji">At most 32 characters.</param>
/// <param name="Until">When it ends; absent: not by itself.</param>
internal sealed record PresenceBody(string Status, string? Text, string? Emoji, DateTimeOffset? Until);

/// <summary>Answer of <c>PUT presence/me</c>.</summary>
internal sealed record ChosenAnswer(string UserId, string Status, string? Text, string? Emoji, DateTimeOffset? Until);

/// <summary>How a user is shown.</summary>
internal sealed record UserItem(string UserId, string Username, string Status, string? Text, string? Emoji, DateTimeOffset? LastSeen);

/// <summary>Answer of <c>POST presence/users</c>.</summary>
internal sealed record UsersPresenceAnswer(IReadOnlyList<UserItem> Users);

/// <summary>Answer of <c>GET presence/rooms/{id}</c>.</summary>
internal sealed record RoomPresenceAnswer(string RoomId, int Online, IReadOnlyList<UserItem> Users);
