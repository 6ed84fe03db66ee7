using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Mvc;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Doors.Native;
using Tertulia.Connections.Notifying;
using Tertulia.Connections.Rooms;
using Tertulia.Contracts;

namespace Tertulia.Connections.Doors.Http;

/// <summary>The caller's inbox, and what the caller wants to be told.</summary>
internal static class NotificationEndpoints
{
    private const int MaxLimit = 100;
    private const int DefaultLimit = 50;

    private const string Item = """
        {"id":"019ac5f2-7c3e-7d1a-9b52-0d9e6d1f3a10","useq":9,"kind":"mention","title":"Bruno · lobby","body":"hola @ana","link":"/rooms/lobby?message=019ac5f1-0000-7d1a-9b52-0d9e6d1f3a10","sound":"mention","created_at":"2026-11-27T09:00:00.000Z","room_id":"lobby","message_id":"019ac5f1-0000-7d1a-9b52-0d9e6d1f3a10","seq":42,"user_id":"bruno","username":"Bruno","read":false}
        """;

    private const string Preferences = """
        {"level":"mentions","kinds":{"reaction":{"off":true},"mention":{"sound":"ding"}},"rooms":{"lobby":{"level":"none","mute_until":"2026-11-28T09:00:00.000Z"}},"quiet_hours":{"start":"22:00","end":"07:00","zone":"Europe/Madrid"},"keywords":["urgente"],"digest":{"every":"daily","at":"08:30","zone":"Europe/Madrid"}}
        """;

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/notifications", ListAsync)
            .Describe("list_notifications", "A page of the caller's inbox, newest first.")
            .Answers<NotificationsAnswer>(example: $$"""{"unread":3,"last_useq":9,"items":[{{Item}}],"has_more":true}""")
            .Refuses();
        api.MapGet("/notifications/count", CountAsync)
            .Describe("count_notifications", "How many notifications the caller has not read.")
            .Answers<NotificationCountAnswer>(example: """{"unread":3,"last_useq":9}""")
            .Refuses();
        api.MapPost("/notifications/read", ReadAsync)
            .Describe("read_notifications", "Marks notifications as read: some, all up to a position, or all.")
            .Takes<ReadNotificationsBody>("""{"up_to_useq":7}""")
            .Answers<ReadNotificationsAnswer>(example: """{"up_to_useq":7,"unread":2}""")
            .KeepsAnswers()
            .Refuses(ErrorCode.InvalidJson);
        api.MapGet("/notifications/preferences", GetPreferencesAsync)
            .Describe("get_notification_preferences", "What the caller wants to be told.")
            .Answers<PreferencesBody>(example: Preferences)
            .Refuses();
        api.MapPut("/notifications/preferences", PutPreferencesAsync)
            .Describe("set_notification_preferences", "Replaces what the caller wants to be told; what is absent is as for everyone.")
            .Takes<PreferencesBody>(Preferences)
            .Answers<PreferencesBody>(example: Preferences)
            .Refuses(ErrorCode.InvalidJson, ErrorCode.Forbidden);
    }

    /// <param name="beforeUseq">Exclusive upper bound, from 1; absent: from the newest.</param>
    /// <param name="limit">Notifications, 1 to 100; default 50.</param>
    /// <param name="unreadOnly">Only those that are not read.</param>
    /// <param name="caller">Whose.</param>
    /// <param name="notifications">Has them.</param>
    /// <param name="reads">Tries again while the service is late.</param>
    /// <param name="cancellationToken">The client went.</param>
    internal static async Task<IResult> ListAsync(
        [FromQuery(Name = "before_useq")] long? beforeUseq, int? limit, [FromQuery(Name = "unread_only")] bool? unreadOnly, Caller caller,
        NotificationService.NotificationServiceClient notifications, PatientReads reads, CancellationToken cancellationToken)
    {
        if (limit is < 1 or > MaxLimit || beforeUseq is < 1)
        {
            return new Refused(ErrorCode.BadRequest, $"limit is 1 to {MaxLimit}, before_useq from 1");
        }

        var asked = new GetInboxRequest
        {
            UserId = caller.UserId, BeforeUseq = beforeUseq ?? 0, Limit = (uint)(limit ?? DefaultLimit), UnreadOnly = unreadOnly ?? false,
        };
        var page = await reads.BeginHistory().ReadAsync(options => notifications.GetInboxAsync(asked, options), cancellationToken);
        return HttpJson.Ok(json => NotificationFrames.WritePage(json, ShownNotifications.To(caller, page)));
    }

    internal static async Task<IResult> CountAsync(
        Caller caller, NotificationService.NotificationServiceClient notifications, PatientReads reads, CancellationToken cancellationToken)
    {
        var asked = new GetInboxRequest { UserId = caller.UserId };
        var page = await reads.BeginHistory().ReadAsync(options => notifications.GetInboxAsync(asked, options), cancellationToken);
        return HttpJson.Ok(json =>
        {
            json.WriteNumber("unread"u8, page.Unread);
            json.WriteNumber("last_useq"u8, page.LastUseq);
        });
    }

    internal static async Task<IResult> ReadAsync(
        HttpRequest request, Caller caller, NotificationService.NotificationServiceClient notifications, PatientReads reads, CancellationToken cancellationToken)
    {
        var (body, refused) = await BodyAsync<ReadNotificationsBody>(request, cancellationToken);
        if (body is null)
        {
            return refused!;
        }

        if (body.Ids?.Contains(null) == true)
        {
            return new Refused(ErrorCode.BadRequest, "ids are strings");
        }

        var asked = new MarkReadRequest { UserId = caller.UserId, UpToUseq = body.UpToUseq ?? 0, All = body.All ?? false, NotificationIds = { body.Ids ?? [] } };
        var read = await reads.BeginHistory().ReadAsync(options => notifications.MarkReadAsync(asked, options), cancellationToken);
        return HttpJson.Ok(json => NotificationFrames.WriteRead(json, read));
    }

    internal static async Task<IResult> GetPreferencesAsync(
        Caller caller, NotificationService.NotificationServiceClient notifications, PatientReads reads, CancellationToken cancellationToken)
    {
        var asked = new GetPreferencesRequest { UserId = caller.UserId };
        return Answer(caller, await reads.BeginHistory().ReadAsync(options => notifications.GetPreferencesAsync(asked, options), cancellationToken));
    }

    internal static async Task<IResult> PutPreferencesAsync(
        HttpRequest request, Caller caller, NotificationService.NotificationServiceClient notifications, PatientReads reads, CancellationToken cancellationToken)
    {
        var (body, refused) = await BodyAsync<PreferencesBody>(request, cancellationToken);
        if (body is null)
        {
            return refused!;
        }

        var asked = new SetPreferencesRequest { UserId = caller.UserId, Preferences = body.ToPreferences() };
        if (asked.Preferences.Rooms.Keys.FirstOrDefault(roomId => !caller.MayRead(roomId)) is { } hidden)
        {
            return new Refused(ErrorCode.Forbidden, $"the token does not let its user read {hidden}");
        }

        if (caller.ToScope() is not null)
        {
            // What the token does not show stays.
            var known = await reads.BeginHistory().ReadAsync(
                options => notifications.GetPreferencesAsync(new GetPreferencesRequest { UserId = caller.UserId }, options), cancellationToken);
            foreach (var (roomId, room) in known.Rooms.Where(room => !caller.MayRead(room.Key)))
            {
                asked.Preferences.Rooms[roomId] = room;
            }
        }

        return Answer(caller, await reads.BeginHistory().ReadAsync(options => notifications.SetPreferencesAsync(asked, options), cancellationToken));
    }

    // Without the rooms that the token does not let its user read.
    private static HttpJson Answer(Caller caller, NotificationPreferences preferences) => HttpJson.Ok(json =>
    {
        foreach (var roomId in preferences.Rooms.Keys.Where(roomId => !caller.MayRead(roomId)).ToArray())
        {
            preferences.Rooms.Remove(roomId);
        }

        foreach (var property in JsonSerializer.SerializeToElement(PreferencesBody.From(preferences), Json).EnumerateObject())
        {
            property.WriteTo(json);
        }
    });

    /// <summary>A body as an object of its type.</summary>
    /// <returns>The body, or why it is refused: the field that is wrong where one is.</returns>
    internal static async Task<(TBody? Body, Refused? Refused)> BodyAsync<TBody>(HttpRequest request, CancellationToken cancellationToken)
        where TBody : class
    {
        if (!request.HasJsonContentType())
        {
            return (null, new Refused(ErrorCode.BadRequest, "the body must be application/json"));
        }

        try
        {
            var body = await JsonSerializer.DeserializeAsync<TBody>(request.Body, Json, cancellationToken);
            return body is null ? (null, new Refused(ErrorCode.BadRequest, "the body must be an object")) : (body, null);
        }
        catch (JsonException exception) when (exception.Path is { Length: > 1 })
        {
            return (null, new Refused(ErrorCode.BadRequest, $"{exception.Path[2..]} is not what it should be"));
        }
        catch (JsonException)
        {
            return (null, new Refused(ErrorCode.InvalidJson));
        }
    }
}

