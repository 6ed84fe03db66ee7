using System.Diagnostics;
using Google.Protobuf;
using Microsoft.Extensions.Options;
using Tertulia.Connections.Announcing;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Limits;
using Tertulia.Connections.Protocol;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Submitting;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Sessions;

/// <summary>From a client's frames to what the node does about them, and from the beginning of a session to its end.</summary>
internal sealed partial class SessionFlow(
    SessionRegistry registry, SessionMover mover, AuthFlow auth, Greeting greeting, JoinFlow joins, HistoryFlow history, TypingTracker typing,
    SubmitBatcher batcher, PresenceReporter reporter, UserRates rates, IOptions<LimitOptions> limits, IOptions<SubmitOptions> submit,
    TimeProvider time, ILogger<SessionFlow> logger) : ISessionFlow
{
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
    public async ValueTask OnFrameAsync(Session session, ClientFrame frame, CancellationToken cancellationToken)
    {
        if (!Allows(session, frame))
        {
            return;
        }

        switch (frame.Type)
        {
            case ClientFrameType.Ping:
                session.Send(FrameWriter.Pong(frame.Ref, time.GetUtcNow()));
                return;
            case ClientFrameType.Auth or ClientFrameType.AuthRefresh:
                if (await auth.OnTokenAsync(session, frame, cancellationToken) is { } authenticated)
                {
                    Start(session, authenticated);
                }

                return;
        }

        if (session.Caller is not { } caller)
        {
            Refuse(session, frame, ErrorCode.AuthRequired);
        }
        else
        {
            OnRoomFrame(session, caller, frame);
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
    private bool Allows(Session session, ClientFrame frame)
    {
        int retryAfterMs;
        var allowed = (frame.Type, session.Caller) switch
        {
            (ClientFrameType.Ping or ClientFrameType.Auth or ClientFrameType.AuthRefresh, _) or (_, null) => session.Rates.TryFree(_limits, time, out retryAfterMs),
            (ClientFrameType.Join or ClientFrameType.Leave, _) => session.Rates.TryMove(_limits, time, out retryAfterMs),
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
            session.Send(FrameWriter.Error(ErrorCode.RateLimited, reference: frame.Ref, retryAfterMs: retryAfterMs, roomId: frame.RoomId));
        }

        return false;
    }

    private void OnRoomFrame(Session session, Caller caller, ClientFrame frame)
    {
        if ((frame.RoomId ?? session.Opening.RoomId) is not { } roomId)
        {
            Refuse(session, frame, ErrorCode.BadRequest, "room_id is missing");
            return;
        }

        switch (frame.Type)
        {
            case ClientFrameType.Join:
                OnJoin(session, caller, roomId, frame);
                return;
            case ClientFrameType.History:
                history.Start(session, caller, roomId, frame);
                return;
        }

        if (!session.Rooms.TryGetValue(roomId, out var member) || member.State == MemberState.Left)
        {
            Refuse(session, frame, ErrorCode.NotMember, roomId: roomId);
            return;
        }

        switch (frame.Type)
        {
            case ClientFrameType.Message:
                OnMessage(member, caller, frame);
                break;
            case ClientFrameType.Typing:
                OnTyping(member, caller, frame);
                break;
            case ClientFrameType.Leave:
                joins.Leave(member);
                session.Rooms.Remove(roomId);
                session.Send(FrameWriter.Left(roomId, frame.Ref));
                break;
        }
    }

    private void OnJoin(Session session, Caller caller, string roomId, ClientFrame frame)
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
                Refuse(session, frame, ErrorCode.LimitExceeded, $"at most {_limits.RoomsPerConnection} rooms on one connection", roomId);
                return;
            }
        }

        joins.Enter(session, caller, roomId, new Entrance(frame.Ref, frame.Since, frame.History ?? Entrance.DefaultHistory, Greets: false));
    }

    private void OnMessage(RoomMember member, Caller caller, ClientFrame frame)
    {
        var roomId = member.Room.RoomId;
        if (frame.Content is not { } content || !_limits.AllowsContent(content))
        {
            Refuse(member.Session, frame, ErrorCode.InvalidMessage, roomId: roomId);
            return;
        }

        using var activity = Telemetry.Activities.StartActivity("message", ActivityKind.Producer, frame.Traceparent);
        var messageId = Guid.CreateVersion7(time.GetUtcNow()).ToString();
        var command = new Command
        {
            RoomId = roomId,
            Actor = caller.ToActor(roomId),
            Traceparent = activity?.Id ?? frame.Traceparent ?? "",
            Send = new SendMessage
            {
                MessageId = messageId,
                ClientMsgId = frame.ClientMsgId ?? "",
                Content = content,
                ReplyTo = frame.ReplyTo ?? "",
                Metadata = frame.Metadata.IsEmpty ? ByteString.Empty : ByteString.CopyFrom(frame.Metadata.Span),
            },
        };
        if (!batcher.TrySubmit(command, new PendingSend(member, frame.Ref, frame.ClientMsgId, messageId)))
        {
            Telemetry.Messages.Add(1, Telemetry.Refused);
            var retryAfterMs = (int)submit.Value.RetryAfter.TotalMilliseconds;
            member.Session.Send(FrameWriter.Error(ErrorCode.Overloaded, reference: frame.Ref, retryAfterMs: retryAfterMs, roomId: roomId));
        }
    }

    private void OnTyping(RoomMember member, Caller caller, ClientFrame frame)
    {
        if (caller.Grants?.For(member.Room.RoomId) is { Write: false } && caller.Role == "user")
        {
            Refuse(member.Session, frame, ErrorCode.Forbidden, roomId: member.Room.RoomId);
        }
        else if (member.State == MemberState.Live)
        {
            typing.OnMember(member, frame.IsTyping);
        }
    }

    private static void Refuse(Session session, ClientFrame frame, ErrorCode code, string? detail = null, string? roomId = null) =>
        session.Send(FrameWriter.Error(code, detail, frame.Ref, roomId: roomId ?? frame.RoomId));

    [LoggerMessage(Level = LogLevel.Debug, Message = "Connection {ConnectionId} of {UserId} is open")]
    private partial void LogOpened(string connectionId, string userId);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Connection {ConnectionId} is closed")]
    private partial void LogClosed(string connectionId);
}
