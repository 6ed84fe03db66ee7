using Grpc.Core;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Notifying;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Verbs;
using Tertulia.Contracts;

namespace Tertulia.Connections.Doors.Http;

/// <summary>Endpoints that are one command about a room: the path names the room, the body has the other fields of the frame, and the answer those of the frame's
/// answer.</summary>
internal static class CommandEndpoints
{
    private const string Me = "me"; // The caller, where the path names a user.

    // While presence is away a read does not wait for it.
    private static readonly TimeSpan PresenceDeadline = TimeSpan.FromSeconds(1);
    private const string RoomExample = """{"room_id":"r-7","seq":1,"kind":"private","name":"Team","topic":"Monday","slow_mode":0,"archived":false,"retention_days":0""";
    private const string MemberExample =
        """{"room_id":"lobby","seq":43,"epoch":"k3v9x2ab","user_id":"bruno","username":"Bruno","role":"member","action":"added","by":"ana","banned":false,"muted":false,"members":3}""";

    public static void Map(IEndpointRouteBuilder api)
    {
        MapRooms(api);
        MapMembers(api);
    }

    private static void MapRooms(IEndpointRouteBuilder api)
    {
        api.MapPost("/rooms", CreateAsync)
            .Describe("create_room", "Creates a room; its creator is its owner. With Idempotency-Key and without room_id the same key names the same room.")
            .Takes<RoomBody>("""{"kind":"private","name":"Team","topic":"Monday"}""")
            .Answers<RoomAnswer>(StatusCodes.Status201Created, RoomExample + ""","role":"owner","duplicate":false}""")
            .KeepsAnswers()
            .Refuses(ErrorCode.InvalidJson, ErrorCode.Forbidden, ErrorCode.LimitExceeded, ErrorCode.VersionConflict, ErrorCode.Overloaded);
        Map<UpdateRoomCommand>(api, HttpMethods.Patch, "/rooms/{roomId}", "room_update")
            .Describe("update_room", "Changes settings of a room; what is not named stays.")
            .Takes<RoomChangeBody>("""{"topic":"Tuesday","slow_mode":10}""")
            .Answers<RoomAnswer>(example: RoomExample + ""","changed":["topic"],"by":"ana","epoch":"k3v9x2ab"}""")
            .Refuses(Changes());
        Map<DeleteRoomCommand>(api, HttpMethods.Delete, "/rooms/{roomId}", "room_delete")
            .Describe("delete_room", "Deletes a room, for everybody and for good.")
            .Answers<RoomDeletedAnswer>(example: """{"room_id":"lobby"}""")
            .Refuses(Changes());
        api.MapPut("/rooms/{roomId}/read", ReadAsync)
            .Describe("read_room", "The caller has read the room, or a thread of it, up to a seq. Never goes back.")
            .Takes<ReadBody>("""{"seq":42}""")
            .Answers<ReadAnswer>(example: """{"room_id":"lobby","epoch":"k3v9x2ab","read_seq":42,"unread":0}""")
            .Refuses(Changes());
    }

    private static void MapMembers(IEndpointRouteBuilder api)
    {
        api.MapPut("/rooms/{roomId}/members/{userId}", PutMemberAsync)
            .Describe("put_member", "Makes a user a member, or gives a member another role. For oneself (`me`): enters the room for good.")
            .Takes<MemberBody>("""{"role":"moderator","username":"Bruno"}""")
            .Answers<MemberAnswer>(example: MemberExample)
            .Refuses(Changes(ErrorCode.LimitExceeded));
        Member(api, HttpMethods.Delete, "/rooms/{roomId}/members/{userId}", "member_remove", "remove_member", "Removes a member. For oneself (`me`): leaves the room for good.");
        foreach (var (place, set, end) in new[] { ("mutes", "mute", "unmute"), ("bans", "ban", "unban"), ("invitations", "invite", "invitation_revoke") })
        {
            Member(api, HttpMethods.Post, $"/rooms/{{roomId}}/{place}", set, $"{set}_user", $"{char.ToUpperInvariant(set[0])}{set[1..]}s a user.", hasBody: true);
            Member(api, HttpMethods.Delete, $"/rooms/{{roomId}}/{place}/{{userId}}", end, $"{end}_user", $"Ends the {set} of a user.");
        }

        Member(api, HttpMethods.Post, "/rooms/{roomId}/kicks", "kick", "kick_user", "Puts a user out of the room, who may come back.", hasBody: true);
        foreach (var answer in new[] { "accept", "decline" })
        {
            Member(api, HttpMethods.Post, $"/rooms/{{roomId}}/invitations/{answer}", $"invitation_{answer}", $"{answer}_invitation", $"The caller's answer to an invitation: {answer}.");
        }
    }

    private static void Member(IEndpointRouteBuilder api, string method, string pattern, string type, string name, string summary, bool hasBody = false)
    {
        var route = Map<ChangeMemberCommand>(api, method, pattern, type).Describe(name, summary).Answers<MemberAnswer>(example: MemberExample)
            .Refuses(type == "invite" ? Changes(ErrorCode.LimitExceeded) : Changes());
        if (method == HttpMethods.Post)
        {
            route.KeepsAnswers();
        }

        if (hasBody)
        {
            route.Takes<MemberActionBody>("""{"user_id":"bruno","reason":"Off topic"}""");
        }
    }

