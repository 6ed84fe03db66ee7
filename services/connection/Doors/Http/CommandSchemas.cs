namespace Tertulia.Connections.Doors.Http;

// What the OpenAPI document says of the bodies and answers of CommandEndpoints. Bodies are read as frames, answers are written by the frames' encoders.

/// <summary>Body of <c>POST rooms</c>.</summary>
/// <param name="RoomId">Absent: one is made.</param>
/// <param name="Kind"><c>public</c> (default), <c>private</c> or <c>auditorium</c>.</param>
/// <param name="Name">At most 128 characters.</param>
/// <param name="Topic">At most 1,024 characters.</param>
/// <param name="Community">The community it belongs to.</param>
/// <param name="SlowMode">Seconds between two messages of a member; 0: none.</param>
/// <param name="RetentionDays">Days for which messages are kept; 0: for ever.</param>
internal sealed record RoomBody(string? RoomId, string? Kind, string? Name, string? Topic, string? Community, int? SlowMode, int? RetentionDays);

/// <summary>Body of <c>PATCH rooms/{id}</c>: what is not named stays.</summary>
internal sealed record RoomChangeBody(string? Kind, string? Name, string? Topic, string? Community, int? SlowMode, int? RetentionDays, bool? Archived);

/// <summary>A room's settings, as <c>room_created</c> and <c>room_updated</c>.</summary>
internal sealed record RoomAnswer(
    string RoomId, long? Seq, string? Epoch, string Kind, string? Name, string? Topic, string? Community, int SlowMode, bool Archived, int RetentionDays,
    string? Role, bool? Duplicate, IReadOnlyList<string>? Changed, string? By, DateTimeOffset? CreatedAt);

/// <summary>A room's settings, as in <c>joined</c>.</summary>
internal sealed record RoomSettingsItem(string Kind, string? Name, string? Topic, string? Community, int SlowMode, bool Archived, int RetentionDays);

/// <summary>The caller's place in a room, as in <c>joined</c>.</summary>
internal sealed record OwnPlace(string Role, bool Muted, DateTimeOffset? MutedUntil);

/// <summary>Answer of <c>DELETE rooms/{id}</c>.</summary>
internal sealed record RoomDeletedAnswer(string RoomId);

/// <summary>Body of <c>PUT rooms/{id}/read</c>.</summary>
/// <param name="Seq">All up to it is read.</param>
/// <param name="ThreadRoot">Of this thread, by the id of its root or of a reply; absent: of the room.</param>
internal sealed record ReadBody(long Seq, string? ThreadRoot);

/// <summary>Answer of <c>PUT rooms/{id}/read</c>: as <c>unread</c>.</summary>
internal sealed record ReadAnswer(string RoomId, string? Epoch, long ReadSeq, long Unread, long? LastSeq, string? ThreadRoot, bool? Following);

/// <summary>Body of <c>PUT rooms/{id}/members/{user}</c>.</summary>
/// <param name="Role"><c>owner</c>, <c>moderator</c>, <c>member</c> or <c>guest</c>.</param>
/// <param name="Username">How the user is shown.</param>
/// <param name="Reason">Told to everyone in the room.</param>
internal sealed record MemberBody(string? Role, string? Username, string? Reason);

/// <summary>Body of what is done to a user: kicks, bans, mutes, invitations.</summary>
/// <param name="UserId">Whom.</param>
/// <param name="Reason">Told to everyone in the room.</param>
/// <param name="Until">When a ban or a mute ends; absent: not by itself.</param>
internal sealed record MemberActionBody(string UserId, string? Reason, DateTimeOffset? Until);

/// <summary>A user's place in a room that changed, as in <c>joined</c>.</summary>
internal sealed record ChangedMember(
    long Seq, string UserId, string Username, string Role, string Action, string? By, string? Reason, bool Banned, DateTimeOffset? BannedUntil, bool Muted,
    DateTimeOffset? MutedUntil, string? InvitedBy, int Members, DateTimeOffset? CreatedAt);

/// <summary>A user's place in a room, as <c>member</c>.</summary>
internal sealed record MemberAnswer(
    string RoomId, long? Seq, string? Epoch, string UserId, string Username, string Role, string Action, string? By, string? Reason, bool? Banned, DateTimeOffset? BannedUntil,
    bool? Muted, DateTimeOffset? MutedUntil, string? InvitedBy, int Members, DateTimeOffset? CreatedAt);
