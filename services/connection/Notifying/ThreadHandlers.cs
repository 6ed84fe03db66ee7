using Tertulia.Connections.Auth;
using Tertulia.Connections.Sessions;
using Tertulia.Connections.Verbs;

namespace Tertulia.Connections.Notifying;

/// <summary><c>threads</c>: a page of the threads that the user follows.</summary>
internal sealed class ThreadsHandler(ThreadFlow threads) : CallerHandler<ThreadsCommand>
{
    /// <inheritdoc />
    protected override void Handle(Session session, Caller caller, ThreadsCommand command) => threads.StartList(session, caller, command);
}

/// <summary><c>thread_follow</c> and <c>thread_unfollow</c>. The room need not be entered.</summary>
internal sealed class FollowThreadHandler(ThreadFlow threads) : RoomHandler<FollowThreadCommand>
{
    /// <inheritdoc />
    protected override void Handle(Session session, Caller caller, string roomId, FollowThreadCommand command) =>
        threads.StartFollow(session, caller, roomId, command);
}