    // The frame's fields that the path names go before those of the body.
    private static RouteHandlerBuilder Map<TCommand>(IEndpointRouteBuilder api, string method, string pattern, string type)
        where TCommand : RoomCommand => api.MapMethods(pattern, [method], async (
            string roomId, HttpRequest request, Caller caller, HttpCommands commands, CancellationToken cancellationToken) =>
        {
            var (command, refused) = await commands.ReadAsync<TCommand>(request, type, roomId, cancellationToken, FieldsOf(request.RouteValues, caller));
            return command is null ? refused! : commands.Answer(await commands.RunAsync(caller, command, cancellationToken));
        });

    private static (string Name, string Value)[] FieldsOf(RouteValueDictionary path, Caller caller) =>
    [
        .. path.Where(value => value.Key != "roomId").Select(value => value.Key switch
        {
            "userId" => ("user_id", UserOf((string)value.Value!, caller)),
            var name => (name, (string)value.Value!),
        }),
    ];

    private static string UserOf(string userId, Caller caller) => userId == Me ? caller.UserId : userId;

    /// <returns>201 and the room. The same key, or a room id that the caller has created before, is answered with <c>duplicate: true</c>.</returns>
    internal static async Task<IResult> CreateAsync(HttpRequest request, Caller caller, HttpCommands commands, TimeProvider time, CancellationToken cancellationToken)
    {
        var (command, refused) = await commands.ReadAsync<CreateRoomCommand>(request, "room_create", roomId: null, cancellationToken);
        if (command is null)
        {
            return refused!;
        }

        if (!IdempotencyKey.TryRead(request, out var key))
        {
            return new Refused(ErrorCode.BadRequest, IdempotencyKey.Rule);
        }

        key = command.ClientMsgId ?? key;
        var roomId = command.RoomId ?? CreateRoomRequest.NewRoomId(caller.UserId, key, time);
        return commands.Answer(
            await commands.RunAsync(caller, command with { RoomId = roomId, ClientMsgId = key }, cancellationToken), $"{HttpDoor.Root}/rooms/{roomId}");
    }

    /// <returns>200 and what is unread. The room's others are told as on a socket: not of a user who is invisible, nor while nobody knows whether it is.</returns>
    internal static async Task<IResult> ReadAsync(
        string roomId, HttpRequest request, Caller caller, HttpCommands commands, PresenceService.PresenceServiceClient presence, ThreadFlow threads,
        CancellationToken cancellationToken)
    {
        var (command, refused) = await commands.ReadAsync<ReadCommand>(request, "read", roomId, cancellationToken);
        return command is null ? refused!
            : command.ThreadRoot is not null ? commands.Answer(await threads.ReadAsync(caller, roomId, command, cancellationToken))
            : commands.Answer(await commands.RunAsync(caller, command with { IsQuiet = await IsHiddenAsync(caller, presence, cancellationToken) }, cancellationToken));
    }

    // The user's sockets, if there are any, may be on other nodes.
    private static async Task<bool> IsHiddenAsync(Caller caller, PresenceService.PresenceServiceClient presence, CancellationToken cancellationToken)
    {
        try
        {
            var asked = new GetUserRequest { UserId = caller.UserId };
            return (await presence.GetUserAsync(asked, deadline: DateTime.UtcNow + PresenceDeadline, cancellationToken: cancellationToken)).Invisible;
        }
        catch (RpcException) when (!cancellationToken.IsCancellationRequested)
        {
            return true;
        }
    }

    /// <returns>200 and the user's place in the room. A user that is added with a role and is a member already is given the role.</returns>
    internal static async Task<IResult> PutMemberAsync(
        string roomId, string userId, HttpRequest request, Caller caller, HttpCommands commands, RoomWatches rooms, CancellationToken cancellationToken)
    {
        var (body, refused) = await HttpCommands.ReadBodyAsync(request, cancellationToken);
        if (refused is not null)
        {
            return refused;
        }

        var path = ("user_id", UserOf(userId, caller));
        (var command, refused) = commands.Read<ChangeMemberCommand>(body, "member_add", roomId, path);
        if (command is null)
        {
            return refused!;
        }

        if (command.UserId == caller.UserId && command.Role is null)
        {
            return await EnterAsync(roomId, caller, rooms, cancellationToken);
        }

        var outcome = await commands.RunAsync(caller, command, cancellationToken);
        if (outcome is Events.MemberEvent { Entry.Member: { } member } && command.Role is { } role && member.Role != role)
        {
            (command, refused) = commands.Read<ChangeMemberCommand>(body, "member_role", roomId, path);
            outcome = command is null ? outcome : await commands.RunAsync(caller, command, cancellationToken);
        }

        return refused ?? commands.Answer(outcome);
    }

    private static async Task<IResult> EnterAsync(string roomId, Caller caller, RoomWatches rooms, CancellationToken cancellationToken)
    {
        var reply = await rooms.EnterAsync(caller, roomId, cancellationToken);
        return reply.Joined is { } joined
            ? HttpJson.Ok(json =>
            {
                json.WriteString("room_id"u8, roomId);
                json.WriteNumber("seq"u8, joined.Seq);
                json.WriteString("epoch"u8, joined.Epoch);
                json.WriteString("user_id"u8, caller.UserId);
                json.WriteString("username"u8, caller.Username);
                json.WriteString("role"u8, joined.Role);
                json.WriteString("action"u8, "entered"u8);
                json.WriteNumber("members"u8, joined.Members);
            })
            : Refused.Of(reply.Refused ?? new Refusal { Code = ErrorCode.Internal });
    }

    private static ErrorCode[] Changes(params ErrorCode[] more) =>
    [
        ErrorCode.InvalidJson, ErrorCode.Forbidden, ErrorCode.NotMember, ErrorCode.Muted, ErrorCode.Banned, ErrorCode.RoomNotFound, ErrorCode.MessageNotFound, ErrorCode.Overloaded, .. more,
    ];
}