/// <summary>A notification.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Useq">Its place in the inbox.</param>
/// <param name="Kind">Why the user is told.</param>
/// <param name="Title">Of whom.</param>
/// <param name="Body">Of what.</param>
/// <param name="Link">Where it leads.</param>
/// <param name="Sound">Absent for none.</param>
/// <param name="CreatedAt">When it happened.</param>
/// <param name="RoomId">Absent when it is about no room.</param>
/// <param name="MessageId">Absent when it is about no message.</param>
/// <param name="Seq">Of the entry in the room's log.</param>
/// <param name="UserId">Who caused it.</param>
/// <param name="Username">How that user is shown.</param>
/// <param name="Read">Whether it is read.</param>
/// <param name="Rooms">Of a digest: how much of which room it sums up.</param>
internal sealed record NotificationItem(
    string Id, long Useq, string Kind, string Title, string Body, string? Link, string? Sound, DateTimeOffset CreatedAt, string? RoomId, string? MessageId, long? Seq,
    string? UserId, string? Username, bool Read, IReadOnlyList<RoomTallyItem>? Rooms);

/// <summary>How much of a room a digest sums up.</summary>
/// <param name="RoomId">Absent for what is about no room.</param>
/// <param name="Name">How it is shown.</param>
/// <param name="Count">Notifications.</param>
internal sealed record RoomTallyItem(string? RoomId, string Name, uint Count);

