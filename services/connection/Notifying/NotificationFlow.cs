using Grpc.Core;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;
using Tertulia.Hosting;

namespace Tertulia.Connections.Notifying;

/// <summary>What clients ask of their users' inboxes, answered by the notification service.</summary>
internal sealed partial class NotificationFlow(
    NotificationService.NotificationServiceClient notifications, PresenceService.PresenceServiceClient presence, Greeting greeting, PatientReads reads, SessionReads answers,
    ProcessIdentity node, TimeProvider time, ILogger<NotificationFlow> logger)
{
    private const int DefaultLimit = 50;
    private static readonly TimeSpan SeenWithin = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(50);

    /// <summary>Greets a session on <c>/ws/notifications</c> with the newest of the inbox.</summary>
    /// <remarks>What comes after the inbox was read is sent to this node, because presence is waited for, first: nothing falls between the two.</remarks>
    public async Task GreetAsync(Session session, Caller caller)
    {
        try
        {
            await SeenAsync(caller.UserId, session.Ended);
            var request = new GetInboxRequest { UserId = caller.UserId, Limit = DefaultLimit };
            var page = await reads.Begin().ReadAsync(options => notifications.GetInboxAsync(request, options), session.Ended);
            session.Send(greeting.Connected(session, caller, NotificationsEvent.Fit(ShownNotifications.To(caller, page))));
        }
        catch (RpcException exception) when (!session.Ended.IsCancellationRequested)
        {
            session.Send(ErrorEvent.Of(RpcErrors.ToRefusal(exception), reference: null, roomId: null));
            session.Close(CloseCode.Internal, "the inbox cannot be read"); // It is all that this session is about: the client comes back.
        }
        catch (Exception) when (session.Ended.IsCancellationRequested)
        {
            return; // The client is gone.
        }
        catch (Exception exception)
        {
            LogFailed(exception);
            session.Send(new ErrorEvent(ErrorCode.Internal));
            session.Close(CloseCode.Internal, "internal");
        }
    }

    /// <summary>Starts to read a page; the answer comes through the outbox.</summary>
    public void StartPage(Session session, Caller caller, NotificationsCommand command) => answers.StartPage(session, command.Ref, roomId: null, async () =>
    {
        var request = new GetInboxRequest
        {
            UserId = caller.UserId, BeforeUseq = command.BeforeUseq ?? 0, Limit = (uint)(command.Limit ?? DefaultLimit), UnreadOnly = command.UnreadOnly,
        };
        var page = await reads.BeginHistory().ReadAsync(options => notifications.GetInboxAsync(request, options), session.Ended);
        await session.AnswerAsync(new NotificationsEvent(NotificationsEvent.Fit(ShownNotifications.To(caller, page)), command.Ref), session.Ended);
    });

    /// <summary>Starts to mark notifications as read; the answer comes through the outbox when it is durable.</summary>
    public void StartRead(Session session, Caller caller, NotificationReadCommand command) => answers.Start(session, command.Ref, roomId: null, async () =>
    {
        var request = new MarkReadRequest
        {
            UserId = caller.UserId, UpToUseq = command.UpToUseq ?? 0, All = command.All, NotificationIds = { command.Ids ?? [] }, ConnectionId = session.ConnectionId,
        };
        var read = await reads.BeginHistory().ReadAsync(options => notifications.MarkReadAsync(request, options), session.Ended);
        if (command.Ref is not null)
        {
            session.Send(new NotificationReadEvent(read, command.Ref));
        }
    });

    // Without presence all nodes are told of everything, so that it need not be waited for.
    private async Task SeenAsync(string userId, CancellationToken cancellationToken)
    {
        var request = new LocateUsersRequest { UserIds = { userId } };
        for (var begun = time.GetTimestamp(); time.GetElapsedTime(begun) < SeenWithin;)
        {
            try
            {
                var reply = await presence.LocateUsersAsync(request, deadline: DateTime.UtcNow + SeenWithin, cancellationToken: cancellationToken);
                if (reply.Users is [var user] && user.NodeIds.Contains(node.Id))
                {
                    return;
                }
            }
            catch (RpcException) when (!cancellationToken.IsCancellationRequested)
            {
                return;
            }

            await Task.Delay(LookEvery, time, cancellationToken);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Greeting a client with its inbox failed")]
    private partial void LogFailed(Exception exception);
}
