using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Submitting;
using Tertulia.Contracts;
using Tertulia.Hosting;

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
    protected override Refusal? Fill(Caller caller, CreateRoomCommand command, Command submitted)
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
            CommunityGrant = GrantIn(caller, command.Community),
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
    protected override Refusal? Fill(Caller caller, UpdateRoomCommand command, Command submitted)
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
            update.CommunityGrant = GrantIn(caller, community);
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
    protected override Refusal? Fill(Caller caller, DeleteRoomCommand command, Command submitted)
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
    /// <remarks>A large room may have more of those who come and go by themselves than its members want to be told: its writer says so.</remarks>
    public ServerEvent? Show(string roomId, string epoch, RoomEvent entry) => entry.Member.Quiet ? null : new MemberEvent(roomId, epoch, entry);

    /// <inheritdoc />
    protected override Refusal? Fill(Caller caller, ChangeMemberCommand command, Command submitted)
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

/// <summary><c>direct</c>.</summary>
internal sealed class DirectRequest(SubmitBatcher batcher, IOptions<LimitOptions> limits, TimeProvider time) : RoomRequest<DirectCommand>(batcher)
{
    /// <inheritdoc />
    protected override bool AlwaysTells => true; // As `message`.

    /// <inheritdoc />
    protected override string? RoomIdOf(Session session, Caller caller, DirectCommand command) => DirectRooms.IdOf(caller.UserId, command.UserId);

    /// <inheritdoc />
    protected override Refusal? Fill(Caller caller, DirectCommand command, Command submitted)
    {
        if (command.Content is not { } content || !limits.Value.AllowsContent(content))
        {
            return new Refusal { Code = ErrorCode.InvalidMessage };
        }

        submitted.Send = new SendMessage
        {
            MessageId = Guid.CreateVersion7(time.GetUtcNow()).ToString(),
            ClientMsgId = command.ClientMsgId ?? "",
            Content = content,
            DirectTo = command.UserId,
            DirectUsername = command.Username ?? "",
        };
        return null;
    }

    /// <inheritdoc />
    protected override RoomEvent? EntryOf(Stored stored) => new()
    {
        Seq = stored.Seq,
        CreatedAtMs = stored.CreatedAtMs,
        CommandId = stored.Duplicate ? 1UL : 0, // Says that it is the first result.
        Message = new MessageCreated { MessageId = stored.MessageId, ClientMsgId = stored.ClientMsgId },
    };

    /// <inheritdoc />
    protected override ServerEvent Tell(DirectCommand command, string roomId, string epoch, RoomEvent entry) => new MessageSentEvent(
        roomId, epoch, command.Ref, entry.Message.MessageId, entry.Message.ClientMsgId, entry.Seq, entry.CreatedAtMs,
        Duplicate: entry.OriginNodeId.Length == 0 && entry.CommandId > 0);
}

/// <summary><c>report</c>.</summary>
internal sealed class ReportRequest(SubmitBatcher batcher) : RoomRequest<ReportCommand>(batcher)
{
    /// <inheritdoc />
    protected override bool AlwaysTells => true; // Nobody else is told.

    /// <inheritdoc />
    protected override Refusal? Fill(Caller caller, ReportCommand command, Command submitted)
    {
        submitted.Report = new ReportMessage { MessageId = command.MessageId, Reason = command.Reason ?? "" };
        return null;
    }

    /// <inheritdoc />
    protected override ServerEvent Tell(ReportCommand command, string roomId, string epoch, RoomEvent entry) =>
        new ReportedEvent(roomId, command.MessageId, command.Ref);
}