/// <summary>Answer of <c>GET notifications</c>.</summary>
/// <param name="Unread">Of the whole inbox.</param>
/// <param name="LastUseq">Of the newest one there ever was.</param>
/// <param name="Items">Newest first.</param>
/// <param name="HasMore">There are older ones.</param>
internal sealed record NotificationsAnswer(uint Unread, long LastUseq, IReadOnlyList<NotificationItem> Items, bool HasMore);

/// <summary>Answer of <c>GET notifications/count</c>.</summary>
/// <param name="Unread">Of the whole inbox.</param>
/// <param name="LastUseq">Of the newest one there ever was.</param>
internal sealed record NotificationCountAnswer(uint Unread, long LastUseq);

/// <summary>One of the three.</summary>
/// <param name="Ids">1 to 100.</param>
/// <param name="UpToUseq">Inclusive.</param>
/// <param name="All">Every one.</param>
internal sealed record ReadNotificationsBody(IReadOnlyList<string?>? Ids, long? UpToUseq, bool? All);

/// <summary>Answer of <c>POST notifications/read</c>.</summary>
/// <param name="Ids">Those that were not read before.</param>
/// <param name="UpToUseq">All up to it.</param>
/// <param name="Unread">What is left.</param>
internal sealed record ReadNotificationsAnswer(IReadOnlyList<string>? Ids, long? UpToUseq, uint Unread);

