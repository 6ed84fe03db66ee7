using System.Security.Cryptography;
using System.Text;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Submitting;
using Tertulia.Contracts;

namespace Tertulia.Connections.Verbs;

/// <summary><c>room_create</c>.</summary>
internal sealed class CreateRoomRequest(SubmitBatcher batcher, TimeProvider time) : RoomRequest<CreateRoomCommand>(batcher)
{
    private const string Prefix = "r-";
    private const int DigestBytes = 16;

    /// <inheritdoc />
    protected override bool AlwaysTells => true; // Else nobody knows the room's id.

    /// <summary>The room id that is made for a command without one: with a key of the client always the same, so that the client can ask again.</summary>
    public static string NewRoomId(string userId, string? key, TimeProvider time) => key is null
        ? Prefix + Guid.CreateVersion7(time.GetUtcNow()).ToString("N")
        : Prefix + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{userId}\0{key}")).AsSpan(0, DigestBytes));

    /// <inheritdoc />
    protected override string? RoomIdOf(Session session, Caller caller, CreateRoomCommand command) =>
        command.RoomId ?? NewRoomId(caller.UserId, command.ClientMsgId, time);

    /// <inheritdoc />
    protected override Refusal? Fill(CreateRoomCommand command, Command submitted)
    {
        submitted.CreateRoom = new CreateRoom
        {
            Settings = new RoomSettings
            {
                Kind = command.Kind,
                Name = command.Name ?? "",
                Topic = command.Topic ?? "",
                Community = command.Community ?? "",
                SlowModeSeconds = (uint)(command.SlowModeSeconds ?? 0),
                RetentionDays = (uint)(command.RetentionDays ?? 0),
            },
        };
        return null;
    }

    /// <inheritdoc />
    protected override ServerEvent Tell(CreateRoomCommand command, string roomId, string epoch, RoomEvent entry) => new RoomCreatedEvent(roomId, entry, command.Ref);
}

/// <summary><c>room_update</c>.</summary>
internal sealed class UpdateRoomRequest(SubmitBatcher batcher) : RoomRequest<UpdateRoomCommand>(batcher), IEntryView
{
    /// <inheritdoc />
    public EntryKind Entries { get; } = new(RoomEvent.BodyOneofCase.RoomUpdated);

    /// <inheritdoc />
    public ServerEvent Show(string roomId, string epoch, RoomEvent entry) => new RoomUpdatedEvent(roomId, epoch, entry);

    /// <inheritdoc />
    protected override Refusal? Fill(UpdateRoomCommand command, Command submitted)
    {
        var update = submitted.UpdateRoom = new UpdateRoom();
        if (command.Name is { } name)
        {
            update.Name = name;
        }

        if (command.Topic is { } topic)
        {
            update.Topic = topic;
        }

        if (command.Kind is { } kind)
        {
            update.Kind = kind;
        }

        if (command.Community is { } community)
        {
            update.Community = community;
        }

        if (command.SlowModeSeconds is { } seconds)
        {
            update.SlowModeSeconds = (uint)seconds;
        }

        if (command.Archived is { } archived)
        {
            update.Archived = archived;
        }

        if (command.RetentionDays is { } days)
        {
            update.RetentionDays = (uint)days;
        }

        return update.CalculateSize() == 0 ? new Refusal { Code = ErrorCode.BadRequest, Detail = "no setting is named" } : null;
    }

    /// <inheritdoc />
    protected override ServerEvent Tell(UpdateRoomCommand command, string roomId, string epoch, RoomEvent entry) =>
        new RoomUpdatedEvent(roomId, epoch, entry, command.Ref ?? "");
}

/// <summary><c>room_delete</c>.</summary>
internal sealed class DeleteRoomRequest(SubmitBatcher batcher) : RoomRequest<DeleteRoomCommand>(batcher)
{
    /// <inheritdoc />
    protected override Refusal? Fill(DeleteRoomCommand command, Command submitted)
    {
        submitted.DeleteRoom = new DeleteRoom();
        return null;
    }

    /// <inheritdoc />
    protected override ServerEvent Tell(DeleteRoomCommand command, string roomId, string epoch, RoomEvent entry) => new RoomDeletedEvent(roomId, command.Ref);
}

/// <summary>Everything that changes a user's place in a room: <c>member_add</c> and its like, <c>invite</c>, <c>kick</c>, <c>ban</c>, <c>mute</c>.</summary>
internal sealed class ChangeMemberRequest(SubmitBatcher batcher) : RoomRequest<ChangeMemberCommand>(batcher), IEntryView
{
    /// <inheritdoc />
    public EntryKind Entries { get; } = new(RoomEvent.BodyOneofCase.Member);

    /// <inheritdoc />
    /// <remarks>Who comes and goes by themselves is seen by presence, which is bounded: a room may have more of them than its members want to be told.</remarks>
    public ServerEvent? Show(string roomId, string epoch, RoomEvent entry) =>
        entry.Member.Action is MemberAction.Unspecified or MemberAction.Enter or MemberAction.Leave ? null : new MemberEvent(roomId, epoch, entry);

    /// <inheritdoc />
    protected override Refusal? Fill(ChangeMemberCommand command, Command submitted)
    {
        submitted.ChangeMember = new ChangeMember
        {
            Action = command.Action,
            UserId = command.UserId ?? submitted.Actor.UserId,
            Username = command.Username ?? "",
            Role = command.Role ?? "",
            Reason = command.Reason ?? "",
            UntilMs = command.Until?.ToUnixTimeMilliseconds() ?? 0,
        };
        return null;
    }

    /// <inheritdoc />
    protected override ServerEvent Tell(ChangeMemberCommand command, string roomId, string epoch, RoomEvent entry) =>
        new MemberEvent(roomId, epoch, entry, command.Ref ?? "");
}
