using System.Diagnostics;
using Google.Protobuf;
using Microsoft.Extensions.Options;
using Tertulia.Connections.Announcing;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Limits;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Submitting;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Sessions;

/// <summary>From a client's commands to what the node does about them, and from the beginning of a session to its end.</summary>
internal sealed partial class SessionFlow(
    SessionRegistry registry, SessionMover mover, AuthFlow auth, Greeting greeting, JoinFlow joins, HistoryFlow history, TypingTracker typing,
    SubmitBatcher batcher, PresenceReporter reporter, UserRates rates, IOptions<LimitOptions> limits, IOptions<SubmitOptions> submit,
    TimeProvider time, ILogger<SessionFlow> logger) : ISessionFlow
{
    private const int MaxMetadataBytes = 4 * 1024; // PROTOCOL §6, as JSON.

    private readonly LimitOptions _limits = limits.Value;

    /// <inheritdoc />
    public ValueTask OpenedAsync(Session session, CancellationToken cancellationToken)
    {
        session.Outbox.Drained = session.TellMissed;
        registry.Add(session);
        if (session.Caller is { } caller)
        {
            Start(session, caller);
        }

        mover.OnOpened(session);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc />
    public async ValueTask OnCommandAsync(Session session, ClientCommand command, CancellationToken cancellationToken)
    {
        if (!Allows(session, command))
        {
            return;
        }

        switch (command)
        {
            case PingCommand:
                session.Send(new PongEvent(command.Ref, time.GetUtcNow()));
                return;
            case AuthCommand token:
                if (await auth.OnTokenAsync(session, token, cancellationToken) is { } authenticated)
                {
                    Start(session, authenticated);
                }

                return;
        }

        if (session.Caller is not { } caller)
        {
            Refuse(session, command, ErrorCode.AuthRequired);
        }
        else if (command is RoomCommand inRoom)
        {
            OnRoomCommand(session, caller, inRoom);
        }
    }

    /// <inheritdoc />
    public async ValueTask ClosedAsync(Session session)
    {
        reporter.Close(session.ConnectionId); // First: it says all of its rooms at once.
        foreach (var member in session.Rooms.Values)
        {
            joins.Leave(member);
        }

        await session.DisposeAsync();
        registry.Remove(session);
        LogClosed(session.ConnectionId);
    }

    private void Start(Session session, Caller caller)
    {
        LogOpened(session.ConnectionId, caller.UserId);
        reporter.Open(session.ConnectionId, caller.UserId, caller.Username);
        if (session.Opening.RoomId is { } roomId)
        {
            joins.Enter(session, caller, roomId, new Entrance(Reference: null, session.Opening.Since, Entrance.DefaultHistory, Greets: true));
        }
        else
        {
            session.Calls.Start(() => greeting.GreetAsync(session, caller));
        }
    }

    /// <returns>False when the client was told that it is too fast, or is closed because it was told often enough.</returns>
    private bool Allows(Session session, ClientCommand command)
    {
        int retryAfterMs;
        var allowed = (command, session.Caller) switch
        {
            (PingCommand or AuthCommand, _) or (_, null) => session.Rates.TryFree(_limits, time, out retryAfterMs),
            (JoinCommand or LeaveCommand, _) => session.Rates.TryMove(_limits, time, out retryAfterMs),
            (_, { } caller) => rates.TryTake(caller.UserId, out retryAfterMs),
        };
        if (allowed)
        {
            return true;
        }

        if (session.Rates.IsFlood(_limits, time))
        {
            session.Close(CloseCode.RateLimited, "flood");
        }
        else
        {
            session.Send(new ErrorEvent(ErrorCode.RateLimited, Ref: command.Ref, RetryAfterMs: retryAfterMs, RoomId: (command as RoomCommand)?.RoomId));
        }

        return false;
    }

    private void OnRoomCommand(Session session, Caller caller, RoomCommand command)
    {
        if ((command.RoomId ?? session.Opening.RoomId) is not { } roomId)
        {
            Refuse(session, command, ErrorCode.BadRequest, "room_id is missing");
            return;
        }

        switch (command)
        {
            case JoinCommand join:
                OnJoin(session, caller, roomId, join);
                return;
            case HistoryCommand page:
                history.Start(session, caller, roomId, page);
                return;
        }

        if (!session.Rooms.TryGetValue(roomId, out var member) || member.State == MemberState.Left)
        {
            Refuse(session, command, ErrorCode.NotMember, roomId: roomId);
            return;
        }

        switch (command)
        {
            case MessageCommand message:
                OnMessage(member, caller, message);
                break;
            case TypingCommand typed:
                OnTyping(member, caller, typed);
                break;
            case LeaveCommand:
                joins.Leave(member);
                session.Rooms.Remove(roomId);
                session.Send(new LeftEvent(roomId, command.Ref));
                break;
        }
    }

    private void OnJoin(Session session, Caller caller, string roomId, JoinCommand command)
    {
        if (_limits.RoomsPerConnection > 0 && session.Rooms.Count >= _limits.RoomsPerConnection && !session.Rooms.ContainsKey(roomId))
        {
            foreach (var (refused, member) in session.Rooms)
            {
                if (member.State == MemberState.Left)
                {
                    session.Rooms.Remove(refused);
                }
            }

            if (session.Rooms.Count >= _limits.RoomsPerConnection)
            {
                Refuse(session, command, ErrorCode.LimitExceeded, $"at most {_limits.RoomsPerConnection} rooms on one connection", roomId);
                return;
            }
        }

        joins.Enter(session, caller, roomId, new Entrance(command.Ref, command.Since, command.History ?? Entrance.DefaultHistory, Greets: false));
    }

    private void OnMessage(RoomMember member, Caller caller, MessageCommand message)
    {
        var roomId = member.Room.RoomId;
        if (message.Content is not { } content || !_limits.AllowsContent(content))
        {
            Refuse(member.Session, message, ErrorCode.InvalidMessage, roomId: roomId);
            return;
        }

        if (message.Metadata.Length > MaxMetadataBytes)
        {
            Refuse(member.Session, message, ErrorCode.TooLarge, $"metadata has more than {MaxMetadataBytes} bytes", roomId);
            return;
        }

        using var activity = Telemetry.Activities.StartActivity("message", ActivityKind.Producer, message.Traceparent);
        var messageId = Guid.CreateVersion7(time.GetUtcNow()).ToString();
        var command = new Command
        {
            RoomId = roomId,
            Actor = caller.ToActor(roomId),
            Traceparent = activity?.Id ?? message.Traceparent ?? "",
            Send = new SendMessage
            {
                MessageId = messageId,
                ClientMsgId = message.ClientMsgId ?? "",
                Content = content,
                ReplyTo = message.ReplyTo ?? "",
                Metadata = message.Metadata.IsEmpty ? ByteString.Empty : ByteString.CopyFrom(message.Metadata.Span),
            },
        };
        if (!batcher.TrySubmit(command, new PendingSend(member, message.Ref, message.ClientMsgId, messageId)))
        {
            Telemetry.Messages.Add(1, Telemetry.Refused);
            var retryAfterMs = (int)submit.Value.RetryAfter.TotalMilliseconds;
            member.Session.Send(new ErrorEvent(ErrorCode.Overloaded, Ref: message.Ref, RetryAfterMs: retryAfterMs, RoomId: roomId));
        }
    }

    private void OnTyping(RoomMember member, Caller caller, TypingCommand command)
    {
        if (caller.Grants?.For(member.Room.RoomId) is { Write: false } && caller.Role == "user")
        {
            Refuse(member.Session, command, ErrorCode.Forbidden, roomId: member.Room.RoomId);
        }
        else if (member.State == MemberState.Live)
        {
            typing.OnMember(member, command.IsTyping);
        }
    }

    private static void Refuse(Session session, ClientCommand command, ErrorCode code, string? detail = null, string? roomId = null) =>
        session.Send(new ErrorEvent(code, detail, command.Ref, RoomId: roomId ?? (command as RoomCommand)?.RoomId));

    [LoggerMessage(Level = LogLevel.Debug, Message = "Connection {ConnectionId} of {UserId} is open")]
    private partial void LogOpened(string connectionId, string userId);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Connection {ConnectionId} is closed")]
    private partial void LogClosed(string connectionId);
}