/// <summary>What a user wants to be told.</summary>
/// <param name="Level"><c>all</c>, <c>mentions</c> or <c>none</c>; absent: all.</param>
/// <param name="MuteUntil">Nothing until then.</param>
/// <param name="Kinds">By kind.</param>
/// <param name="Rooms">By room, at most 500; they go before those above.</param>
/// <param name="QuietHours">Without sound and push.</param>
/// <param name="Keywords">At most 50.</param>
/// <param name="Digest">What was not pushed, summed up.</param>
internal sealed record PreferencesBody(
    string? Level, string? MuteUntil, IReadOnlyDictionary<string, KindBody>? Kinds, IReadOnlyDictionary<string, RoomPreferencesBody>? Rooms, QuietHoursBody? QuietHours,
    IReadOnlyList<string>? Keywords, DigestBody? Digest = null)
{
    /// <summary>For a client.</summary>
    public static PreferencesBody From(NotificationPreferences preferences) => new(
        preferences.Level.Length > 0 ? preferences.Level : "all", Time(preferences.MuteUntilMs), From(preferences.Kinds),
        preferences.Rooms.ToDictionary(
            room => room.Key, room => new RoomPreferencesBody(room.Value.Level.Length > 0 ? room.Value.Level : null, Time(room.Value.MuteUntilMs), From(room.Value.Kinds))),
        preferences.QuietHours is { } quiet ? new QuietHoursBody(quiet.Start, quiet.End, quiet.Zone) : null, preferences.Keywords,
        preferences.Digest is { } digest ? new DigestBody(digest.Every, NullIfEmpty(digest.At), NullIfEmpty(digest.Zone)) : null);

    /// <summary>For the service, which checks them. A time that is none is before 1970, which it refuses.</summary>
    public NotificationPreferences ToPreferences()
    {
        var preferences = new NotificationPreferences { Level = Level ?? "", MuteUntilMs = Ms(MuteUntil) };
        Fill(preferences.Kinds, Kinds);
        foreach (var (roomId, room) in Rooms ?? new Dictionary<string, RoomPreferencesBody>())
        {
            var own = new RoomPreferences { Level = room?.Level ?? "", MuteUntilMs = Ms(room?.MuteUntil) };
            Fill(own.Kinds, room?.Kinds);
            preferences.Rooms[roomId] = own;
        }

        if (QuietHours is { } quiet)
        {
            preferences.QuietHours = new QuietHours { Start = quiet.Start ?? "", End = quiet.End ?? "", Zone = quiet.Zone ?? "" };
        }

        if (Digest is { } digest)
        {
            preferences.Digest = new DigestPreferences { Every = digest.Every ?? "", At = digest.At ?? "", Zone = digest.Zone ?? "" };
        }

        preferences.Keywords.AddRange((Keywords ?? []).Select(word => word ?? ""));
        return preferences;
    }

    private static string? NullIfEmpty(string text) => text.Length > 0 ? text : null;

    private static void Fill(Google.Protobuf.Collections.MapField<string, KindPreferences> kinds, IReadOnlyDictionary<string, KindBody>? bodies)
    {
        foreach (var (kind, body) in bodies ?? new Dictionary<string, KindBody>())
        {
            var own = new KindPreferences { Off = body?.Off ?? false };
            if (body?.Sound is { } sound)
            {
                own.Sound = sound;
            }

            kinds[kind] = own;
        }
    }

    private static Dictionary<string, KindBody> From(Google.Protobuf.Collections.MapField<string, KindPreferences> kinds) =>
        kinds.ToDictionary(kind => kind.Key, kind => new KindBody(kind.Value.Off ? true : null, kind.Value.HasSound ? kind.Value.Sound : null));

    private static string? Time(long ms) =>
        ms == 0 ? null : DateTimeOffset.FromUnixTimeMilliseconds(ms).ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    private static long Ms(string? time) => time is null ? 0
        : DateTimeOffset.TryParse(time, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var instant) ? instant.ToUnixTimeMilliseconds()
        : -1;
}

/// <summary>Of one kind.</summary>
/// <param name="Off">Not at all.</param>
/// <param name="Sound">Another sound; empty: none.</param>
internal sealed record KindBody(bool? Off, string? Sound);

/// <summary>Of one room.</summary>
/// <param name="Level">As of all rooms; absent: that one.</param>
/// <param name="MuteUntil">Nothing until then.</param>
/// <param name="Kinds">By kind.</param>
internal sealed record RoomPreferencesBody(string? Level, string? MuteUntil, IReadOnlyDictionary<string, KindBody>? Kinds);

/// <summary>Between two times of day.</summary>
/// <param name="Start"><c>22:00</c></param>
/// <param name="End"><c>07:00</c>, on the next day when it is not after the start.</param>
/// <param name="Zone">IANA name.</param>
internal sealed record QuietHoursBody(string? Start, string? End, string? Zone);

/// <summary>What was not pushed, summed up.</summary>
/// <param name="Every"><c>off</c>, <c>hourly</c> or <c>daily</c>.</param>
/// <param name="At">Of <c>daily</c>: <c>08:00</c>, which is the default.</param>
/// <param name="Zone">IANA name; default that of the quiet hours, else UTC.</param>
internal sealed record DigestBody(string? Every, string? At, string? Zone);
