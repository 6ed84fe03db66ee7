using Grpc.Core;
using Tertulia.Connections.Auth;
using Tertulia.Connections.Events;
using Tertulia.Connections.Rooms;
using Tertulia.Connections.Sessions;
using Tertulia.Contracts;

namespace Tertulia.Connections.Notifying;

/// <summary>What users do with threads. The message service says which thread it is and whether the user may read it, the notification service keeps marks and
/// choices.</summary>
internal sealed class ThreadFlow(
    MessageService.MessageServiceClient messages, NotificationService.NotificationServiceClient notifications, PatientReads reads, SessionReads pages)
{
    private const int DefaultLimit = 50;

    /// <summary>Starts to mark a thread as read; the answer comes through the outbox, when there was a <c>ref</c>.</summary>
    public void StartRead(Session session, Caller caller, string roomId, ReadCommand command) =>
        Start(session, command.Ref, roomId, () => ReadAsync(caller, roomId, command, session.Ended), answers: command.Ref is not null);

    /// <summary>Starts to follow a thread, or to do so no more; the answer comes through the outbox, when there was a <c>ref</c>.</summary>
    public void StartFollow(Session session, Caller caller, string roomId, FollowThreadCommand command) =>
        Start(session, command.Ref, roomId, () => FollowAsync(caller, roomId, command, session.Ended), answers: command.Ref is not null);

    /// <summary>Starts to read a page of threads; the answer comes through the outbox.</summary>
    public void StartList(Session session, Caller caller, ThreadsCommand command) =>
        Start(session, command.Ref, roomId: null, async () => await ListAsync(caller, command, session.Ended), answers: true);

    /// <summary>The user has read a thread up to a seq, also without a session.</summary>
    /// <exception cref="RpcException">Refused.</exception>
    public Task<ServerEvent> ReadAsync(Caller caller, string roomId, ReadCommand command, CancellationToken cancellationToken) =>
        MarkAsync(caller, roomId, command.ThreadRoot!, command.Ref, (request, lastSeq) => request.ReadSeq = Math.Min(command.Seq, lastSeq), cancellationToken);

    /// <summary>The user wants to follow a thread, or not, also without a session. Who begins to has read what is there.</summary>
    /// <exception cref="RpcException">Refused.</exception>
    public Task<ServerEvent> FollowAsync(Caller caller, string roomId, FollowThreadCommand command, CancellationToken cancellationToken) => MarkAsync(
        caller, roomId, command.ThreadRoot!, command.Ref,
        (request, lastSeq) => (request.Following, request.ReadSeq) = (!command.Unfollows, command.Unfollows ? 0 : lastSeq),
        cancellationToken);

    /// <summary>A page of threads, also without a session: those of rooms that the token lets its user read.</summary>
    /// <exception cref="RpcException">Refused.</exception>
    public async Task<ThreadListEvent> ListAsync(Caller caller, ThreadsCommand command, CancellationToken cancellationToken)
    {
        var asked = new ListThreadsRequest
        {
            UserId = caller.UserId, UnreadOnly = command.UnreadOnly, Cursor = command.Cursor ?? "", Limit = (uint)(command.Limit ?? DefaultLimit),
        };
        var page = await reads.BeginHistory().ReadAsync(options => notifications.ListThreadsAsync(asked, options), cancellationToken);
        return new ThreadListEvent([.. page.Threads.Where(thread => caller.MayRead(thread.RoomId))], page.HasMore, page.Cursor, command.Ref);
    }

    private async Task<ServerEvent> MarkAsync(
        Caller caller, string roomId, string messageId, string? reference, Action<MarkThreadRequest, long> fill, CancellationToken cancellationToken)
    {
        var asked = new GetThreadRequest { RoomId = roomId, Actor = caller.ToActor(roomId), RootId = messageId, Limit = 1 };
        var thread = await reads.BeginHistory().ReadAsync(options => messages.GetThreadAsync(asked, options), cancellationToken);
        var request = new MarkThreadRequest { UserId = caller.UserId, RoomId = roomId, RootId = thread.Root.MessageId };
        fill(request, thread.Messages is [.., var last] ? last.Seq : thread.Root.Seq);
        var marked = await reads.BeginHistory().ReadAsync(options => notifications.MarkThreadAsync(request, options), cancellationToken);
        return new ThreadUnreadEvent(marked, reference);
    }

    private void Start(Session session, string? reference, string? roomId, Func<Task<ServerEvent>> work, bool answers) =>
        pages.StartPage(session, reference, roomId, async () =>
        {
            var answer = await work();
            if (answers)
            {
                await session.AnswerAsync(answer, session.Ended);
            }
        });
}
